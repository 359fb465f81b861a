"""UDB: the user database of the day, made from the one of the day before and the day itself.

Reads `user_days` and `udb` as it was when the run's window began; writes `udb`, whole. What nobody repeated in time
lapses here, on a day without events too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.audience import udb, user_days
from expectations.audience.membership import MEMBERSHIP_DAYS
from spark_jobs.audience.spans import merged, unlapsed
from spark_jobs.common.stage import FromRun, Stage, StateBefore, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams


def transform(days: DataFrame, before: DataFrame, *, window: Window, params: AudienceParams) -> tuple[DataFrame]:
    """A row a user with a live segment or a remembered pixel."""
    from pyspark.sql import functions as F

    both = before.alias("before").join(days.alias("now"), on="user_id", how="full")
    ds = window.last_day
    keep = {"segments": MEMBERSHIP_DAYS, "pixels": params.pixel_retention_days}
    state = both.select(
        "user_id",
        *[unlapsed(merged(f"before.{name}", f"now.{name}"), ds, days).alias(name) for name, days in keep.items()],
        F.lit(ds).alias("updated_ds"),
    )
    return (state.where((F.size("segments") > 0) | (F.size("pixels") > 0)).select(*udb.TABLE.column_names),)


STAGE = Stage(
    pipeline="audience",
    name="udb",
    reads=(FromRun(user_days.TABLE, "days"), StateBefore(udb.TABLE)),
    writes=(Write(udb.TABLE),),
    transform=transform,
)
