"""Matching as a stage: both sides in full, pins, plan changes, gaps in the data, and the guard."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.metro import infra_section, match_state, movements, plan_change, timetable, visits
from spark_jobs.common.window import Window
from spark_jobs.metro.assignment import MATCH_COLUMNS
from spark_jobs.metro.candidates import with_changes
from spark_jobs.metro.matches import one_to_one
from spark_jobs.metro.matching import transform
from spark_jobs.metro.params import LIVE, NIGHTLY, MetroParams
from spark_jobs.metro.verdict_tables import with_headway
from tests.frames import frame, listed
from tests.metro.clock import DAY, at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]

NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
AT_EIGHT = Window(at("07:55"), at("08:00"))
STOPS = ("X", "Y", "Z")
ROLES = ("ORIGIN", "INTERMEDIATE", "TERMINAL")


def run(name: str, clock: str, late_s: float = 0.0, **more: Any) -> list[dict[str, Any]]:
    """Visits at X, Y, Z, two minutes apart."""
    times = [at(clock) + timedelta(seconds=120 * n + late_s) for n in range(3)]
    common = {
        "service_date": DAY,
        "run_id": name,
        "line_id": "1",
        "corridor_group": "1",
        "direction_id": 0,
        "revenue": True,
    }
    common |= {"time_quality": "MEASURED", "at_terminal": False}
    return [
        common
        | {"visit_seq": n, "stop_id": stop, "station_id": stop, "departure_ts": time}
        | {"arrival_ts": time - timedelta(seconds=30), "anchor_ts": time - timedelta(seconds=45)}
        | more
        for n, (stop, time) in enumerate(zip(STOPS, times, strict=True))
    ]


def trip(name: str, clock: str, **more: Any) -> list[dict[str, Any]]:
    common = {"service_date": DAY, "trip_id": name, "route_id": "1", "corridor_group": "1", "direction_id": 0}
    common |= {"timepoint": True, "plan_version": "a", "planned_departure_s": 0}
    return [
        common
        | {"stop_sequence": n + 1, "stop_id": stop, "station_id": stop, "stop_role": ROLES[n]}
        | {"planned_departure_ts": at(clock) + timedelta(seconds=120 * n)}
        | more
        for n, stop in enumerate(STOPS)
    ]


def build(
    spark: SparkSession,
    seen: list[dict[str, Any]],
    planned: list[dict[str, Any]],
    *,
    changes: list[dict[str, Any]] | None = None,
    state: list[dict[str, Any]] | None = None,
    register: list[dict[str, Any]] | None = None,
    window: Window = NIGHT,
    params: MetroParams = NIGHTLY,
) -> dict[str, DataFrame]:
    given = (
        (visits, seen),
        (timetable, planned),
        (movements, []),
        (infra_section, register),
        (plan_change, changes),
        (match_state, state),
    )
    outputs = transform(
        *[frame(spark, module.TABLE, rows or []) for module, rows in given], window=window, params=params
    )
    return dict(zip(("stop_visits", "planned_calls", "trips_performed", "match_state"), outputs, strict=True))


def pairs(built: dict[str, DataFrame]) -> set[tuple[Any, ...]]:
    return {row[:2] for row in listed(built["stop_visits"], "run_id", "planned_trip_id", "scheduled_stop_sequence")}


def statuses(built: dict[str, DataFrame]) -> dict[tuple[Any, ...], str]:
    return {row[:2]: row[2] for row in listed(built["planned_calls"], "trip_id", "stop_sequence", "status")}


def test_a_matched_visit_carries_its_plan_and_its_deviation(spark: SparkSession) -> None:
    built = build(spark, run("r", "07:00", 70), trip("t", "07:00"))
    columns = ("stop_id", "planned_trip_id", "scheduled_stop_sequence", "deviation_dep_s", "on_time", "dwell", "status")
    assert listed(built["stop_visits"], *columns) == [
        ("X", "t", 1, 70.0, True, 30, "SCHEDULED"),
        ("Y", "t", 2, 70.0, True, 30, "SCHEDULED"),
        ("Z", "t", 3, 40.0, True, 30, "SCHEDULED"),  # where a trip ends, the arrival counts
    ]
    assert listed(built["planned_calls"], "stop_sequence", "status", "run_id", "visit_seq") == [
        (1, "RUN", "r", 0),
        (2, "RUN", "r", 1),
        (3, "RUN", "r", 2),
    ]
    assert listed(
        built["trips_performed"], "trip_id_performed", "trip_id_scheduled", "schedule_relationship", "visits"
    ) == [("r", "t", "Scheduled", 3)]


def test_a_run_is_matched_in_the_group_and_direction_of_most_of_its_visits(spark: SparkSession) -> None:
    mixed = run("r", "07:00")
    mixed[2] |= {"line_id": "0", "corridor_group": "0", "direction_id": 1}
    built = build(spark, mixed, trip("t", "07:00"))
    for name in ("trips_performed", "match_state"):
        assert listed(built[name], "corridor_group", "direction_id") == [("1", 0)]
    assert listed(built["stop_visits"], "planned_trip_id", "corridor_group", "line_id") == [
        ("t", "1", "0"),
        ("t", "1", "1"),
        ("t", "1", "1"),
    ]


def test_headways_stand_beside_those_of_the_plan(spark: SparkSession) -> None:
    built = build(spark, [*run("r1", "07:00"), *run("r2", "07:10", 60)], [*trip("t1", "07:00"), *trip("t2", "07:10")])
    assert listed(built["stop_visits"].where("stop_id = 'Y'"), "run_id", "headway_s", "planned_headway_s") == [
        ("r1", None, None),
        ("r2", 660.0, 600.0),
    ]


@pytest.mark.parametrize("backwards", [False, True])
def test_headways_of_visits_and_of_calls_of_one_time_do_not_hang_on_the_order_of_rows(
    spark: SparkSession, backwards: bool
) -> None:
    before, seen = run("r0", "06:55")[:1], run("r1", "07:00")[:1]
    twice = sorted([*before, *seen, seen[0] | {"visit_seq": 1}], key=lambda row: row["visit_seq"], reverse=backwards)
    found = with_headway(frame(spark, visits.TABLE, twice).coalesce(1), "departure_ts", "headway_s")
    assert listed(found, "run_id", "visit_seq", "headway_s") == [("r0", 0, None), ("r1", 0, 300.0), ("r1", 1, 0.0)]
    planned = [*trip("t0", "06:55")[:1], *(call | {"stop_id": "X"} for call in trip("t1", "07:00")[:2])]
    planned[2] |= {"planned_departure_ts": at("07:00")}
    rows = planned[::-1] if backwards else planned
    found = with_headway(frame(spark, timetable.TABLE, rows).coalesce(1), "planned_departure_ts", "headway_s")
    assert listed(found, "trip_id", "stop_sequence", "headway_s") == [("t0", 1, None), ("t1", 1, 300.0), ("t1", 2, 0.0)]


def test_a_group_without_trains_is_cancelled_and_one_without_a_plan_is_extra(spark: SparkSession) -> None:
    other = {"corridor_group": "2", "route_id": "2"}
    built = build(spark, run("r", "07:00"), trip("t", "07:00", **other))
    assert set(statuses(built).values()) == {"CANCELLED"}
    assert listed(built["stop_visits"], "status", "planned_trip_id") == [("EXTRA", None)] * 3
    assert listed(built["trips_performed"], "schedule_relationship") == [("Added",)]


@pytest.mark.parametrize(
    ("later", "status"),
    [({"change": "CANCEL"}, "CANCELLED"), ({"stop_sequence": 2, "change": "PLATFORM"}, "RUN")],
    ids=["the trip is cancelled", "the call is moved"],
)
def test_of_what_is_said_of_a_call_and_of_its_trip_a_later_cancellation_counts(
    spark: SparkSession, later: dict[str, Any], status: str
) -> None:
    common = {"trip_id": "t", "service_date": DAY, "reason_code": "TRAIN"}
    earlier = {"CANCEL": {"stop_sequence": 2, "change": "PLATFORM"}, "PLATFORM": {"change": "CANCEL"}}[later["change"]]
    changes = [common | earlier | {"ts": at("06:00")}, common | later | {"ts": at("06:05")}]
    built = build(spark, run("r", "07:00"), trip("t", "07:00"), changes=changes)
    assert statuses(built)["t", 2] == status


def test_a_cancelled_train_does_not_shift_the_ones_behind_it(spark: SparkSession) -> None:
    planned = [row for n in range(4) for row in trip(f"t{n}", f"07:{10 * n:02d}")]
    built = build(spark, [row for n in (0, 2, 3) for row in run(f"r{n}", f"07:{10 * n:02d}", 40)], planned)
    assert pairs(built) == {("r0", "t0"), ("r2", "t2"), ("r3", "t3")}
    assert statuses(built)["t1", 2] == "CANCELLED"


def test_in_a_live_window_the_future_is_pending_and_only_its_scope_is_written(spark: SparkSession) -> None:
    planned = [*trip("early", "06:00"), *trip("now", "07:50"), *trip("soon", "08:30"), *trip("later", "09:10")]
    built = build(spark, [*run("r0", "06:00"), *run("r1", "07:50")], planned, window=AT_EIGHT, params=LIVE)
    assert pairs(built) == {("r1", "now")}, "what lies further back keeps the verdict of an earlier window"
    assert statuses(built) == {("now", n): "RUN" for n in (1, 2, 3)} | {("soon", n): "PENDING" for n in (1, 2, 3)}


def test_a_pin_holds_although_another_trip_would_fit_better(spark: SparkSession) -> None:
    planned, seen = [*trip("t1", "07:00"), *trip("t2", "07:12")], run("r", "07:11")
    pin = {
        "service_date": DAY,
        "run_id": "r",
        "corridor_group": "1",
        "direction_id": 0,
        "trip_id": "t1",
        "method": "ASSIGNMENT",
        "status": "SCHEDULED",
    }
    pin |= {"first_pair_ts": at("07:11"), "pinned": True, "loaded_at": at("07:55")}
    assert pairs(build(spark, seen, planned, window=AT_EIGHT, params=LIVE)) == {("r", "t2")}
    assert pairs(build(spark, seen, planned, state=[pin], window=AT_EIGHT, params=LIVE)) == {("r", "t1")}
    assert pairs(build(spark, seen, planned, state=[pin])) == {("r", "t2")}, "a night decides anew"


def test_the_state_pins_old_pairs_and_carries_runs_out_of_reach(spark: SparkSession) -> None:
    gone = {
        "service_date": DAY,
        "run_id": "gone",
        "corridor_group": "1",
        "direction_id": 0,
        "trip_id": "t0",
        "method": "ASSIGNMENT",
    }
    gone |= {"status": "SCHEDULED", "first_pair_ts": at("04:00"), "pinned": True, "loaded_at": at("04:30")}
    unknown = gone | {"run_id": "renamed"}
    seen = [*run("gone", "04:00"), *run("old", "07:20"), *run("new", "07:40")]
    planned = [*trip("t0", "04:00"), *trip("t1", "07:20"), *trip("t2", "07:40")]
    built = build(spark, seen, planned, state=[gone, unknown], window=AT_EIGHT, params=LIVE)
    assert listed(built["match_state"], "run_id", "trip_id", "pinned") == [
        ("gone", "t0", True),
        ("new", "t2", False),
        ("old", "t1", True),
    ]
    assert len(listed(built["trips_performed"], "trip_id_performed")) == 3


def test_a_plan_change_cancels_at_once_and_one_from_the_future_is_not_known(spark: SparkSession) -> None:
    change = {"trip_id": "t", "service_date": DAY, "change": "CANCEL", "reason_code": "CREW"}
    for decided, status in ((at("07:50"), "CANCELLED"), (at("08:01"), "PENDING")):
        built = build(spark, [], trip("t", "07:58"), changes=[change | {"ts": decided}], window=AT_EIGHT, params=LIVE)
        assert set(statuses(built).values()) == {status}


def test_of_two_plan_changes_of_one_moment_the_one_that_landed_last_counts(spark: SparkSession) -> None:
    common = {"trip_id": "t", "service_date": DAY, "reason_code": "CREW", "ts": at("07:50")}
    first = common | {"change": "CANCEL", "landing_file": "2024-03-12/a.parquet"}
    last = common | {"change": "EXTRA", "landing_file": "2024-03-12/b.parquet"}
    planned = frame(spark, timetable.TABLE, trip("t", "07:58"))
    for changes in ([first, last], [last, first]):
        told = with_changes(planned, frame(spark, plan_change.TABLE, changes).coalesce(1), AT_EIGHT)
        assert listed(told, "change") == [("EXTRA",)] * 3


def test_silence_of_an_interlocking_is_a_gap_when_several_trips_are_missing(spark: SparkSession) -> None:
    common = {
        "length_m": 140,
        "stop_mark_m": 115.0,
        "is_terminal": False,
        "track_order": 1,
        "direction_id": 0,
        "source_system": "ILS-1",
    }
    common |= {"line_ids": ["1"], "next_sections": [], "valid_from": DAY}
    register = [common | {"section_id": f"s{stop}", "platform_stop_id": stop} for stop in STOPS]
    three = [row for n in range(3) for row in trip(f"t{n}", f"07:{10 * n:02d}")]
    assert set(statuses(build(spark, [], three, register=register)).values()) == {"NOT_OBSERVED"}
    assert set(statuses(build(spark, [], three[:6], register=register)).values()) == {"CANCELLED"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("r", 0, "t", 1), ("r", 0, "u", 1)], "A visit is matched twice: r 0"),
        ([("r", 0, "t", 1), ("q", 0, "t", 1)], "A planned call is matched twice: t 1"),
    ],
    ids=["a visit with two planned calls", "a planned call with two visits"],
)
def test_the_guard_fails_the_run(spark: SparkSession, rows: list[tuple[Any, ...]], said: str) -> None:
    full = [(*row, "ASSIGNMENT", 1.0, "SCHEDULED", "RUN", DAY) for row in rows]
    matches = spark.createDataFrame(full, f"{MATCH_COLUMNS}, service_date date")
    with pytest.raises(Exception, match=said):
        one_to_one(matches).collect()


def test_the_guard_lets_free_visits_and_calls_pass(spark: SparkSession) -> None:
    free = [("r", 0, None, None), ("q", 0, None, None), (None, None, "t", 1), (None, None, "t", 2)]
    full = [(*row, None, None, None, None, DAY) for row in free]
    assert one_to_one(spark.createDataFrame(full, f"{MATCH_COLUMNS}, service_date date")).count() == 4
