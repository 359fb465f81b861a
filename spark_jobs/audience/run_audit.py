"""What a day's run had before it, counted and left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.audience import air_run_audit
from expectations.audience.membership import day_start_sql
from spark_jobs.audience.pairs import CAPPED, SEGMENT_PIXEL

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.common.window import Window


def run_audit(
    users: DataFrame,
    before: DataFrame,
    adds: DataFrame,
    visits: DataFrame,
    counts: DataFrame,
    theta: float,
    window: Window,
) -> DataFrame:
    """One row on the run; ``counts`` are those of a share ``theta`` of the users."""
    from pyspark.sql import functions as F

    held = users.agg(
        F.count("*").alias("users"),
        F.coalesce(F.sum(F.size("segments")), F.lit(0)).alias("segment_entries"),
        F.coalesce(F.sum(F.size("pixels")), F.lit(0)).alias("pixel_entries"),
    )
    late = adds.select("arrival_day", "ts").unionByName(visits.select("arrival_day", "ts"))
    late = late.where(F.col("arrival_day").isin(window.business_days("UTC", 0)))
    late = late.where(f"ts < {day_start_sql('arrival_day')}").agg(F.count("*").alias("late_events"))
    paired = {"capped_users": (CAPPED, "users"), "ordered_pairs": (SEGMENT_PIXEL, "users")}
    paired["unordered_pairs"] = (SEGMENT_PIXEL, "users_any_order")
    sums = [
        F.round(F.coalesce(F.sum(F.when(F.col("what") == what, F.col(column))), F.lit(0)) / theta)
        .cast("bigint")
        .alias(name)
        for name, (what, column) in paired.items()
    ]
    return (
        held.crossJoin(before.agg(F.count("*").alias("users_before")))
        .crossJoin(late)
        .crossJoin(counts.agg(*sums))
        .withColumn("ds", F.lit(window.last_day))
        .select(*air_run_audit.TABLE.column_names)
    )
