"""Sums and means over a column that holds a list of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def sum_of(column: str) -> Column:
    """The sum of a list, from first to last so that it is the same every time; 0 of an empty one."""
    from pyspark.sql import functions as F

    return F.aggregate(column, F.lit(0.0), lambda so_far, value: so_far + value)


def mean_of(column: str) -> Column:
    """The mean of a list; null of an empty one."""
    from pyspark.sql import functions as F

    return F.when(F.size(column) > 0, sum_of(column) / F.size(column))
