"""Visits: times at platforms, what the nights learn, and visits that another system observed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.metro import infra_section, movements, observed_visit, passenger_event, stops, timetable
from expectations.metro import visits as contract
from spark_jobs.common.window import Window
from spark_jobs.metro.params import LIVE, NIGHTLY, MetroParams
from spark_jobs.metro.visits import transform
from tests.frames import frame, listed
from tests.metro.clock import DAY, at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

FIVE_MINUTES = Window(at("07:00"), at("07:05"))
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
# 90 m beyond 45 m of the section: ½·1.0·t² = 45 → 9.487 s to start; ½·0.9·t² = 90 → 14.142 s to brake.
BRAKING, STARTING = timedelta(seconds=14.142), timedelta(seconds=9.487)
NEXT = {"p1": "a", "a": "p2", "p2": "b", "b": "p3", "p3": None}


def section(name: str, platform: str | None = None) -> dict[str, Any]:
    common = {"section_id": name, "length_m": 135, "is_terminal": False, "track_order": 1, "direction_id": 0}
    common |= {"source_system": "ILS-1", "line_ids": ["1"], "next_sections": [NEXT[name]] if NEXT[name] else []}
    return common | {"stop_mark_m": 90.0 if platform else None, "platform_stop_id": platform, "valid_from": DAY}


REGISTER = [section("p1", "X:1"), section("a"), section("p2", "Y:1"), section("b"), section("p3", "Z:1")]


def movement(name: str, clock: str, kind: str = "OCCUPY", **more: Any) -> dict[str, Any]:
    prev = next((before for before, after in NEXT.items() if after == name), None)
    common = {"event_id": f"{name}{clock}{kind}", "source_system": "ILS-1", "message_seq": 1, "event_ts": at(clock)}
    common |= {"corrected_ts": at(clock), "ingest_ts": at(clock), "event_type": kind, "section_id": name}
    return common | {"prev_section_id": prev, "train_describer": "1001", "line_id": "1", "destination_code": "Z"} | more


def journey(clock: str, **more: Any) -> list[dict[str, Any]]:
    """p1 at the clock's minute, a after 60 s, p2 after 90 s, b after 150 s."""
    hours, minutes = clock.split(":")
    times = {
        "p1": f"{clock}:00",
        "a": f"{hours}:{int(minutes) + 1}:00",
        "p2": f"{hours}:{int(minutes) + 1}:30",
        "b": f"{hours}:{int(minutes) + 2}:30",
    }
    return [movement(name, time, **more) for name, time in times.items()]


def trip(group: str, day: date = DAY) -> dict[str, Any]:
    """Of line 1, in a corridor group."""
    return {"service_date": day, "trip_id": "t", "route_id": "1", "corridor_group": group}


def build(
    spark: SparkSession,
    moves: list[dict[str, Any]],
    doors: list[dict[str, Any]] | None = None,
    observed: list[dict[str, Any]] | None = None,
    window: Window = FIVE_MINUTES,
    params: MetroParams = LIVE,
    plan: list[dict[str, Any]] | None = None,
) -> tuple[DataFrame, DataFrame]:
    station = [{"stop_id": "X:1", "stop_name": "Ex", "parent_station": "X", "published_ts": at("00:00")}]
    plan = plan or [trip("1-2")]
    rows = (
        (infra_section, REGISTER),
        (stops, station),
        (timetable, plan),
        (passenger_event, doors or []),
        (observed_visit, observed or []),
    )
    frames = [frame(spark, module.TABLE, given) for module, given in rows]
    return transform(frame(spark, movements.TABLE, moves), *frames, window=window, params=params)


def test_live_times_come_from_geometry(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50"))
    assert listed(visits, "stop_id", "station_id", "corridor_group", "arrival_ts", "departure_ts", "time_quality") == [
        ("X:1", "X", "1-2", at("06:50:14.142136"), at("06:50:50.513167"), "MEASURED"),
        ("Y:1", "Y:1", "1-2", at("06:51:44.142136"), at("06:52:20.513167"), "MEASURED"),
    ]


def test_a_run_from_stop_to_stop_is_told_beside_the_shortest_that_the_track_allows(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50"))
    # 270 m lie between the stop marks: at 1.0 and 0.9 m/s² they take √(2·270·(1/1.0 + 1/0.9)) s.
    assert listed(visits, "visit_seq", "run_s", "min_run_s") == [
        (0, None, None),
        (1, 53.628969, pytest.approx(33.763886)),
    ]


def test_the_shortest_run_is_counted_within_a_run(spark: SparkSession) -> None:
    visits, _ = build(spark, [*journey("06:20"), *journey("06:50")])
    assert [row[1] is None for row in listed(visits, "anchor_ts", "min_run_s")] == [True, False] * 2


def test_a_lost_platform_and_what_lies_about_it_count_as_way(spark: SparkSession) -> None:
    whole = [*journey("06:50"), movement("p3", "06:53:00")]
    for moves in (whole, [row for row in whole if row["section_id"] not in ("a", "p2")]):
        visits, _ = build(spark, moves)
        least = pytest.approx(33.763886)
        assert listed(visits, "stop_id", "min_run_s") == [("X:1", None), ("Y:1", least), ("Z:1", least)]


def test_a_night_has_no_train_arrive_sooner_than_it_can_and_a_live_window_refuses_it(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    slow = 3.0  # 270/3 + 3/2·(1/1.0 + 1/0.9) s at least, of which 0.7 are 65.217
    for params, run_s, broken in ((NIGHTLY, 65.216667, None), (LIVE, 53.628969, "run_time")):
        params = replace(params, line_speed_ms=slow)
        visits, _ = build(spark, journey("06:50"), window=NIGHT if params.smooth else FIVE_MINUTES, params=params)
        judged = visits.withColumn("broken", F.expr(contract.TABLE.first_broken_rule_sql()))
        found = listed(judged.where("visit_seq = 1"), "run_s", "broken")
        assert found == [(pytest.approx(run_s, abs=1e-5), broken)]


def test_a_train_at_line_speed_takes_longer_by_the_way(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50"), params=replace(LIVE, line_speed_ms=9.0))
    # 270/9 + 9/2·(1/1.0 + 1/0.9)
    assert listed(visits, "min_run_s") == [(None,), (pytest.approx(39.5),)]


def test_a_train_is_followed_from_run_to_run_whichever_end_is_first(spark: SparkSession) -> None:
    there = [movement("p1", "06:20:03", "INTERPOSE", vehicle_ids=["MX1", "MX2"])]
    back = [movement("p1", "06:50:03", "INTERPOSE", vehicle_ids=["MX2", "MX1"])]
    visits, _ = build(spark, [*there, *journey("06:20"), *back, *journey("06:50")])
    left = at("06:20:50.513167"), at("06:22:20.513167"), at("06:50:50.513167")
    assert [row[1] for row in listed(visits, "anchor_ts", "vehicle_left_ts")] == [None, *left]


def test_a_train_without_a_next_section_yet_has_no_departure(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50")[:3])
    assert listed(visits, "stop_id", "departure_ts", "time_quality")[1] == ("Y:1", None, "MISSING")


def test_a_release_tells_the_departure_by_the_length_of_the_train(spark: SparkSession) -> None:
    lost = [row for row in journey("06:50") if row["section_id"] != "b"]
    visits, _ = build(spark, [*lost, movement("p2", "06:52:38", "RELEASE")])
    # ½·1.0·t² = 45 m + two units of 54 m → 17.493 s.
    assert listed(visits.where("stop_id = 'Y:1'"), "departure_ts") == [(at("06:52:20.507144"),)]


def test_only_visits_of_the_last_ninety_minutes_are_replaced_but_runs_keep_their_start(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("05:34"))
    found = listed(visits, "stop_id", "visit_seq", "run_id", "run_s")
    assert found == [("Y:1", 1, "20240312-053400-p1", 53.628969)]


def test_a_train_to_the_depot_carries_no_passengers(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50", destination_code="DEPOT"))
    assert listed(visits, "revenue") == [(False,), (False,)]


def test_a_number_of_another_line_does_not_move_the_run_into_its_corridor(spark: SparkSession) -> None:
    visits, _ = build(spark, journey("06:50", line_id="9"))
    assert {row[0] for row in listed(visits, "corridor_group")} == {"1-2"}


def test_the_corridor_is_that_of_the_day(spark: SparkSession) -> None:
    plan = [trip("9", DAY - timedelta(days=1)), trip("1"), trip("9", DAY + timedelta(days=1))]
    visits, _ = build(spark, journey("06:50"), plan=plan)
    assert {row[0] for row in listed(visits, "corridor_group")} == {"1"}


def door(clock: str, seconds: float, n: int) -> dict[str, Any]:
    common = {"passenger_event_id": f"d{n}", "vehicle_id": "MX1", "train_car_id": "C1", "device_id": "D1"}
    return common | {
        "event_timestamp": at(clock) + timedelta(seconds=seconds),
        "event_type": "Door closed",
        "event_count": 1,
    }


def test_a_night_learns_how_long_trains_take_to_leave(spark: SparkSession) -> None:
    params = replace(NIGHTLY, offset_min_visits=3, offset_prior_visits=1.0)
    clocks = ["06:10", "06:20", "06:30"]
    told = [movement("p1", f"{clock}:03", "INTERPOSE", vehicle_ids=["MX1"]) for clock in clocks]
    doors = [door(clock, 60 - 13.0, n) for n, clock in enumerate(clocks)]  # 13 s before the next section
    visits, learnt = build(
        spark, [*told, *(row for clock in clocks for row in journey(clock))], doors, window=NIGHT, params=params
    )
    # (3·13 + 1·9.487) / 4
    assert [round(row[3], 3) for row in listed(learnt, "platform_stop_id", "cars", "samples", "off_dep_s")] == [12.122]
    calibrated = visits.where("time_quality = 'CALIBRATED'")
    assert listed(calibrated, "departure_ts")[0] == (at("06:10:47.878292"),)
    assert listed(visits.where("stop_id = 'Y:1'"), "time_quality") == [("MEASURED",)] * 3


def test_a_night_puts_times_in_order_and_a_live_window_does_not(spark: SparkSession) -> None:
    moves = journey("06:50")
    moves[1] = movement("a", "06:50:22")  # 22 s in the platform: less than braking and starting take
    for params, apart_s in ((NIGHTLY, 5.0), (LIVE, 22 - 14.142 - 9.487)):
        visits, _ = build(spark, moves, window=NIGHT if params is NIGHTLY else FIVE_MINUTES, params=params)
        _, arrival, departure = listed(visits, "stop_id", "arrival_ts", "departure_ts")[0]
        assert (departure - arrival).total_seconds() == pytest.approx(apart_s, abs=0.001)


def test_observed_visits_stand_beside_derived_ones_and_those_outside_are_marked(spark: SparkSession) -> None:
    common = {
        "service_date": DAY,
        "run_id": "r",
        "line_id": "1",
        "corridor_group": "1-2",
        "direction_id": 0,
        "visit_seq": 0,
    }
    common |= {"stop_id": "X:1", "station_id": "X", "revenue": True}
    rows = [
        common | {"visit_id": "v0", "arrival_ts": at("06:40"), "departure_ts": at("06:40:30")},
        common | {"visit_id": "v1", "arrival_ts": at("05:00")},
    ]
    visits, _ = build(spark, journey("06:50"), observed=rows)
    found = listed(visits, "run_id", "anchor_ts", "time_quality", "source_row", "_dropped")
    assert found == [
        ("20240312-065000-p1", at("06:50"), "MEASURED", None, None),
        ("20240312-065000-p1", at("06:51:30"), "MEASURED", None, None),
        ("r", at("05:00"), "MISSING", 1, "outside_window"),
        ("r", at("06:40"), "MEASURED", 0, None),
    ]
