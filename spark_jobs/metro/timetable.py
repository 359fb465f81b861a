"""Timetable: the planned calls of each day of service, by the version of the plan that was in force.

Reads the plan's landing tables. Writes `timetable`, replaced by day of service. The version of a day is the latest one
published before the day begins whose calendar reaches that day; a later one supersedes only departures after its
publication. Of a row that a version brings again, the file that landed last counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import calendar, calendar_dates, routes, stop_times, stops, timetable, trips
from spark_jobs.common.disposition import only_newest
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.plan_versions import CALL, VERSION, in_force, versions
from spark_jobs.metro.scopes import plan_files, service_days

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TABLES = tuple(module.TABLE for module in (trips, stop_times, calendar, calendar_dates, stops, routes))


def transform(
    trips: DataFrame,
    stop_times: DataFrame,
    calendar: DataFrame,
    calendar_dates: DataFrame,
    stops: DataFrame,
    routes: DataFrame,
    *,
    window: Window,
    params: MetroParams,
) -> tuple[DataFrame]:
    """One row for each planned call of the window's days of service."""
    landed = (trips, stop_times, calendar, calendar_dates, stops, routes)
    trips, stop_times, calendar, calendar_dates, stops, routes = map(only_newest, landed, TABLES)
    running = active_services(calendar, calendar_dates, window, params)
    calls = calls_of_day(stop_times, trips, running)
    calls = at_stations(calls, stops)
    calls = timed(calls, routes, params)
    calls = with_roles(calls)
    calls = in_force(calls, versions(trips, calendar, calendar_dates, window, params))
    return (calls.select(*timetable.TABLE.column_names),)


def active_services(calendar: DataFrame, dates: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """service_id, version and service_date of the services that run: the weekly pattern, less and plus exceptions."""
    from pyspark.sql import functions as F

    days = F.explode(F.array(*[F.lit(day) for day in service_days(window, params)]))
    weekdays = F.array("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    weekly = calendar.withColumn("service_date", days).where("service_date BETWEEN start_date AND end_date")
    weekly = weekly.where(F.get(weekdays, F.weekday("service_date")) == 1)
    exceptions = dates.withColumnRenamed("date", "service_date")
    exceptions = exceptions.where(F.col("service_date").isin(service_days(window, params)))
    key = ["service_id", "service_date", *VERSION]
    kept = weekly.select(*key).join(exceptions.where("exception_type = 2").select(*key), on=key, how="left_anti")
    return kept.union(exceptions.where("exception_type = 1").select(*key)).distinct()


def calls_of_day(stop_times: DataFrame, trips: DataFrame, running: DataFrame) -> DataFrame:
    """Every call of every trip that runs, in every version."""
    of_day = trips.join(running, on=["service_id", *VERSION], how="inner")
    of_day = of_day.select(*VERSION, "service_date", "trip_id", "route_id", "direction_id", "block_id", "run_number")
    calls = stop_times.select(
        *VERSION, *CALL[1:], "stop_id", "platform_stop_id", "arrival_time", "departure_time", "timepoint"
    )
    return calls.join(of_day, on=["trip_id", *VERSION], how="inner")


def at_stations(calls: DataFrame, stops: DataFrame) -> DataFrame:
    """The platform where the plan names one, and its station."""
    from pyspark.sql import functions as F

    station = stops.select("stop_id", "parent_station", *VERSION)
    calls = calls.withColumn("stop_id", F.coalesce("platform_stop_id", "stop_id"))
    calls = calls.join(station, on=["stop_id", *VERSION], how="left")
    return calls.withColumn("station_id", F.coalesce("parent_station", "stop_id"))


def timed(calls: DataFrame, routes: DataFrame, params: MetroParams) -> DataFrame:
    """Planned times as seconds from noon minus 12 hours and as instants, in the line's own time zone where it has
    one.
    """
    from pyspark.sql import functions as F

    line = routes.select("route_id", "corridor_group", "agency_timezone", *VERSION)
    # Calls of a line that the plan does not list have no group, and so go into quarantine instead of being lost.
    calls = calls.join(line, on=["route_id", *VERSION], how="left")
    zone = F.coalesce("agency_timezone", F.lit(params.timezone))
    noon = F.to_utc_timestamp(F.col("service_date").cast("timestamp") + F.expr("INTERVAL 12 HOURS"), zone)
    begin_s = F.unix_seconds(noon) - 12 * 3600
    departure_s = clock_seconds("departure_time")
    return calls.withColumns(
        {
            "planned_departure_s": departure_s,
            "planned_departure_ts": F.timestamp_seconds(begin_s + departure_s),
            "planned_arrival_ts": F.timestamp_seconds(begin_s + clock_seconds("arrival_time")),
            "timepoint": F.coalesce(F.col("timepoint") == 1, F.lit(True)),
        }
    )


def clock_seconds(column: str) -> Column:
    """Seconds of an HH:MM:SS text, where HH may pass 24."""
    from pyspark.sql import functions as F

    part = F.split(column, ":")
    return (part[0].cast("int") * 3600 + part[1].cast("int") * 60 + part[2].cast("int")).cast("int")


def with_roles(calls: DataFrame) -> DataFrame:
    """First and last call of a trip."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    trip = W.partitionBy("service_date", "trip_id", *VERSION)
    first, last = F.min("stop_sequence").over(trip), F.max("stop_sequence").over(trip)
    role = F.when(F.col("stop_sequence") == first, "ORIGIN").when(F.col("stop_sequence") == last, "TERMINAL")
    return calls.withColumn("stop_role", role.otherwise("INTERMEDIATE"))


STAGE = Stage(
    pipeline="metro",
    name="timetable",
    reads=tuple(map(Landed, TABLES)),
    writes=(Write(timetable.TABLE, scope=service_days),),
    transform=transform,
    read_window=plan_files,
)
