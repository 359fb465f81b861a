"""The score beside the truth: nothing of ours, and nothing true, is left out of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulators.metro import score
from tests.metro.clock import DAY, at

PERFECT = {"precision": 1.0, "recall": 1.0, "departure_mae_s": 0.0, "unseen": 0.0, "twice": 0}


def visit(run: str = "r", sequence: int = 1, trip: str | None = "t", late_s: float = 0.0) -> dict[str, Any]:
    """A visit of ours, `late_s` after the time at which train t truly left its stop (arrived at its second and last)."""
    moment = at(f"07:0{sequence}") + timedelta(seconds=late_s)
    return {
        "service_date": DAY,
        "trip_id_performed": run,
        "trip_stop_sequence": sequence - 1,
        "stop_id": f"s{sequence}",
        "anchor_ts": moment,
        "actual_arrival_time": moment,
        "actual_departure_time": moment if sequence == 1 else None,
        "planned_trip_id": trip,
        "scheduled_stop_sequence": sequence if trip else None,
    }


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Train t at its two stops."""
    rows = [
        {"service_date": DAY, "run_id": "true", "stop_id": f"s{n}", "trip_id": "t", "stop_sequence": n}
        | {"true_arrival_ts": at(f"07:0{n}"), "true_departure_ts": at(f"07:0{n}") if n == 1 else None}
        for n in (1, 2)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "gt_visit.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("visits", "told"),
    [
        pytest.param([visit(), visit(sequence=2)], {}, id="all as it was"),
        pytest.param([visit(late_s=2), visit(sequence=2)], {"departure_mae_s": 2.0}, id="a departure off by 2 s"),
        pytest.param(
            [visit(), visit(sequence=2), visit("ghost", trip="u", late_s=600)],
            {"precision": 2 / 3},
            id="a train that never was takes a trip",
        ),
        pytest.param(
            [visit(late_s=31), visit(sequence=2)],
            {"precision": 0.5, "recall": 0.5, "departure_mae_s": float("nan"), "unseen": 0.5},
            id="a departure too far off to be the same",
        ),
        pytest.param([visit()], {"recall": 0.5, "unseen": 0.5}, id="a visit is missing"),
        pytest.param([visit(), visit(sequence=2, trip=None)], {"recall": 0.5}, id="a visit has no trip"),
        pytest.param(
            [visit(trip="u"), visit(sequence=2)], {"precision": 0.5, "recall": 0.5}, id="a visit has another's trip"
        ),
        pytest.param(
            [visit(), visit(sequence=2), visit("again", late_s=5)], {"twice": 1}, id="two visits have one planned call"
        ),
        pytest.param(
            [visit(), visit(sequence=2), visit(trip="u")],
            {"precision": 2 / 3, "twice": 1},
            id="one visit has two planned calls",
        ),
    ],
)
def test_each_flaw_shows_where_it_belongs(truth: Path, visits: list[dict[str, Any]], told: dict[str, float]) -> None:
    assert score.matching(pd.DataFrame(visits), truth) == pytest.approx(PERFECT | told, nan_ok=True)


def test_between_two_instants_only_what_was_then_is_judged(truth: Path) -> None:
    visits = pd.DataFrame([visit(), visit("ghost", trip="u", late_s=600)])
    assert score.matching(visits, truth, until=at("07:01:30")) == PERFECT
    assert score.matching(visits, truth, since=at("07:01:30"))["precision"] == 0
