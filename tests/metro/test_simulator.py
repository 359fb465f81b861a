"""The seeded simulator: reproducible bytes, sizes, noise shares, physical plausibility and a sound truth.

Full-scale tests look at the generated rows; what is about files runs on a thinned day.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from simulators import metro
from simulators.metro import ServiceDay, Settings, SimulatedDay, simulate_day
from simulators.metro.clock import OSLO
from simulators.metro.landing import TABLES
from simulators.metro.movements import INTERPOSE, OCCUPY, RELEASE
from simulators.metro.network import LINES, SOURCES, build_network
from simulators.metro.truth import TRUTH, gt_call, gt_pair, gt_run, gt_visit
from tests.files import content

TUESDAY = date(2024, 3, 12)


def run_simulator(folder: Path, *options: str) -> tuple[Path, Path]:
    parser = argparse.ArgumentParser()
    metro.add_arguments(parser)
    landing, truth = folder / "landing", folder / "truth"
    metro.simulate(parser.parse_args(["--landing", str(landing), "--truth", str(truth), *options]))
    return landing, truth


def read_table(landing: Path, table: str) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(p) for p in sorted((landing / table).rglob("*.parquet"))], ignore_index=True)


@pytest.fixture(scope="module")
def full() -> SimulatedDay:
    return simulate_day(Settings(seed=1), ServiceDay(TUESDAY))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return run_simulator(tmp_path_factory.mktemp("small"), "--seed", "7", "--scale", "0.02")


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(small: tuple[Path, Path], tmp_path: Path) -> None:
    run_simulator(tmp_path / "again", "--seed", "7", "--scale", "0.02")
    run_simulator(tmp_path / "other", "--seed", "8", "--scale", "0.02")
    first = content(small[0].parent)
    assert content(tmp_path / "again") == first
    other = content(tmp_path / "other")
    same = {name for name, digest in first.items() if other.get(name) == digest and "manifest" not in name}
    plan = ("infra_section", "stops", "routes", "trips", "stop_times", "calendar", "calendar_dates", "landing.json")
    assert {name.split("/")[1] for name in same} == set(plan)


def test_network_has_the_specified_size() -> None:
    net = build_network()
    platforms = [s for s in net.sections if s.platform_stop_id]
    signals = {s.signal_id for s in net.sections if s.signal_id}
    assert len(LINES) == 5 and len(net.stations) == 101 and len(platforms) == 210 and len(SOURCES) == 9
    assert 840 <= len(net.sections) <= 880 and 440 <= len(signals) <= 490 and 105 <= net.point_count() <= 130
    assert all(s.stop_mark_m is not None and s.stop_mark_m < s.length_m for s in platforms)
    shared = {s.station_id for s in platforms if set(s.line_ids) == set(LINES)}
    assert shared == {f"T{i:02d}" for i in range(1, 9)}


def test_full_day_has_the_specified_numbers_of_rows(full: SimulatedDay) -> None:
    print(f"{len(full.trips)} trips, {len(full.sent)} movement events, {len(full.readings)} readings")
    assert len(full.trips) == 1_560
    assert len(full.sent) == pytest.approx(170_000, rel=0.03)
    assert len(full.readings) == pytest.approx(3_000_000, rel=0.03)


@pytest.mark.parametrize("scale", [0.01, 0.05, 0.25])
def test_scale_thins_the_day_and_keeps_every_line(scale: float) -> None:
    sim = simulate_day(Settings(seed=3, scale=scale), ServiceDay(TUESDAY))
    assert {(t.line, t.direction) for t in sim.trips} == {(line, d) for line in LINES for d in (0, 1)}
    assert len(sim.trips) == pytest.approx(1_560 * scale, rel=0.3)
    assert len(sim.readings) == pytest.approx(3_000_000 * scale, rel=0.15)


def test_every_file_agrees_with_its_manifest(small: tuple[Path, Path]) -> None:
    landing = small[0]
    times = {"movement_event": "event_ts", "signal_reading": "reading_ts", "passenger_event": "event_timestamp",
             "plan_change": "ts"}  # fmt: skip
    files = sorted(landing.rglob("*.parquet"))
    assert {p.relative_to(landing).parts[0] for p in files} == set(TABLES)
    for path in files:
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        assert manifest["rows"] == pq.read_metadata(path).num_rows > 0
        assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert manifest["time_zone"] == "UTC"
        column = times.get(path.relative_to(landing).parts[0])
        if column:
            values = pd.read_parquet(path, columns=[column])[column]
            assert pd.Timestamp(manifest["start"]) == values.min() and pd.Timestamp(manifest["end"]) == values.max()


@pytest.mark.parametrize("table", TABLES)
def test_landing_tables_follow_their_contract(small: tuple[Path, Path], table: str) -> None:
    contract = importlib.import_module(f"expectations.metro.{table}").TABLE
    types = {"string": "string", "bigint": "int64", "int": "int32", "double": "double", "boolean": "bool",
             "date": "date32[day]", "timestamp": "timestamp[us, tz=UTC]"}  # fmt: skip
    path = next((small[0] / table).rglob("*.parquet"))
    landed = {f.name: str(f.type) for f in pq.read_schema(path)}
    columns = {c.name: c for c in contract.columns if c.name in landed}
    assert set(landed) == set(columns) and {c.name for c in contract.columns if not c.nullable} <= set(landed)
    assert {n: t for n, t in landed.items() if not t.startswith("list")} == {
        n: types[c.type] for n, c in columns.items() if not c.type.startswith("array")
    }
    rows = read_table(small[0], table)
    for name, column in columns.items():
        assert column.nullable or rows[name].notna().all(), name
        assert not column.allowed or set(rows[name].dropna()) <= set(column.allowed), name
        assert column.minimum is None or not (rows[name].dropna() < column.minimum).any(), name


def test_files_hold_what_arrived_in_their_five_minutes(small: tuple[Path, Path]) -> None:
    files = sorted((small[0] / "movement_event").rglob("*.parquet"))
    assert files
    for path in files:
        slot = datetime.strptime(f"{path.parent.name} {path.name[:4]}", "%Y-%m-%d %H%M").replace(tzinfo=UTC)
        arrived = pd.read_parquet(path, columns=["ingest_ts"])["ingest_ts"]
        assert arrived.min() >= slot and arrived.max() < slot + timedelta(minutes=5)


def test_upto_lands_only_files_that_are_there_by_then(small: tuple[Path, Path], tmp_path: Path) -> None:
    options = ("--seed", "7", "--scale", "0.02", "--upto", "2024-03-12T09:02:00+00:00")
    landing, _ = run_simulator(tmp_path, *options)
    partial, whole = content(landing), content(small[0])
    assert partial.items() < whole.items()
    assert max(p.stem for p in (landing / "signal_reading").rglob("*.parquet")) == "0855"


def test_noise_has_its_shares(full: SimulatedDay) -> None:
    sent, n = full.sent, len(full.events)
    original = sent[sent["copy"] == 0]
    assert (sent["copy"] > 0).sum() / n == pytest.approx(0.003, rel=0.2)
    assert 1 - len(original) / n == pytest.approx(0.002, rel=0.2)
    lag = original["ingest"] - original["t"]
    assert (lag > 3_000).sum() / n == pytest.approx(0.005, rel=0.1)
    assert ((lag > 25) & (lag < 3_000)).sum() / n == pytest.approx(0.005, rel=0.15)
    quality = pd.Series([r.number_quality for r in full.runs if r.arrival]).value_counts(normalize=True)
    assert quality["MISSING"] == pytest.approx(0.03, abs=0.002) and quality["WRONG"] == pytest.approx(0.01, abs=0.002)
    assert len(full.stuck) == 5 and sum(r.kind == "NON_REVENUE" for r in full.runs) == 4
    assert (np.abs(full.clocks) <= 2).sum() == len(SOURCES) - 1 and full.clocks.max() == 7


def test_disruptions_have_their_shares(full: SimulatedDay) -> None:
    status = gt_call(full).to_pandas()
    trips = status.groupby("status")["trip_id"].nunique() / len(full.trips)
    assert trips["CANCELLED"] == pytest.approx(0.01, rel=0.1)
    assert trips["PART_CANCELLED"] == pytest.approx(0.007, rel=0.15)
    assert trips["RUN_OTHER_PLATFORM"] == pytest.approx(0.01, rel=0.1)
    assert sum(r.kind == "EXTRA" for r in full.runs) / len(full.trips) == pytest.approx(0.005, rel=0.1)
    assert 3 <= len(full.incidents) <= 6 and {d.kind for d in full.delays} == {"PRIMARY", "KNOCK_ON"}


def test_departures_deviate_about_as_on_the_reference_line(full: SimulatedDay) -> None:
    pairs = gt_pair(full).to_pandas().dropna(subset=["true_departure_ts"])
    deviation = (pairs["true_departure_ts"] - pairs["planned_departure_ts"]).dt.total_seconds()
    assert np.percentile(deviation, [5, 25, 50, 75, 95]) == pytest.approx([-123, -33, 17, 61, 241], abs=60)


def test_without_noise_messages_are_clean() -> None:
    sim = simulate_day(Settings(seed=1, scale=0.05, noise=0), ServiceDay(TUESDAY))
    assert len(sim.sent) == len(sim.events) and not sim.stuck and not sim.clocks.any()
    assert all(r.number_quality == "OK" and r.kind != "NON_REVENUE" for r in sim.runs)


def test_without_run_numbers_vehicles_are_still_known(tmp_path: Path) -> None:
    landing, _ = run_simulator(tmp_path, "--seed", "1", "--scale", "0.02", "--no-run-numbers")
    events = read_table(landing, "movement_event")
    assert events["train_describer"].isna().all() and events["line_id"].isna().all()
    assert events.loc[events["event_type"] == "INTERPOSE", "vehicle_ids"].notna().all()


def test_trains_keep_the_minimum_headway_in_the_tunnel(full: SimulatedDay) -> None:
    calls = full.calls
    track = calls["platform"].replace({loop: main for main, loop in full.net.alternates.items()})
    tunnel = np.array([s.source_system == "ILS-TUN" for s in full.net.sections])[calls["platform"].to_numpy()]
    order = calls.assign(track=track)[tunnel].sort_values(["track", "departure"])
    assert order.groupby("track")["departure"].diff().min() >= 90 - 1e-6


def test_two_trains_are_never_in_one_section(full: SimulatedDay) -> None:
    """Each train has left a section (its rear clears 20 s after the front, at most) before the next one enters."""
    sim = simulate_day(Settings(seed=1, noise=0), full.day)
    taken = sim.events[sim.events["type"] == OCCUPY].sort_values(["run", "t"], kind="stable")
    taken["left"] = taken.groupby("run")["t"].shift(-1)
    taken = taken[[not s.is_terminal or bool(s.platform_stop_id) for s in (
        sim.net.sections[i] for i in taken["section"].tolist())]]  # fmt: skip
    taken = taken.sort_values(["section", "t"])
    gap = taken["t"] - taken.groupby("section")["left"].shift()
    assert len(gap.dropna()) > 100_000 and gap.min() > 0


def test_messages_of_a_train_follow_the_track(full: SimulatedDay) -> None:
    sim = simulate_day(Settings(seed=2, scale=0.1, noise=0), full.day)
    taken = sim.events[sim.events["type"] == OCCUPY].sort_values(["run", "t"], kind="stable")
    follows = taken["run"].eq(taken["run"].shift())
    before = taken["section"].shift()
    assert (taken["prev"] == before)[follows].all()
    assert all(int(s) in sim.net.sections[int(p)].next_sections for s, p in zip(
        taken["section"][follows], before[follows], strict=True))  # fmt: skip
    assert (sim.events["type"] == RELEASE).sum() == len(sim.calls)
    assert (sim.events["type"] == INTERPOSE).sum() == sim.calls["run"].nunique()


def test_stuck_circuits_are_silent_until_released(full: SimulatedDay) -> None:
    for stuck in full.stuck:
        there = full.events[(full.events["section"] == stuck.section) & (full.events["type"] != INTERPOSE)]
        inside = there[(there["t"] > stuck.start_s) & (there["t"] < stuck.end_s)]
        assert inside.empty
        assert ((there["t"] == stuck.end_s) & (there["type"] == RELEASE) & (there["run"] == -1)).sum() == 1


def test_departures_follow_from_geometry_within_five_seconds(full: SimulatedDay) -> None:
    """The live pipeline's rule: OCCUPY of the next section less the geometric time, by the interlocking's clock."""
    net, timing = full.net, full.timing
    first = full.sent[(full.sent["type"] == OCCUPY) & (full.sent["copy"] == 0) & (full.sent["call"] > 0)]
    after_platform = {i for link in net.links.values() for i in link.sections[:1]}
    first = first[first["section"].isin(after_platform)]
    first = first.assign(call=first["call"] - 1).merge(full.calls, on=["run", "call"])
    assert len(first) > 30_000
    seen = first["t"] + full.clocks[first["source"]] - timing.geometric_dep_s[first["prev"]]
    assert 1.5 <= (seen - first["departure"]).abs().mean() <= 5
    bias = timing.off_dep_s - timing.geometric_dep_s
    learnt = first["t"] - timing.off_dep_s[first["prev"]]
    assert np.abs(bias).max() <= 5.001 and (learnt - first["departure"]).abs().mean() <= 1.5


@pytest.mark.parametrize(
    ("day", "start", "hours"),
    [
        (date(2024, 3, 30), "2024-03-30T03:00:00+00:00", 23),
        (date(2024, 3, 31), "2024-03-31T02:00:00+00:00", 24),
        (date(2024, 10, 26), "2024-10-26T02:00:00+00:00", 25),
        (date(2024, 10, 27), "2024-10-27T03:00:00+00:00", 24),
    ],
)
def test_service_days_around_clock_changes(day: date, start: str, hours: int) -> None:
    service = ServiceDay(day)
    assert service.start == datetime.fromisoformat(start)
    assert service.end - service.start == timedelta(hours=hours)
    assert service.start.astimezone(OSLO).hour == 4
    sim = simulate_day(Settings(seed=1, scale=0.01), service)
    pairs = gt_pair(sim).to_pandas().query("stop_sequence == 1")
    first = sim.trips[0]
    planned = pairs.loc[pairs["trip_id"] == first.trip_id, "planned_departure_ts"].iloc[0]
    assert planned == datetime.combine(day, datetime.min.time(), OSLO).replace(hour=12).astimezone(UTC) + timedelta(
        seconds=first.departure_s[0] - 43_200
    )


def test_truth_pairs_are_one_to_one_and_complete(full: SimulatedDay) -> None:
    pairs, calls, visits = (t(full).to_pandas() for t in (gt_pair, gt_call, gt_visit))
    assert not pairs.duplicated(["trip_id", "stop_sequence"]).any()
    assert not visits.duplicated(["run_id", "stop_sequence"]).any()
    assert pairs.groupby("run_id")["trip_id"].nunique().max() == pairs.groupby("trip_id")["run_id"].nunique().max() == 1
    ran = calls[calls["status"].isin(["RUN", "RUN_OTHER_PLATFORM"])]
    assert set(zip(ran["trip_id"], ran["stop_sequence"], strict=True)) == set(
        zip(pairs["trip_id"], pairs["stop_sequence"], strict=True)
    )
    assert len(calls) == len(ran) + calls["status"].isin(["CANCELLED", "PART_CANCELLED"]).sum()


def test_times_of_a_run_rise_and_numbers_are_unique(full: SimulatedDay) -> None:
    visits = gt_visit(full).to_pandas()
    dwell = (visits["true_departure_ts"] - visits["true_arrival_ts"]).dt.total_seconds().dropna()
    onward = visits.groupby("run_id")["true_arrival_ts"].shift(-1) - visits["true_departure_ts"]
    assert dwell.min() >= 3 and onward.dropna().min() > timedelta(seconds=30)
    assert len({t.run_number for t in full.trips}) == len(full.trips)
    runs = gt_run(full).to_pandas()
    right = runs[(runs["number_quality"] == "OK") & runs["trip_id"].notna()]
    numbers = {t.trip_id: t.run_number for t in full.trips}
    assert (right["train_describer"] == right["trip_id"].map(numbers)).all()


def test_truth_holds_every_table(small: tuple[Path, Path]) -> None:
    assert {p.name for p in small[1].iterdir()} == {f"{name}.parquet" for name in TRUTH}
    assert all(pq.read_metadata(p).num_rows > 0 for p in small[1].iterdir())


def test_ring_trains_go_on_under_the_other_line(full: SimulatedDay) -> None:
    changes = [
        (run.line, full.runs[run.follower].line)
        for run in full.runs
        if run.follower is not None and full.net.sections[run.path[-1]].station_id == "R06"
    ]
    assert set(changes) == {("4", "5"), ("5", "4")}
