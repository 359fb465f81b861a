"""Chaining: which OCCUPY messages are one train, whatever is lost, stuck, renumbered or unnumbered."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from spark_jobs.metro.params import NIGHTLY
from spark_jobs.metro.tracing import trace

DAY = date(2024, 3, 12)
# Platform p1 - a - b - platform p2 - c - d - platform p3 - turnback tb - platform q3 of the other direction.
LINE = ("p1", "a", "b", "p2", "c", "d", "p3", "tb", "q3")
STEP_S = {"p1": 60, "a": 15, "b": 15, "p2": 60, "c": 15, "d": 15, "p3": 60, "tb": 300}
START = pd.Timestamp("2024-03-12 06:00:00")


def sections() -> pd.DataFrame:
    platforms = {"p1": "P1", "p2": "P2", "p3": "P3", "q3": "Q3"}
    return pd.DataFrame(
        {
            "section_id": LINE,
            "length_m": 140,
            "stop_mark_m": [115.0 if name in platforms else None for name in LINE],
            "platform_stop_id": [platforms.get(name) for name in LINE],
            "is_terminal": [name in ("tb", "p3", "q3") for name in LINE],
            "direction_id": [1 if name == "q3" else 0 for name in LINE],
            "line_ids": [["1", "2"] if name in ("a", "b") else ["1"] for name in LINE],
            "next_sections": [list(LINE[n + 1 : n + 2]) for n in range(len(LINE))],
        }
    )


def train(number: str | None, start_s: float, upto: str = "tb", **more: Any) -> list[dict[str, Any]]:
    """OCCUPY messages of a train from p1, with INTERPOSE there and RELEASE of the platforms."""
    rows: list[dict[str, Any]] = []
    clock = start_s
    for n, name in enumerate(LINE[: LINE.index(upto) + 1]):
        rows.append(message(name, clock, number, prev=LINE[n - 1] if n else None, **more))
        if name.startswith("p"):
            rows.append(message(name, clock + STEP_S[name] + 12, number, "RELEASE", **more))
        clock += STEP_S[name]
    return rows


def message(
    section: str, seconds: float, number: str | None, kind: str = "OCCUPY", prev: str | None = None, **more: Any
) -> dict[str, Any]:
    row = {"section_id": section, "event_ts": START + pd.Timedelta(seconds=seconds), "train_describer": number}
    row |= {"event_type": kind, "prev_section_id": prev, "vehicle_ids": None, "destination_code": "P3"}
    return row | {"line_id": None if number is None else "1"} | more


def traced(rows: list[dict[str, Any]]) -> pd.DataFrame:
    events = pd.DataFrame(rows)
    events["event_id"] = [f"e{n}" for n in range(len(events))]
    events["message_seq"], events["corrected_ts"], events["service_date"] = range(len(events)), events.event_ts, DAY
    return trace(events, sections(), NIGHTLY)


def seen(visits: pd.DataFrame) -> list[tuple[str, int, str]]:
    """(run, sequence, stop) with runs counted from 0 in order of start."""
    runs = {run: n for n, run in enumerate(visits.groupby("run_id").anchor_ts.min().sort_values().index)}
    return sorted(
        (runs[r], s, stop) for r, s, stop in zip(visits.run_id, visits.visit_seq, visits.stop_id, strict=True)
    )


ONE_RUN = [(0, 0, "P1"), (0, 1, "P2"), (0, 2, "P3")]
TWO_RUNS = [*ONE_RUN, (1, 0, "P1"), (1, 1, "P2"), (1, 2, "P3")]


@pytest.mark.parametrize("number", ["1001", None], ids=["with a run number", "without a run number"])
def test_two_trains_behind_each_other_are_two_runs(number: str | None) -> None:
    assert seen(traced([*train(number, 0), *train(number and "1002", 120)])) == TWO_RUNS


@pytest.mark.parametrize("lost", ["a", "b", "p2", "c", "d"])
@pytest.mark.parametrize("number", ["1001", None], ids=["numbered", "unnumbered"])
def test_a_run_goes_on_where_a_message_is_lost(number: str | None, lost: str) -> None:
    first = [row for row in train(number, 0) if not (row["section_id"] == lost and row["event_type"] == "OCCUPY")]
    assert seen(traced([*first, *train(number and "1002", 150)])) == TWO_RUNS


def test_while_a_circuit_is_stuck_trains_pass_it_unseen() -> None:
    first, second, third = train(None, 0), train(None, 150), train(None, 300)
    unseen = [row for row in [*second, *third] if row["section_id"] != "c"]
    assert len({run for run, _, _ in seen(traced([*first, *unseen]))}) == 3


def test_a_lost_platform_is_visited_with_its_departure_measured() -> None:
    visits = traced([row for row in train("1001", 0) if row["section_id"] != "p2"] + train("1002", 150)).set_index(
        ["train_number", "stop_id"]
    )
    lost = visits.loc[("1001", "P2")]
    assert not lost.entered_seen and lost.left_by == "OCCUPY"
    assert lost.left_ts == START + pd.Timedelta(seconds=150)
    assert lost.anchor_ts == START + pd.Timedelta(seconds=75), "the raw time of the last message before"


def test_where_the_next_section_is_lost_the_release_of_the_platform_tells_the_departure() -> None:
    visits = traced([row for row in train("1001", 0) if row["section_id"] != "c"]).set_index("stop_id")
    assert (visits.left_by["P2"], visits.left_ts["P2"]) == ("RELEASE", START + pd.Timedelta(seconds=162))


def test_where_the_release_is_lost_too_the_departure_lies_between_its_neighbours() -> None:
    whole = [row for n in range(3) for row in train(f"100{n}", 150 * (n + 1))]
    lossy = [
        row
        for row in train("1009", 0)
        if row["section_id"] != "c" and (row["section_id"], row["event_type"]) != ("p2", "RELEASE")
    ]
    visits = traced([*lossy, *whole]).set_index(["train_number", "stop_id"])
    lost = visits.loc[("1009", "P2")]
    assert lost.left_by == "INTERPOLATED" and lost.left_ts == START + pd.Timedelta(seconds=150)


def test_a_run_ends_at_the_turnback_and_the_next_begins_behind_it() -> None:
    rows = [*train("1001", 0), message("q3", 600, "1002", prev="tb")]
    assert seen(traced(rows)) == [*ONE_RUN, (1, 0, "Q3")]


def test_a_train_under_way_has_not_left_its_last_platform() -> None:
    visits = traced(train("1001", 0, upto="p2")[:-1]).set_index("stop_id")
    assert visits.left_by["P1"] == "OCCUPY" and pd.isna(visits.left_ts["P2"]) and visits.left_by["P2"] is None


def test_a_number_put_right_on_the_way_holds_for_the_whole_run() -> None:
    rows = train("1003", 0)
    for row in rows[4:]:
        row["train_describer"] = "1001"
    visits = traced(rows)
    assert seen(visits) == ONE_RUN and set(visits.train_number) == {"1001"}


def test_trains_with_different_numbers_are_not_joined_over_a_gap() -> None:
    head, tail = train("1001", 0, upto="a"), [row for row in train("1002", 0) if row["section_id"] in ("c", "d", "p3")]
    assert len({run for run, _, _ in seen(traced([*head, *tail]))}) == 2


def test_without_a_number_the_line_follows_from_the_track() -> None:
    visits = traced(train(None, 0))
    assert set(visits.line_id) == {"1"} and visits.line_ids.iloc[0] == ["1"]


def test_the_vehicles_come_from_the_interpose_at_the_start() -> None:
    told = message("p1", 3, "1001", "INTERPOSE", vehicle_ids=["MX1", "MX2"])
    visits = traced([*train("1001", 0), told, *train("1002", 150)]).set_index(["train_number", "stop_id"])
    assert (visits.vehicle_id["1001", "P3"], visits.vehicle_consist["1001", "P3"], visits.units["1001", "P3"]) == (
        "MX1",
        "MX1|MX2",
        2,
    )
    assert pd.isna(visits.vehicle_id["1002", "P1"]) and visits.units["1002", "P1"] == 0


@pytest.mark.parametrize(
    ("named", "expected"),
    [([], None), ([None], None), ([None, "MX1"], "MX1")],
    ids=["none", "a null", "one and a null"],
)
def test_an_interpose_that_names_no_vehicle_tells_none(named: list[str | None], expected: str | None) -> None:
    visits = traced([*train("1001", 0), message("p1", 3, "1001", "INTERPOSE", vehicle_ids=named)])
    assert len(visits) == 3
    assert {None if pd.isna(vehicle) else vehicle for vehicle in visits.vehicle_id} == {expected}


def test_what_arrives_later_adds_visits_and_renames_no_run() -> None:
    everything = [*train("1001", 0), *train(None, 200)]
    early = [row for row in everything if row["event_ts"] < START + timedelta(seconds=260)]
    names = lambda visits: dict(zip(zip(visits.stop_id, visits.anchor_ts, strict=True), visits.run_id, strict=True))  # noqa: E731
    before, after = names(traced(early)), names(traced(everything))
    assert len(before) == 4 and len(after) == 6 and before.items() <= after.items()


def test_no_occupy_no_visit() -> None:
    assert traced([message("p1", 0, "1001", "RELEASE")]).empty
