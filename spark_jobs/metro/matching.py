"""Matching: every visit of a train with at most one planned departure, and every planned departure with at most one visit.

Reads `visits`, `timetable` and `movements` of this run, plan changes, the section register, and what earlier windows decided
(`match_state`). Writes `stop_visits`, `planned_calls`, `trips_performed` and the new `match_state`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.metro import infra_section, match_state, movements, plan_change, planned_calls, stop_visits, timetable, trips_performed, visits
from spark_jobs.common.stage import FromRun, Landed, Released, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.matches import matches
from spark_jobs.metro.outages import with_outage
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.register import sections_of_day
from spark_jobs.metro.runs import pins_of, runs_performed, state_of
from spark_jobs.metro.scopes import horizon, recent, service_days
from spark_jobs.metro.verdict_tables import calls_with_verdict, visits_with_call

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(
    visits: DataFrame,
    timetable: DataFrame,
    movements: DataFrame,
    infra: DataFrame,
    changes: DataFrame,
    state: DataFrame,
    *,
    window: Window,
    params: MetroParams,
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame]:
    """Stop visits, planned calls, performed trips and the state for the next window."""
    reach = candidates(window, params)
    sections = sections_of_day(infra, window, params)
    actual = runs_in_reach(visits, reach, params).persist()
    planned = with_changes(trips_in_reach(timetable, reach, params), changes, window)
    planned = with_outage(planned, movements, sections, Window(reach.start, window.end), params).persist()
    solved = matches(actual, planned, pins_of(state, params), window, params).persist()
    state_now = state_of(solved, actual, visits, state, window, params)
    seen = visits_with_call(solved, actual, planned, recent(window, params), window, params)
    calls = calls_with_verdict(solved, actual, planned, horizon(window, params), window, params)
    performed = runs_performed(visits, state_now, window, params)
    return (
        seen.select(*stop_visits.TABLE.column_names),
        calls.select(*planned_calls.TABLE.column_names),
        performed.select(*trips_performed.TABLE.column_names),
        state_now.select(*match_state.TABLE.column_names),
    )


def candidates(window: Window, params: MetroParams) -> Window:
    """Visits and departures that may belong to what the run replaces: as much earlier as a pair may lie apart."""
    return horizon(window, params).extended(before=timedelta(seconds=params.max_pair_dev_s))


def runs_in_reach(visits: DataFrame, reach: Window, params: MetroParams) -> DataFrame:
    """Whole runs with a visit in reach: half a run looks like another trip."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    days = reach.business_days(params.timezone, params.service_day_cut_h)
    run = W.partitionBy("service_date", "run_id")
    of_days = visits.where(F.col("service_date").isin(days) & (F.col("anchor_ts") < F.lit(reach.end)))
    return of_days.withColumn("_until", F.max("anchor_ts").over(run)).where(F.col("_until") >= F.lit(reach.start)).drop("_until")


def trips_in_reach(timetable: DataFrame, reach: Window, params: MetroParams) -> DataFrame:
    """Whole trips with a planned departure in reach."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    days = reach.business_days(params.timezone, params.service_day_cut_h)
    trip = W.partitionBy("service_date", "trip_id")
    of_days = timetable.where(F.col("service_date").isin(days))
    spans = of_days.withColumns({"_from": F.min("planned_departure_ts").over(trip), "_until": F.max("planned_departure_ts").over(trip)})
    return spans.where((F.col("_from") < F.lit(reach.end)) & (F.col("_until") >= F.lit(reach.start))).drop("_from", "_until")


def with_changes(calls: DataFrame, changes: DataFrame, window: Window) -> DataFrame:
    """``change``: the last decision of traffic control before the window's end about the call, or about its whole trip."""
    from pyspark.sql import functions as F

    known = changes.where(F.col("ts") < F.lit(window.end)).withColumnRenamed("change", "_change")
    of_call = known.where("stop_sequence IS NOT NULL").groupBy("service_date", "trip_id", "stop_sequence").agg(F.max_by("_change", "ts").alias("change_of_call"))
    of_trip = known.where("stop_sequence IS NULL").groupBy("service_date", "trip_id").agg(F.max_by("_change", "ts").alias("change_of_trip"))
    joined = calls.join(F.broadcast(of_call), on=["service_date", "trip_id", "stop_sequence"], how="left")
    joined = joined.join(F.broadcast(of_trip), on=["service_date", "trip_id"], how="left")
    return joined.withColumn("change", F.coalesce("change_of_call", "change_of_trip"))


STAGE = Stage(
    pipeline="metro",
    name="matching",
    reads=(
        FromRun(visits.TABLE, "visits"),
        FromRun(timetable.TABLE, "timetable"),
        FromRun(movements.TABLE, "movements"),
        Landed(infra_section.TABLE),
        Landed(plan_change.TABLE),
        Released(match_state.TABLE),
    ),
    writes=(
        Write(stop_visits.TABLE, scope=recent),
        Write(planned_calls.TABLE, scope=horizon),
        Write(trips_performed.TABLE, scope=service_days),
        Write(match_state.TABLE, scope=service_days),
    ),
    transform=transform,
    read_window=candidates,
)
