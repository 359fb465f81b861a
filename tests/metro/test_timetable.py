"""Timetable: days of service, versions of the plan, times past midnight and on the days when the clock changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from expectations.metro import calendar, calendar_dates, routes, stop_times, stops, timetable, trips
from spark_jobs.common.window import Window
from spark_jobs.metro.import_options import DAY_OPENS
from spark_jobs.metro.params import NIGHTLY
from spark_jobs.metro.timetable import transform
from tests.frames import frame, listed
from tests.metro.clock import DAY, at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
EARLIER, AT_NOON = at("12:00", date(2024, 3, 11)), at("11:00")
WEEKDAYS = {"monday": 1, "tuesday": 1, "wednesday": 1, "thursday": 1, "friday": 1, "saturday": 0, "sunday": 0}


def plan(
    version: str, published: datetime, calls: list[tuple[str, int, str, str]], **more: Any
) -> dict[str, list[dict[str, Any]]]:
    """A plan of one line; ``calls`` are trip, sequence, stop and departure."""
    said = {"plan_version": version, "published_ts": published}
    year = {"start_date": date(2024, 1, 1), "end_date": date(2024, 12, 31)}
    return {
        "trips": [
            {"trip_id": t, "route_id": "1", "service_id": "week", "direction_id": 0} | said
            for t in sorted({c[0] for c in calls})
        ],
        "stop_times": [
            {"trip_id": t, "stop_sequence": n, "stop_id": s, "departure_time": d, "arrival_time": d} | said
            for t, n, s, d in calls
        ],
        "calendar": [{"service_id": "week"} | WEEKDAYS | year | said],
        "calendar_dates": [row | said for row in more.get("dates", [])],
        "stops": [row | said for row in more.get("stops", [])],
        "routes": [{"route_id": "1", "corridor_group": "A", "agency_timezone": more.get("timezone")} | said],
    }


def build(spark: SparkSession, *plans: dict[str, list[dict[str, Any]]], window: Window = NIGHT) -> DataFrame:
    modules = (trips, stop_times, calendar, calendar_dates, stops, routes)
    frames = [frame(spark, m.TABLE, [row for p in plans for row in p[m.TABLE.name]]) for m in modules]
    return transform(*frames, window=window, params=NIGHTLY)[0]


def test_calls_have_their_role_and_a_time_past_midnight_stays_on_its_day(spark: SparkSession) -> None:
    built = build(
        spark, plan("a", EARLIER, [("t", 1, "X", "23:50:00"), ("t", 2, "Y", "24:10:00"), ("t", 3, "Z", "25:25:00")])
    )
    assert listed(
        built, "service_date", "stop_sequence", "stop_role", "planned_departure_s", "planned_departure_ts"
    ) == [
        (DAY, 1, "ORIGIN", 85800, at("22:50")),
        (DAY, 2, "INTERMEDIATE", 87000, at("23:10")),
        (DAY, 3, "TERMINAL", 91500, at("00:25", date(2024, 3, 13))),
    ]


@pytest.mark.parametrize(
    ("day", "eight_o_clock"),
    [(date(2024, 3, 31), "06:00"), (date(2024, 10, 27), "07:00")],
    ids=["the day that loses an hour", "the day that gains an hour"],
)
def test_eight_o_clock_is_eight_o_clock_when_the_clock_changes(
    spark: SparkSession, day: date, eight_o_clock: str
) -> None:
    added = [{"service_id": "week", "date": day, "exception_type": 1}]
    window = Window.parse(f"{day}T04:00:00+0{2 if day.month == 3 else 1}:00", f"{day}T22:00:00+00:00")
    built = build(
        spark, plan("a", at("12:00", date(2024, 3, 1)), [("t", 1, "X", "08:00:00")], dates=added), window=window
    )
    assert listed(built, "planned_departure_ts") == [(at(eight_o_clock, day),)]


def test_a_holiday_takes_the_weekday_service_away(spark: SparkSession) -> None:
    holiday = [{"service_id": "week", "date": DAY, "exception_type": 2}]
    assert build(spark, plan("a", EARLIER, [("t", 1, "X", "08:00:00")], dates=holiday)).count() == 0


def test_the_latest_version_before_the_day_counts(spark: SparkSession) -> None:
    old = plan("old", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "08:00:00")])
    new = plan("new", EARLIER, [("t", 1, "X", "08:05:00")])
    assert listed(build(spark, old, new), "planned_departure_s", "plan_version") == [(29100, "new")]


def test_a_version_published_at_noon_supersedes_only_later_departures(spark: SparkSession) -> None:
    base = plan("base", EARLIER, [("am", 1, "X", "08:00:00"), ("pm", 1, "X", "15:00:00"), ("gone", 1, "X", "16:00:00")])
    noon = plan(
        "noon", AT_NOON, [("am", 1, "X", "08:30:00"), ("pm", 1, "X", "15:10:00"), ("early", 1, "X", "09:00:00")]
    )
    assert listed(build(spark, base, noon), "trip_id", "planned_departure_s", "plan_version") == [
        ("am", 28800, "base"),
        ("pm", 54600, "noon"),
    ]


def test_a_version_that_begins_with_the_next_day_leaves_this_day_its_departures_after_midnight(
    spark: SparkSession,
) -> None:
    opens = datetime.combine(DAY + timedelta(days=1), DAY_OPENS, ZoneInfo(NIGHTLY.timezone))
    following = plan("b", opens, [("t", 1, "X", "24:40:00")])
    built = build(spark, plan("a", EARLIER, [("t", 1, "X", "24:30:00"), ("t", 2, "Y", "27:50:00")]), following)
    assert listed(built, "planned_departure_s", "plan_version") == [(100200, "a"), (88200, "a")]


@pytest.mark.parametrize("published", [EARLIER, AT_NOON], ids=["the day before", "at noon"])
@pytest.mark.parametrize(
    ("begins", "in_force"), [(DAY + timedelta(days=1), "now"), (DAY, "then")], ids=["from tomorrow on", "from today on"]
)
def test_a_version_whose_calendar_does_not_reach_the_day_leaves_it_alone(
    spark: SparkSession, published: datetime, begins: date, in_force: str
) -> None:
    now = plan("now", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "15:00:00")])
    then = plan("then", published, [("t", 1, "X", "15:10:00")])
    then["calendar"] = [row | {"start_date": begins} for row in then["calendar"]]
    assert listed(build(spark, now, then), "plan_version") == [(in_force,)]


def only_dates(version: str, published: datetime, *days: date) -> dict[str, list[dict[str, Any]]]:
    """A plan without a weekly calendar, for these days."""
    added = [{"service_id": "week", "date": day, "exception_type": 1} for day in days]
    return plan(version, published, [("t", 1, "X", "15:10:00")], dates=added) | {"calendar": []}


def test_a_version_without_a_calendar_reaches_from_its_first_date_to_its_last(spark: SparkSession) -> None:
    now = plan("now", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "15:00:00")])
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    for days, found in (((DAY,), [("then",)]), ((after,), [("now",)]), ((before, after), [])):
        assert listed(build(spark, now, only_dates("then", EARLIER, *days)), "plan_version") == found


def test_a_date_that_is_added_outside_of_the_calendar_reaches_that_day_alone(spark: SparkSession) -> None:
    now = plan("now", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "15:00:00")])
    for day, found in ((DAY, "then"), (DAY - timedelta(days=3), "now")):
        added = [{"service_id": "week", "date": day, "exception_type": 1}]
        then = plan("then", EARLIER, [("t", 1, "X", "15:10:00")], dates=added)
        then["calendar"] = [row | {"start_date": DAY + timedelta(days=1)} for row in then["calendar"]]
        assert listed(build(spark, now, then), "plan_version") == [(found,)]


def test_a_version_whose_trips_have_not_landed_is_none_yet(spark: SparkSession) -> None:
    now = plan("now", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "15:00:00")])
    then = plan("then", EARLIER, [("t", 1, "X", "15:10:00")]) | {"trips": []}
    assert listed(build(spark, now, then), "plan_version") == [("now",)]


def test_a_version_that_runs_nothing_on_a_day_of_its_calendar_empties_it(spark: SparkSession) -> None:
    holiday = [{"service_id": "week", "date": DAY, "exception_type": 2}]
    now = plan("now", at("12:00", date(2024, 3, 9)), [("t", 1, "X", "15:00:00")])
    then = plan("then", EARLIER, [("t", 1, "X", "15:00:00")], dates=holiday)
    assert build(spark, now, then).count() == 0


def landed(version: dict[str, list[dict[str, Any]]], day: str) -> dict[str, list[dict[str, Any]]]:
    """The plan in files of this day."""
    return {
        name: [{**row, "landing_file": f"{name}/{day}/plan.parquet"} for row in rows] for name, rows in version.items()
    }


def test_of_a_version_that_landed_again_the_newest_rows_count(spark: SparkSession) -> None:
    first = landed(plan("a", EARLIER, [("t", 1, "X", "08:00:00")]), "2024-03-10")
    again = landed(plan("a", EARLIER, [("t", 1, "X", "08:05:00")]), "2024-03-11")
    for order in ((first, again), (again, first)):
        assert listed(build(spark, *order), "planned_departure_s") == [(29100,)]


def test_of_versions_that_hold_from_one_time_on_the_one_that_landed_later_counts(spark: SparkSession) -> None:
    first = landed(plan("z", EARLIER, [("t", 1, "X", "08:00:00")]), "2024-03-10")
    corrected = landed(plan("a", EARLIER, [("t", 1, "X", "08:05:00")]), "2024-03-11")
    assert listed(build(spark, first, corrected), "planned_departure_s", "plan_version") == [(29100, "a")]


def test_the_platform_is_the_stop_and_its_parent_the_station(spark: SparkSession) -> None:
    known = [{"stop_id": "X:1", "stop_name": "Ex", "parent_station": "X"}]
    built = build(spark, plan("a", EARLIER, [("t", 1, "X:1", "08:00:00"), ("t", 2, "Y", "08:02:00")], stops=known))
    assert listed(built, "stop_id", "station_id") == [("X:1", "X"), ("Y", "Y")]


def test_a_call_of_a_line_that_the_plan_does_not_list_is_kept_to_be_refused(spark: SparkSession) -> None:
    landed = plan("a", EARLIER, [("t", 1, "X", "08:00:00")])
    landed["routes"] = []
    built = build(spark, landed)
    assert listed(built, "route_id", "corridor_group") == [("1", None)]
    assert listed(built.selectExpr(f"{timetable.TABLE.first_broken_rule_sql()} AS rule"), "rule") == [
        ("corridor_group:present",)
    ]


def test_a_line_with_a_time_zone_of_its_own_keeps_it(spark: SparkSession) -> None:
    built = build(spark, plan("a", EARLIER, [("t", 1, "X", "08:00:00")], timezone="America/New_York"))
    assert listed(built, "planned_departure_ts") == [(at("12:00"),)]
