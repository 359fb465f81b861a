"""Days: what the run's days tell of each user.

Reads `segment_adds` and `pixel_visits` of the run's days; writes `user_days`, bucketed like the user database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.audience import pixel_visits, segment_adds, user_days
from expectations.audience.membership import MEMBERSHIP_DAYS
from spark_jobs.audience.spans import spans_of
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams


def transform(adds: DataFrame, visits: DataFrame, *, window: Window, params: AudienceParams) -> tuple[DataFrame]:
    """A row a user."""
    from pyspark.sql import functions as F

    of_run = F.col("arrival_day").isin(window.business_days("UTC", 0))
    told = _told(adds.where(of_run), "segment_id", True).unionByName(_told(visits.where(of_run), "pixel_id", False))
    # All that follows groups within a user: moved once, events need not be moved again for each grouping.
    told = told.repartition("user_id")
    keep_days = F.when(F.col("is_segment"), MEMBERSHIP_DAYS).otherwise(params.pixel_retention_days)
    return (by_user(spans_of(told, keep_days)).select(*user_days.TABLE.column_names),)


def by_user(spans: DataFrame) -> DataFrame:
    """Two maps a user: segments and pixels by their first and last instant."""
    from pyspark.sql import functions as F

    entry = F.struct("id", "span")
    of_kind = {"segments": F.col("is_segment"), "pixels": ~F.col("is_segment")}
    # collect_list passes over the nulls of the other kind.
    lists = [F.map_from_entries(F.collect_list(F.when(kind, entry))).alias(name) for name, kind in of_kind.items()]
    return spans.groupBy("user_id").agg(*lists)


def _told(events: DataFrame, of: str, is_segment: bool) -> DataFrame:
    from pyspark.sql import functions as F

    return events.select("user_id", F.lit(is_segment).alias("is_segment"), F.col(of).alias("id"), "arrival_day", "ts")


STAGE = Stage(
    pipeline="audience",
    name="days",
    reads=(FromRun(segment_adds.TABLE, "events"), FromRun(pixel_visits.TABLE, "events")),
    writes=(Write(user_days.TABLE),),
    transform=transform,
)
