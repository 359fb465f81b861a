"""Whole runs: which trip each was given, what later windows hold on to, and the trips performed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

RUN = ["service_date", "run_id"]


def pins_of(state: DataFrame, params: MetroParams) -> DataFrame:
    """The decisions to hold on to; once the day is over everything is decided anew."""
    from pyspark.sql import functions as F

    held = state.where(F.col("pinned") & F.col("trip_id").isNotNull() & F.lit(not params.day_over))
    return held.select(*RUN, F.col("trip_id").alias("pin_trip_id"), F.col("method").alias("pin_method"))


def state_of(
    matches: DataFrame, actual: DataFrame, visits: DataFrame, state: DataFrame, window: Window, params: MetroParams
) -> DataFrame:
    """The state after this run: of the runs it judged, and unchanged of those it no longer reaches."""
    from pyspark.sql import functions as F

    days = service_days(window, params)
    judged = state_of_judged(matches, actual, window, params).where(F.col("service_date").isin(days))
    existing = visits.select(*RUN).distinct()
    carried = state.where(F.col("service_date").isin(days) & F.lit(not params.day_over))
    carried = carried.join(existing, on=RUN, how="left_semi").join(judged, on=RUN, how="left_anti")
    return judged.unionByName(carried.select(*judged.columns))


def state_of_judged(matches: DataFrame, actual: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """The trip that most of a run's visits were matched with; by the smaller trip id where two have as many."""
    from pyspark.sql import functions as F

    rows = matches.where("run_id IS NOT NULL").join(
        actual.select(*RUN, "visit_seq", "corridor_group", "direction_id", "anchor_ts"), on=[*RUN, "visit_seq"]
    )
    anchored = F.when(F.col("trip_id").isNotNull(), F.col("anchor_ts"))
    by_trip = rows.groupBy(*RUN, "corridor_group", "direction_id", "trip_id").agg(
        F.count("*").alias("pairs"),
        F.max("match_method").alias("method"),
        F.min(anchored).alias("first_pair_ts"),
        F.collect_set("actual_status").alias("statuses"),
    )
    first = F.struct(F.col("trip_id").isNull(), -F.col("pairs"), "trip_id")
    by_run = by_trip.groupBy(*RUN, "corridor_group", "direction_id").agg(
        *[F.min_by(name, first).alias(name) for name in ("trip_id", "method", "first_pair_ts")],
        F.flatten(F.collect_list("statuses")).alias("statuses"),
    )
    pinned_until = F.lit(window.end - timedelta(minutes=params.pin_after_min))
    return by_run.withColumns(
        {
            "status": _status_of_run(),
            "pinned": F.coalesce(F.col("first_pair_ts") <= pinned_until, F.lit(False)),
            "loaded_at": F.lit(window.end),
        }
    ).drop("statuses")


def runs_performed(visits: DataFrame, state: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """One row for each run of the window's days of service, in the columns of `trips_performed`."""
    from pyspark.sql import functions as F

    of_days = visits.where(F.col("service_date").isin(service_days(window, params)))
    runs = of_days.groupBy(*RUN).agg(
        *[F.mode(name, True).alias(name) for name in ("corridor_group", "direction_id")],
        F.min_by("vehicle_id", F.when(F.col("vehicle_id").isNotNull(), F.col("visit_seq"))).alias("vehicle_id"),
        F.max_by("line_id", "visit_seq").alias("route_id"),
        F.min_by("stop_id", "visit_seq").alias("trip_start_stop_id"),
        F.max_by("stop_id", "visit_seq").alias("trip_end_stop_id"),
        F.min_by("departure_ts", "visit_seq").alias("actual_trip_start"),
        F.max_by("arrival_ts", "visit_seq").alias("actual_trip_end"),
        F.count("*").cast("int").alias("visits"),
        F.bool_or("revenue").alias("revenue"),
    )
    given = state.select(
        *RUN, F.col("trip_id").alias("trip_id_scheduled"), F.col("method").alias("match_method"), "status"
    )
    joined = runs.join(given, on=RUN, how="left")
    relation = (
        F.when(F.col("trip_id_scheduled").isNotNull(), "Scheduled")
        .when(F.col("status") == "EXTRA", "Added")
        .otherwise("Unscheduled")
    )
    return joined.withColumns(
        {
            "trip_id_performed": F.col("run_id"),
            "in_service": F.when(F.col("revenue"), "In passenger service").otherwise("Other not in service"),
            "schedule_relationship": relation,
            "loaded_at": F.lit(window.end),
        }
    )


def _status_of_run() -> Column:
    """The first of these that any visit of the run has."""
    from pyspark.sql import functions as F

    order = ("NON_REVENUE", "SHORT_TURN", "SCHEDULED", "EXTRA")
    return F.coalesce(*[F.when(F.array_contains("statuses", status), status) for status in order], F.lit("UNMATCHED"))
