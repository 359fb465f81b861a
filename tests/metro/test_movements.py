"""Movements: each message once, on one clock, and none lost without a reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from expectations.metro import clock_offsets, infra_section, movement_event
from spark_jobs.common.window import Window
from spark_jobs.metro.clocks import solve_offsets
from spark_jobs.metro.movements import transform
from spark_jobs.metro.params import LIVE, NIGHTLY, MetroParams
from tests.frames import frame, listed
from tests.metro.clock import DAY, at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FIVE_MINUTES = Window(at("07:00"), at("07:05"))
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
SECTIONS = ("A", "B", "C")


def event(name: str, clock: str, section: str = "A", **more: Any) -> dict[str, Any]:
    happened = at(clock)
    common = {
        "event_id": name,
        "source_system": "ILS-1",
        "message_seq": 1,
        "event_ts": happened,
        "event_type": "OCCUPY",
    }
    return common | {"ingest_ts": happened + timedelta(seconds=5), "section_id": section} | more


def section(name: str, *following: str, source: str = "ILS-1", **more: Any) -> dict[str, Any]:
    common = {
        "section_id": name,
        "length_m": 150,
        "is_terminal": False,
        "track_order": 1,
        "direction_id": 0,
        "source_system": source,
    }
    return common | {"line_ids": ["1"], "next_sections": list(following), "valid_from": DAY} | more


def build(
    spark: SparkSession,
    events: list[dict[str, Any]],
    window: Window = FIVE_MINUTES,
    params: MetroParams = LIVE,
    offsets: list[dict[str, Any]] | None = None,
    sections: list[dict[str, Any]] | None = None,
) -> tuple[DataFrame, DataFrame]:
    register = sections or [section("A", "B"), section("B", "C"), section("C")]
    frames = (frame(spark, movement_event.TABLE, events), frame(spark, infra_section.TABLE, register))
    return transform(*frames, frame(spark, clock_offsets.TABLE, offsets or []), window=window, params=params)


def fates(built: DataFrame) -> dict[str, str | None]:
    return dict(listed(built, "event_id", "_dropped"))


@pytest.mark.spark
def test_a_message_sent_twice_is_kept_once_as_it_came_first(spark: SparkSession) -> None:
    again = event("e1", "06:58", ingest_ts=at("07:00:20"))
    movements, _ = build(spark, [again, event("e1", "06:58")])
    assert Counter(listed(movements, "ingest_ts", "_dropped")) == Counter(
        [(at("06:58:05"), None), (at("07:00:20"), "duplicate")]
    )


@pytest.mark.spark
def test_the_same_content_under_a_new_id_is_a_duplicate_and_another_section_is_not(spark: SparkSession) -> None:
    rows = [event("e1", "06:58"), event("e2", "06:58:00.020", message_seq=9), event("e3", "06:58", section="B")]
    assert fates(build(spark, rows)[0]) == {"e1": None, "e2": "duplicate", "e3": None}


@pytest.mark.spark
def test_what_has_not_arrived_by_the_end_of_a_live_window_waits_for_the_next_one(spark: SparkSession) -> None:
    late = event("late", "07:04", ingest_ts=at("07:05"))
    assert fates(build(spark, [late])[0]) == {"late": "not_yet_arrived"}
    assert fates(build(spark, [late], window=Window(at("07:05"), at("07:10")))[0]) == {"late": None}
    assert fates(build(spark, [late], window=Window(at("03:00"), at("07:05")), params=NIGHTLY)[0]) == {"late": None}


@pytest.mark.spark
def test_a_live_window_reaches_back_ninety_minutes_and_no_further(spark: SparkSession) -> None:
    rows = [event("before", "05:34:59"), event("first", "05:35"), event("last", "07:04:59", ingest_ts=at("07:04:59.5"))]
    assert fates(build(spark, rows)[0]) == {"before": "outside_window", "first": None, "last": None}


@pytest.mark.spark
def test_a_clock_seven_seconds_ahead_is_put_right_and_one_second_is_left(spark: SparkSession) -> None:
    known = [
        {"service_date": DAY - timedelta(days=2), "source_system": "ILS-1", "offset_s": 3.0, "samples": 9},
        {"service_date": DAY - timedelta(days=1), "source_system": "ILS-1", "offset_s": 7.0, "samples": 9},
        {"service_date": DAY - timedelta(days=1), "source_system": "ILS-2", "offset_s": 1.0, "samples": 9},
    ]
    rows = [event("e1", "06:58:07"), event("e2", "06:58:01", source_system="ILS-2", section="B")]
    movements, learnt = build(spark, rows, offsets=known)
    assert listed(movements, "event_id", "corrected_ts") == [("e1", at("06:58:00")), ("e2", at("06:58:01"))]
    assert learnt.count() == 0


@pytest.mark.spark
def test_a_night_learns_the_clock_that_is_ahead_without_run_numbers(spark: SparkSession) -> None:
    systems = {"A": "ILS-1", "B": "ILS-1", "C": "ILS-2", "D": "ILS-2", "E": "ILS-3", "F": "ILS-3"}
    names = list(systems)
    ahead_s = {"ILS-1": 0, "ILS-2": 7, "ILS-3": 0}
    rows = [
        event(
            f"{train}{name}",
            f"06:{10 + 4 * train}:{10 * n + ahead_s[systems[name]]}",
            section=name,
            source_system=systems[name],
            prev_section_id=names[n - 1] if n else None,
            next_section_id=names[n + 1] if n < 5 else None,
        )
        for train in range(6)
        for n, name in enumerate(names)
    ]
    register = [section(name, *names[n + 1 : n + 2], source=systems[name]) for n, name in enumerate(names)]
    params = replace(NIGHTLY, clock_min_samples=3)
    movements, learnt = build(spark, rows, window=NIGHT, params=params, sections=register)
    assert listed(learnt, "source_system", "offset_s") == [("ILS-1", 0.0), ("ILS-2", 7.0), ("ILS-3", 0.0)]
    assert at("06:10:20") in {row[0] for row in listed(movements, "corrected_ts")}


@pytest.mark.spark
def test_a_section_that_is_not_released_while_trains_go_on_beyond_it_is_stuck(spark: SparkSession) -> None:
    stuck = [event("o", "05:40"), event("beyond", "06:20", section="B"), event("r", "06:30", event_type="RELEASE")]
    freed = [event("o2", "05:40", section="C"), event("r2", "05:42", section="C", event_type="RELEASE")]
    movements, _ = build(spark, [*stuck, *freed])
    assert listed(movements.where("stuck"), "event_id") == [("o",)]


@pytest.mark.spark
def test_a_section_that_the_register_lacks_is_told_apart(spark: SparkSession) -> None:
    movements, _ = build(spark, [event("e1", "06:58"), event("e2", "06:58", section="nowhere")])
    assert listed(movements, "event_id", "section_known") == [("e1", True), ("e2", False)]


def test_offsets_are_solved_from_both_directions_so_that_a_wrong_pace_cancels() -> None:
    columns = ["from_system", "to_system", "length_m", "section_id", "step_s", "samples"]
    steps = pd.DataFrame(
        [
            ("X", "X", 150, "a", 10.0, 50),
            ("X", "Y", 150, "b", 10.0 + 7.0 + 1.0, 20),  # slower here than elsewhere
            ("Y", "X", 150, "c", 10.0 - 7.0 + 1.0, 20),
            ("X", "Z", 150, "d", 10.0, 20),
        ],
        columns=columns,
    )
    solved = solve_offsets(steps, min_samples=5).set_index("source_system").offset_s
    assert solved.to_dict() == pytest.approx({"X": 0.0, "Y": 7.0, "Z": 0.0}, abs=1e-6)
