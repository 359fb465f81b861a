"""Gaps in the data: an interlocking that says nothing while several trips are planned through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def with_outage(
    calls: DataFrame, movements: DataFrame, sections: DataFrame, seen: Window, params: MetroParams
) -> DataFrame:
    """The calls with ``outage``: planned inside of a gap at their platform's interlocking, and not withdrawn.

    ``calls`` has ``change``; ``seen`` is the time of which movements are known. A single silent trip is no gap: it may
    be cancelled.
    """
    from pyspark.sql import functions as F

    platforms = sections.where("platform_stop_id IS NOT NULL").select(
        F.col("platform_stop_id").alias("stop_id"), "source_system"
    )
    gaps = silences(movements, platforms, seen, params)
    expected = calls.where(~F.coalesce(F.col("change").isin("CANCEL", "PART_CANCEL"), F.lit(False)))
    expected = expected.select("service_date", "trip_id", "stop_sequence", "stop_id", "planned_departure_ts").join(
        F.broadcast(platforms), on="stop_id", how="inner"
    )
    inside = (F.col("planned_departure_ts") > F.col("silent_from")) & (
        F.col("planned_departure_ts") < F.col("silent_until")
    )
    silent = expected.join(F.broadcast(gaps), on="source_system", how="inner").where(inside)
    real = silent.groupBy("source_system", "silent_from").agg(F.count_distinct("trip_id").alias("trips"))
    real = real.where(F.col("trips") >= params.outage_min_trips).select("source_system", "silent_from")
    lost = silent.join(F.broadcast(real), on=["source_system", "silent_from"], how="left_semi")
    lost = lost.select("service_date", "trip_id", "stop_sequence", F.lit(True).alias("outage"))
    flagged = calls.join(F.broadcast(lost), on=["service_date", "trip_id", "stop_sequence"], how="left")
    return flagged.withColumn("outage", F.coalesce("outage", F.lit(False)))


def silences(movements: DataFrame, platforms: DataFrame, seen: Window, params: MetroParams) -> DataFrame:
    """source_system, silent_from, silent_until: longer than the params allow, also at the ends of what is seen."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    inside = movements.where((F.col("event_ts") >= F.lit(seen.start)) & (F.col("event_ts") < F.lit(seen.end)))
    heard = inside.groupBy("source_system", F.date_trunc("minute", "event_ts").alias("heard_ts")).count().drop("count")
    ends = (
        platforms.select("source_system")
        .distinct()
        .withColumn("heard_ts", F.explode(F.array(F.lit(seen.start), F.lit(seen.end))))
    )
    system = W.partitionBy("source_system").orderBy("heard_ts")
    until = F.lead("heard_ts").over(system)
    pairs = heard.unionByName(ends).select(
        "source_system", F.col("heard_ts").alias("silent_from"), until.alias("silent_until")
    )
    return pairs.where(
        F.col("silent_until") - F.col("silent_from") > F.expr(f"INTERVAL {params.outage_after_min} MINUTES")
    )
