"""Matching: each visit of a train with at most one planned departure, each planned departure with at most one visit.

Reads `visits`, `timetable` and `movements` of this run, plan changes, the section register, and what earlier windows
decided (`match_state`). Writes `stop_visits`, `planned_calls`, `trips_performed` and the new `match_state`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import (
    infra_section,
    match_state,
    movements,
    plan_change,
    planned_calls,
    stop_visits,
    timetable,
    trips_performed,
    visits,
)
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Landed, Released, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.candidates import candidates, runs_in_reach, trips_in_reach, with_changes
from spark_jobs.metro.matches import matches
from spark_jobs.metro.outages import with_outage
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.register import sections_of_day
from spark_jobs.metro.runs import pins_of, runs_performed, state_of
from spark_jobs.metro.scopes import horizon, plan_files, recent, service_days
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
    actual = computed_once(runs_in_reach(visits, reach, params))
    planned = with_changes(trips_in_reach(timetable, reach, params), changes, window)
    planned = computed_once(with_outage(planned, movements, sections, Window(reach.start, window.end), params))
    solved = computed_once(matches(actual, planned, pins_of(state, params), window, params))
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


STAGE = Stage(
    pipeline="metro",
    name="matching",
    reads=(
        FromRun(visits.TABLE, "visits"),
        FromRun(timetable.TABLE, "timetable"),
        FromRun(movements.TABLE, "movements"),
        Landed(infra_section.TABLE, read_window=plan_files),
        Landed(plan_change.TABLE, read_window=plan_files),
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
