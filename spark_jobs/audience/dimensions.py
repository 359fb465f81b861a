"""Dimensions: what segments and pixels are, as the newest file tells it.

Reads the landing tables `segment_dim` and `pixel_dim`, all that has landed up to the day; writes `segments` and `pixels`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.audience import pixel_dim, pixels, segment_dim, segments
from expectations.audience.ids import bare_sql
from spark_jobs.common.arrival import arrival_day
from spark_jobs.common.disposition import newest_of_each
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams


def transform(
    told: DataFrame, owned: DataFrame, *, window: Window, params: AudienceParams
) -> tuple[DataFrame, DataFrame]:
    """Each entry once, with `_dropped` marks; a group or advertiser that is blank is none."""
    from pyspark.sql import functions as F

    told = told.withColumn("group_id", F.expr(f"nullif({bare_sql('group_id')}, '')"))
    owned = owned.withColumn("advertiser_id", F.expr(f"nullif({bare_sql('advertiser_id')}, '')"))
    ds = F.lit(window.last_day)
    told, owned = (
        with_listed_since(rows, of).withColumn("ds", ds) for rows, of in ((told, "segment_id"), (owned, "pixel_id"))
    )
    return newest_of_each(told, segments.TABLE), newest_of_each(owned, pixels.TABLE)


def with_listed_since(rows: DataFrame, of: str) -> DataFrame:
    """Since when each id has been listed: an event that arrived earlier is refused, in one pass over many days too."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    return rows.withColumn("listed_since", F.min(arrival_day()).over(W.partitionBy(of)))


def landed_so_far(window: Window, params: AudienceParams) -> Window:
    """Dimensions land when they change, and not every day."""
    return window.extended(before=timedelta(days=params.dimension_reach_days))


STAGE = Stage(
    pipeline="audience",
    name="dimensions",
    reads=(Landed(segment_dim.TABLE, by_arrival=True), Landed(pixel_dim.TABLE, by_arrival=True)),
    writes=(Write(segments.TABLE, balances="segment_dim"), Write(pixels.TABLE, balances="pixel_dim")),
    transform=transform,
    read_window=landed_so_far,
)
