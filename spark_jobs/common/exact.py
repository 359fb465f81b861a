"""Sums of fractions that come out the same, in whatever order the rows come.

Of doubles the last digits of a sum depend on their order, and Spark fixes none. To round the sum afterwards hides that but for the
sums that lie between two rounded values, and a mean over an even number of milliseconds does so often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def exact_sum(value: Column, digits: int) -> Column:
    """Aggregate: the sum of the values, each rounded to so many decimal places, as a double."""
    from pyspark.sql import functions as F

    return F.sum(_decimal(value, digits)).cast("double")


def exact_mean(value: Column, digits: int) -> Column:
    """Aggregate: the mean of the values, each rounded to so many decimal places, itself rounded likewise, as a double."""
    from pyspark.sql import functions as F

    return F.round(F.avg(_decimal(value, digits)), digits).cast("double")


def _decimal(value: Column, digits: int) -> Column:
    return value.cast(f"decimal(28,{digits})")
