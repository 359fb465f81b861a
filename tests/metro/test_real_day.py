"""The matcher on a real metro day (MBTA, 7 February 2024), judged from outside by a checker that knows the truth.

The trip ids are hidden from the matcher. The figures of every line are under "Figures" at the end of the tests' log.
"""

import argparse
import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import numpy as np
import pandas as pd
import pytest

from spark_jobs.metro import importers
from spark_jobs.metro.assignment import match_group
from spark_jobs.metro.params import MetroParams

pytestmark = pytest.mark.long

DAY_START = pd.Timestamp("2024-02-07", tz="America/New_York").tz_convert("UTC")
NO_PINS = pd.DataFrame(columns=["run_id", "trip_id", "method"], dtype=object)
REPORTED = ("Mattapan", "Green-B", "Green-C", "Green-D", "Green-E")
DELETED = 0.05
SEEDS = range(5)


def day_files(real_data: Path) -> dict[str, Path]:
    return {
        "observed": real_data / "metro" / "mbta_2024-02-07_observed_stop_visits.parquet",
        "planned": real_data / "metro" / "mbta_2024-02-07_planned_stop_times.parquet",
    }


def checker(real_data: Path) -> Path:
    return real_data.resolve().parent / "checks" / "metro_matching.py"


def blinded(real_data: Path, route: str, drop: float, seed: int, folder: Path) -> None:
    """The checker's own blinding, in this process: a second interpreter for each of the cases takes too long."""
    with contextlib.redirect_stdout(io.StringIO()):
        runpy.run_path(str(checker(real_data)))["blind"](*day_files(real_data).values(), route, drop, seed, folder)


def judged(real_data: Path, folder: Path) -> str:
    command = [sys.executable, checker(real_data), "score", folder / "matches.csv", "--truth", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def frames(observed: Path, planned: Path, landing: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Import both files and read the landing tables as the two sides of the matcher."""
    parser = argparse.ArgumentParser()
    importers.add_arguments(parser)
    args = parser.parse_args(
        ["stop-visits", "--observed", str(observed), "--planned", str(planned), "--landing", str(landing)]
    )
    args.handler(args)
    listed = json.loads((landing / "landing.json").read_text())["tables"]
    tables = {name: pd.read_parquet(next((landing / name).glob("*/*.parquet"))) for name in listed}
    return as_visits(tables["observed_visit"]), as_calls(tables)


def as_visits(visits: pd.DataFrame) -> pd.DataFrame:
    seen = visits.arrival_ts.fillna(visits.departure_ts)
    return visits.assign(anchor_ts=seen.groupby(visits.run_id).ffill().groupby(visits.run_id).bfill())


def as_calls(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    calls = tables["stop_times"].merge(tables["trips"], on="trip_id").merge(tables["routes"], on="route_id")
    calls["station_id"] = calls.stop_id.map(tables["stops"].set_index("stop_id").parent_station).fillna(calls.stop_id)
    calls["planned_departure_ts"] = DAY_START + pd.to_timedelta(calls.departure_time)
    of_trip = calls.groupby("trip_id").stop_sequence
    first, last = calls.stop_sequence == of_trip.transform("min"), calls.stop_sequence == of_trip.transform("max")
    calls["stop_role"] = np.select([first, last], ["ORIGIN", "TERMINAL"], "INTERMEDIATE")
    return calls


def solved(visits: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """The pairs of all groups, with the row of the observed file and the planned stop."""
    seen, plan = (dict(list(side.groupby(["corridor_group", "direction_id"]))) for side in (visits, calls))
    matches = pd.concat(
        match_group(seen.get(key, visits.iloc[:0]), plan.get(key, calls.iloc[:0]), NO_PINS, MetroParams(), None)
        for key in sorted(set(seen) | set(plan))
    )
    pairs = matches.dropna(subset=["run_id", "trip_id"])
    pairs = pairs.merge(visits[["run_id", "visit_seq", "source_row", "line_id"]])
    pairs = pairs.merge(calls[["trip_id", "stop_sequence", "stop_id"]])
    return pairs.rename(columns={"trip_id": "planned_trip_id", "stop_id": "planned_stop_id"})


@pytest.fixture
def score(real_data: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> Callable[..., float]:
    """F1 of the trips given to the runs of a route, by the checker, which fails on any duplicate."""

    def f1(route: str, drop: float = 0.0, seed: int = 0) -> float:
        folder = tmp_path / f"{route}-{drop}-{seed}"
        blinded(real_data, route, drop, seed, folder)
        matches = solved(*frames(folder / "observed.parquet", folder / "planned.parquet", folder / "landing"))
        matches.to_csv(folder / "matches.csv", index=False)
        verdict = judged(real_data, folder).strip()
        record_property(f"{route}, {drop:.0%} deleted, seed {seed}", verdict.replace("\n", "; "))
        found = re.search(r"F1 ([\d.]+)", verdict)
        assert found
        return float(found.group(1))

    return f1


def test_every_blue_train_gets_its_trip(score):
    assert score("Blue") >= 0.99


def test_orange_beats_the_reference_implementation(score):
    assert score("Orange") > 0.8196


@pytest.mark.parametrize(("route", "bar"), [("Blue", 0.98), ("Orange", 0.82)])
def test_deleted_trains_do_not_shift_the_others(score, record_property, route, bar):
    figures = [score(route, DELETED, seed) for seed in SEEDS]
    record_property(f"{route}, {DELETED:.0%} deleted, mean F1", f"{mean(figures):.4f} (bar: {bar})")
    assert mean(figures) >= bar


@pytest.mark.parametrize("route", REPORTED)
def test_lines_whose_own_trip_ids_are_not_clean_have_no_duplicate(score, route):
    assert 0 < score(route) < 1


def test_no_planned_departure_is_used_twice_on_any_line_where_the_published_match_shares_a_quarter(
    real_data, tmp_path, record_property
):
    files = day_files(real_data)
    matches = solved(*frames(files["observed"], files["planned"], tmp_path / "landing"))
    shared = matches.duplicated(["planned_trip_id", "stop_sequence"], keep=False)
    twice = matches.duplicated("source_row", keep=False)
    peer = share_of_shared_departures(pd.read_parquet(files["observed"]))
    ours = f"{shared.mean():.1%} of {len(matches)} rows here"
    record_property("planned departures used more than once", f"{ours}, {peer:.1%} in the published match")
    assert matches.line_id.nunique() == 19
    assert not shared.any()
    assert not twice.any()
    assert round(peer, 3) == 0.244


def share_of_shared_departures(observed: pd.DataFrame) -> float:
    """Share of metro rows whose (route, direction, stop, scheduled departure) another row has as well."""
    metro = observed[~observed.route_id.str.startswith("CR-")].dropna(subset=["scheduled_departure_time"])
    key = ["route_id", "direction_id", "stop_id", "scheduled_departure_time"]
    return float(metro.duplicated(key, keep=False).mean())
