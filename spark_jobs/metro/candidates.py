"""What takes part in a matching: whole runs and whole trips in reach of the rows that the run replaces."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from spark_jobs.common.disposition import landed_order
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import horizon

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def candidates(window: Window, params: MetroParams) -> Window:
    """Visits and departures that may belong to what the run replaces: as much earlier as a pair may lie apart."""
    return horizon(window, params).extended(before=timedelta(seconds=params.max_pair_dev_s))


def runs_in_reach(visits: DataFrame, reach: Window, params: MetroParams) -> DataFrame:
    """Whole runs with a visit in reach: half a run looks like another trip. Each is in one group only, that of most of its
    visits.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    days = reach.business_days(params.timezone, params.service_day_cut_h)
    run = W.partitionBy("service_date", "run_id")
    of_days = visits.where(F.col("service_date").isin(days) & (F.col("anchor_ts") < F.lit(reach.end)))
    return (
        of_days.withColumn("_until", F.max("anchor_ts").over(run))
        .where(F.col("_until") >= F.lit(reach.start))
        .withColumns({name: F.mode(name, True).over(run) for name in ("corridor_group", "direction_id")})
        .drop("_until")
    )


def trips_in_reach(timetable: DataFrame, reach: Window, params: MetroParams) -> DataFrame:
    """Whole trips with a planned departure in reach."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    days = reach.business_days(params.timezone, params.service_day_cut_h)
    trip = W.partitionBy("service_date", "trip_id")
    of_days = timetable.where(F.col("service_date").isin(days))
    spans = of_days.withColumns(
        {"_from": F.min("planned_departure_ts").over(trip), "_until": F.max("planned_departure_ts").over(trip)}
    )
    return spans.where((F.col("_from") < F.lit(reach.end)) & (F.col("_until") >= F.lit(reach.start))).drop(
        "_from", "_until"
    )


def with_changes(calls: DataFrame, changes: DataFrame, window: Window) -> DataFrame:
    """``change``: the last decision of traffic control before the window's end about the call, or about its whole
    trip. What is said of a call goes before what is said of its trip, unless the trip is cancelled later.
    """
    from pyspark.sql import functions as F

    known = changes.where(F.col("ts") < F.lit(window.end)).withColumnRenamed("change", "_change")
    of_call = (
        known.where("stop_sequence IS NOT NULL")
        .groupBy("service_date", "trip_id", "stop_sequence")
        .agg(F.max_by("_change", landed_order("ts")).alias("change_of_call"), F.max("ts").alias("_call_ts"))
    )
    of_trip = (
        known.where("stop_sequence IS NULL")
        .groupBy("service_date", "trip_id")
        .agg(F.max_by("_change", landed_order("ts")).alias("change_of_trip"), F.max("ts").alias("_trip_ts"))
    )
    joined = calls.join(F.broadcast(of_call), on=["service_date", "trip_id", "stop_sequence"], how="left")
    joined = joined.join(F.broadcast(of_trip), on=["service_date", "trip_id"], how="left")
    cancelled = (F.col("change_of_trip") == "CANCEL") & (F.col("_trip_ts") > F.col("_call_ts"))
    change = F.when(cancelled, F.col("change_of_trip")).otherwise(F.coalesce("change_of_call", "change_of_trip"))
    return joined.withColumn("change", change).drop("_call_ts", "_trip_ts")
