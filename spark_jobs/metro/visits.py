"""Visits: every stop of every train at a platform, with arrival and departure.

Reads `movements` of the runs under way, the section register, the stops, the day's `timetable`, the trains' doors, and
visits that another system has observed. Writes `visits` and, at night, the `departure_offsets` learnt from the doors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import (
    departure_offsets,
    infra_section,
    movements,
    observed_visit,
    passenger_event,
    stops,
    timetable,
    visits,
)
from spark_jobs.common.disposition import DROPPED, drop_outside, drop_where
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Landed, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.offsets import learn_departures, with_times
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.register import sections_of_day
from spark_jobs.metro.run_times import with_run_times
from spark_jobs.metro.scopes import plan_files, recent, runs_under_way, service_days
from spark_jobs.metro.visit_sources import as_visits, described, traced_visits

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def transform(
    movements: DataFrame,
    infra: DataFrame,
    stops: DataFrame,
    timetable: DataFrame,
    doors: DataFrame,
    observed: DataFrame,
    *,
    window: Window,
    params: MetroParams,
) -> tuple[DataFrame, DataFrame]:
    """Visits, derived and observed, and the departure offsets learnt from the doors."""
    from pyspark.sql import functions as F

    under_way = runs_to_date(movements, window, params)
    traced = computed_once(traced_visits(under_way, sections_of_day(infra, window, params), window, params))
    learnt = learn_departures(traced, doors, params)
    timed = with_run_times(with_times(traced, learnt, params))
    of_days = timetable.where(F.col("service_date").isin(service_days(window, params)))
    derived = described(timed, stops, of_days, params)
    columns = list(visits.TABLE.column_names)
    scope = recent(window, params)
    derived = derived.where((F.col("anchor_ts") >= F.lit(scope.start)) & (F.col("anchor_ts") < F.lit(scope.end)))
    both = marked(derived, columns).unionByName(marked(drop_outside(as_visits(observed), "anchor_ts", scope), columns))
    offsets = learnt.withColumnsRenamed({"stop_id": "platform_stop_id", "units": "cars"})
    return both, offsets.select(*departure_offsets.TABLE.column_names)


def runs_to_date(movements: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """Movements of every run that may have a visit in the recent window, with their day of service."""
    from pyspark.sql import functions as F

    reach = runs_under_way(window, params)
    inside = movements.where((F.col("event_ts") >= F.lit(reach.start)) & (F.col("event_ts") < F.lit(reach.end)))
    kinds = inside.where(F.col("event_type").isin("OCCUPY", "RELEASE", "INTERPOSE"))
    return kinds.withColumn("service_date", service_date("event_ts", params))


def service_date(column: str, params: MetroParams) -> Column:
    """The date whose day of service an instant lies in."""
    from pyspark.sql import functions as F

    local = F.from_utc_timestamp(column, params.timezone)
    return F.to_date(local - F.expr(f"INTERVAL {params.service_day_cut_h} HOURS"))


def marked(visits: DataFrame, columns: list[str]) -> DataFrame:
    """The contract's columns and, on every row, the mark of what is left out."""
    from pyspark.sql import functions as F

    return drop_where(visits, F.lit(False), "").select(*columns, DROPPED)


STAGE = Stage(
    pipeline="metro",
    name="visits",
    reads=(
        FromRun(movements.TABLE, "movements"),
        Landed(infra_section.TABLE, read_window=plan_files),
        Landed(stops.TABLE, read_window=plan_files),
        FromRun(timetable.TABLE, "timetable"),
        Landed(passenger_event.TABLE),
        Landed(observed_visit.TABLE),
    ),
    writes=(
        Write(visits.TABLE, scope=recent, balances="observed_visit", made="source_file IS NULL"),
        Write(departure_offsets.TABLE, scope=service_days),
    ),
    transform=transform,
    read_window=recent,
)
