"""Counts: distinct users by segment and pixel, group and pixel, segment, group and pixel."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams

COUNTED = "what string, whole string, pixel_id string, users bigint, users_any_order bigint"


def user_counts(users: DataFrame, group_of: Mapping[str, str], params: AudienceParams) -> DataFrame:
    """One row a cell and kind of count, summed over tasks; ``group_of``: the group of each segment."""
    from pyspark.sql import functions as F

    lists = users.select(
        F.map_keys("segments").alias("segment_ids"),
        F.map_values("segments")["min"].alias("segment_firsts"),
        F.map_keys("pixels").alias("pixel_ids"),
        F.map_values("pixels")["min"].alias("pixel_firsts"),
    )
    count = partial(_counted, group_of=group_of, most_segments=params.most_segments, most_pixels=params.most_pixels)
    parts = lists.coalesce(params.pair_tasks).mapInArrow(count, COUNTED)
    return parts.groupBy("what", "whole", "pixel_id").agg(
        F.sum("users").alias("users"), F.sum("users_any_order").alias("users_any_order")
    )


def groups_on(told: DataFrame, day: date) -> DataFrame:
    """Each segment's group on a day."""
    from pyspark.sql import functions as F

    on_day = F.lit(day).between(F.col("valid_from"), F.coalesce("valid_to", F.lit(day)))
    return told.where(on_day).select("segment_id", "group_id")


def _counted(
    batches: Iterable[pa.RecordBatch], group_of: Mapping[str, str], most_segments: int, most_pixels: int
) -> Iterator[pa.RecordBatch]:
    from spark_jobs.audience.pairs import Caps, counted

    return counted(batches, group_of, Caps(most_segments, most_pixels))
