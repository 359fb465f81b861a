"""Cells: every live segment with every visited pixel, and the counts that their index is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.audience.membership import UNGROUPED
from spark_jobs.audience.pairs import GROUP, GROUP_PIXEL, PIXEL, SEGMENT, SEGMENT_PIXEL

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# The owner of a pixel that the dimension lists no more.
NOBODY = "unknown"


def cells_of(counts: DataFrame, groups: DataFrame, owned: DataFrame) -> DataFrame:
    """A row a live segment and visited pixel.

    ``counts``: what, whole, pixel_id, users, users_any_order; ``groups``: segment_id, group_id; ``owned``: pixel_id,
    advertiser_id.
    """
    from pyspark.sql import functions as F

    live = _of(counts, SEGMENT, segment_id="whole", segment_users="users").join(groups, on="segment_id", how="left")
    live = live.withColumn("group_id", F.coalesce("group_id", F.lit(UNGROUPED)))
    live = live.join(F.broadcast(_of(counts, GROUP, group_id="whole", group_total="users")), on="group_id", how="inner")
    seen = _of(counts, PIXEL, pixel_id="pixel_id", pixel_users="users").join(
        owned.select("pixel_id", "advertiser_id"), on="pixel_id", how="left"
    )
    seen = seen.withColumn("advertiser_id", F.coalesce("advertiser_id", F.lit(NOBODY)))
    matched = _of(
        counts,
        SEGMENT_PIXEL,
        segment_id="whole",
        pixel_id="pixel_id",
        matched_users="users",
        matched_any_order="users_any_order",
    )
    visitors = _of(counts, GROUP_PIXEL, group_id="whole", pixel_id="pixel_id", group_users="users")
    return (
        F.broadcast(live)
        .crossJoin(seen)
        .join(visitors, on=["group_id", "pixel_id"], how="left")
        .join(matched, on=["segment_id", "pixel_id"], how="left")
        .fillna(0, ["matched_users", "matched_any_order", "group_users"])
    )


def _of(counts: DataFrame, what: str, **columns: str) -> DataFrame:
    """One kind of count under its own names."""
    from pyspark.sql import functions as F

    return counts.where(F.col("what") == what).select(*[F.col(old).alias(new) for new, old in columns.items()])
