"""Dimensions: what segments and pixels are, as the newest file tells it.

Reads the landing tables `segment_dim` and `pixel_dim`, all that has landed up to the day; writes `segments` and `pixels`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.audience import pixel_dim, pixels, segment_dim, segments
from spark_jobs.common.disposition import newest_of_each
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams


def transform(
    told: DataFrame, owned: DataFrame, *, window: Window, params: AudienceParams
) -> tuple[DataFrame, DataFrame]:
    """Each entry once, with `_dropped` marks."""
    from pyspark.sql import functions as F

    told, owned = (rows.withColumn("ds", F.lit(window.last_day)) for rows in (told, owned))
    return newest_of_each(told, segments.TABLE), newest_of_each(owned, pixels.TABLE)


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
