"""Observed stop visits and a plan become landing tables; what carries the answer stays aside."""

import argparse
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from expectations.metro import observed_visit
from spark_jobs.common.landing import Landing
from spark_jobs.common.window import Window
from spark_jobs.metro import importers

NINE = 1_707_314_400  # 2024-02-07 09:00 in New York
OBSERVED = pd.DataFrame(
    [
        # trip, seq, stop, station, moves, stops, dwell
        ("ADDED-1", 1, "s1", "A", None, NINE, 30.0),
        ("ADDED-1", 10, "s2", "B", NINE + 60, NINE + 100, 40.0),
        ("ADDED-1", 20, "s3", "C", NINE + 150, NINE + 200, 25.0),
        ("ADDED-1", 30, "s4", "D", None, NINE + 300, None),
        ("55", 1, "s1", "A", None, NINE + 600, None),
    ],
    columns=[
        "trip_id",
        "stop_sequence",
        "stop_id",
        "parent_station",
        "move_timestamp",
        "stop_timestamp",
        "dwell_time_seconds",
    ],
).assign(
    service_date=20240207,
    route_id="Green-B",
    trunk_route_id="Green",
    direction_id=False,
    vehicle_id="G-1",
    vehicle_consist="3606|3881",
    start_time=32_000,
    scheduled_departure_time=32_400.0,
    headway_trunk_seconds=300.0,
)
PLANNED = pd.DataFrame(
    [("55", "s2", 90_060, "Green-B", 0), ("55", "s1", 86_399, "Green-B", 0), ("55", "s9", 90_060, "Green-B", 0)],
    columns=["trip_id", "stop_id", "arrival_time", "route_id", "direction_id"],
)


def load(folder: Path, observed=OBSERVED, planned=PLANNED, suffix="parquet", extra=()) -> Path:
    """Write both files, import them, return the landing folder."""
    for name, frame in (("observed", observed), ("planned", planned)):
        path = folder / f"{name}.{suffix}"
        frame.to_parquet(path, index=False) if suffix == "parquet" else frame.to_csv(path, index=False)
    return load_files(folder / f"observed.{suffix}", folder / f"planned.{suffix}", folder / "landing", extra)


def load_files(observed: Path, planned: Path, landing: Path, extra=()) -> Path:
    parser = argparse.ArgumentParser()
    importers.add_arguments(parser)
    arguments = [
        "stop-visits",
        "--observed",
        str(observed),
        "--planned",
        str(planned),
        "--landing",
        str(landing),
        *extra,
    ]
    args = parser.parse_args(arguments)
    args.handler(args)
    return landing


def table(landing: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(next((landing / name).glob("*/*.parquet")))


def test_a_departure_is_the_start_towards_the_next_stop_else_stop_and_dwell_else_the_stop(tmp_path):
    observed = OBSERVED.assign(trip_id=["a", "a", "a", "a", "b"])
    visits = table(load(tmp_path, observed), "observed_visit").sort_values("source_row")
    expected = [NINE + 60, NINE + 150, NINE + 225, NINE + 300, NINE + 600]
    assert [int(seen.timestamp()) for seen in visits.departure_ts] == expected


def test_times_below_a_second_are_kept_to_the_microsecond(tmp_path):
    observed = OBSERVED.assign(stop_timestamp=OBSERVED.stop_timestamp + 0.1234567)
    visits = table(load(tmp_path, observed), "observed_visit").sort_values("source_row")
    assert visits.arrival_ts.iloc[0] == pd.Timestamp(NINE, unit="s", tz="UTC") + pd.Timedelta(microseconds=123_457)


def test_a_start_towards_the_next_stop_before_the_stop_itself_is_no_departure(tmp_path):
    observed = OBSERVED.assign(move_timestamp=[None, NINE - 5, None, None, None])
    visits = table(load(tmp_path, observed), "observed_visit").sort_values("source_row")
    assert int(visits.departure_ts.iloc[0].timestamp()) == NINE + 30


def test_nothing_that_carries_the_answer_reaches_the_visits(tmp_path):
    landing = load(tmp_path)
    visits = table(landing, "observed_visit")
    assert not set(importers.ANSWERS) & set(visits)
    assert not visits.astype(str).map(lambda value: "ADDED" in value).any(axis=None)
    truth = pd.read_parquet(landing / "_truth" / "observed_visit.parquet")
    assert truth.trip_id.tolist() == OBSERVED.trip_id.tolist()
    assert "scheduled_departure_time" in truth


def test_run_ids_differ_from_import_to_import_unless_a_seed_is_given(tmp_path):
    names = []
    for number, extra in enumerate([(), (), ("--seed", "7"), ("--seed", "7")]):
        (tmp_path / str(number)).mkdir()
        names.append(tuple(table(load(tmp_path / str(number), extra=extra), "observed_visit").run_id))
    assert names[0] != names[1]
    assert names[2] == names[3]
    assert [len(set(of_import)) for of_import in names] == [2, 2, 2, 2]


def test_a_run_key_is_taken_as_it_is_and_optional_columns_may_be_absent(tmp_path):
    blind = OBSERVED.assign(run_key="run-0001").drop(
        columns=["trip_id", "trunk_route_id", "vehicle_consist", "parent_station", "start_time", "dwell_time_seconds"]
    )
    visits = table(load(tmp_path, blind), "observed_visit")
    assert set(visits.run_id) == {"run-0001"}
    assert visits.station_id.tolist() == visits.stop_id.tolist()
    assert set(visits.corridor_group) == {"Green-B"}


def test_repeated_rows_of_a_run_at_a_stop_are_kept_as_visits_of_their_own(tmp_path):
    repeated = pd.concat([OBSERVED, OBSERVED.iloc[[1]]], ignore_index=True)
    visits = table(load(tmp_path, repeated), "observed_visit")
    assert len(visits) == 6
    assert not visits.duplicated(["run_id", "visit_seq"]).any()
    assert sorted(visits.source_row) == list(range(6))


def test_calls_are_ordered_by_time_and_may_lie_after_midnight(tmp_path):
    calls = table(load(tmp_path), "stop_times")
    got = list(zip(calls.stop_sequence, calls.stop_id, calls.departure_time, strict=True))
    assert got == [(1, "s1", "23:59:59"), (2, "s2", "25:01:00"), (3, "s9", "25:01:00")]
    assert calls.arrival_time.tolist() == calls.departure_time.tolist()


def test_every_row_of_the_plan_names_the_row_that_it_came_from(tmp_path):
    landing = load(tmp_path)
    calls = table(landing, "stop_times")
    assert list(zip(calls.stop_id, calls.source_row, strict=True)) == [("s1", 1), ("s2", 0), ("s9", 2)]
    assert table(landing, "trips").source_row.tolist() == [1]
    stops = table(landing, "stops")
    assert dict(zip(stops.stop_id, zip(stops.source_file, stops.source_row, strict=True), strict=True)) == {
        **{"s1": ("planned.parquet", 1), "s2": ("planned.parquet", 0), "s9": ("planned.parquet", 2)},
        **{"s3": ("observed.parquet", 2), "s4": ("observed.parquet", 3)},
    }
    assert set(table(landing, "routes").source_file) == {"planned.parquet"}
    assert set(table(landing, "calendar_dates").source_file) == {"observed.parquet"}


def test_stations_come_from_the_observed_file_where_it_knows_them(tmp_path):
    stops = table(load(tmp_path), "stops").set_index("stop_id").parent_station
    assert stops["s2"] == "B"
    assert stops["s9"] is None


def test_the_service_runs_on_the_one_day_and_was_published_before_it(tmp_path):
    landing = load(tmp_path)
    days = table(landing, "calendar_dates")
    assert table(landing, "trips").service_id.tolist() == days.service_id.tolist() == ["day-2024-02-07"]
    assert str(days.date.iloc[0]) == "2024-02-07"
    assert days.published_ts.iloc[0] == pd.Timestamp("2024-02-07T08:59:59Z")


def test_the_corridor_group_is_the_route_unless_told(tmp_path):
    assert table(load(tmp_path), "routes").corridor_group.tolist() == ["Green-B"]
    landing = load(tmp_path, extra=("--corridor", "Green-B=Kenmore"))
    assert set(table(landing, "observed_visit").corridor_group) == {"Kenmore"}


def test_a_run_is_in_one_corridor_group_and_direction_and_its_lines_stay_as_landed(tmp_path):
    lines = ["Green-C", "Green-C", "Green-B", "Green-B", "Green-D"]
    observed = OBSERVED.assign(trip_id=["a", "a", "a", "a", "b"], route_id=lines, direction_id=[1, 0, 1, 1, 0])
    visits = table(load(tmp_path, observed, extra=("--corridor", "Green-D=D")), "observed_visit")
    visits = visits.sort_values("source_row")
    assert visits.line_id.tolist() == lines
    assert visits.corridor_group.tolist() == ["Green-B"] * 4 + ["D"]  # of two as frequent, the smallest
    assert visits.direction_id.tolist() == [1, 1, 1, 1, 0]


def test_the_plan_brings_its_own_time_zone(tmp_path):
    assert table(load(tmp_path), "routes").agency_timezone.tolist() == ["America/New_York"]


def test_landing_lists_its_tables_and_each_file_has_a_manifest_that_fits(tmp_path):
    landing = load(tmp_path)
    listed = json.loads((landing / "landing.json").read_text())["tables"]
    assert listed == ["calendar_dates", "observed_visit", "routes", "stop_times", "stops", "trips"]
    for name in listed:
        path = next((landing / name).glob("*/*.parquet"))
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        assert manifest["rows"] == len(pd.read_parquet(path))
        assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_csv_gives_the_same_visits_as_parquet(tmp_path):
    for suffix in ("csv", "parquet"):
        (tmp_path / suffix).mkdir()
    by_suffix = [load(tmp_path / suffix, suffix=suffix, extra=("--seed", "1")) for suffix in ("csv", "parquet")]
    csv, parquet = (table(landing, "observed_visit").drop(columns="source_file") for landing in by_suffix)
    pd.testing.assert_frame_equal(csv, parquet)


@pytest.mark.parametrize("kind", ["str", "int64", "float64", "category"])
@pytest.mark.parametrize(
    "column", ["trip_id", "stop_id", "route_id", "vehicle_id", "vehicle_consist", "parent_station"]
)
def test_ids_of_any_type_are_the_same_text(tmp_path, column, kind):
    observed, planned = (side.assign(stop_id="7", trip_id="7", route_id="7") for side in (OBSERVED, PLANNED))
    observed, planned = (side.assign(**{column: "7"}).astype({column: kind}) for side in (observed, planned))
    landing = load(tmp_path, observed, planned)
    truth = pd.read_parquet(landing / "_truth" / "observed_visit.parquet")
    visits, trips, stops = (table(landing, name) for name in ("observed_visit", "trips", "stops"))
    found = {"trip_id": [*truth.trip_id, *trips.trip_id], "stop_id": [*visits.stop_id, *stops.stop_id]}
    found |= {"route_id": [*visits.line_id, *trips.route_id], "parent_station": [*visits.station_id]}
    assert set(found.get(column, visits.get(column))) == {"7"}


@pytest.mark.parametrize("nothing", [None, np.nan, ""])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_id_that_is_not_given_is_null_and_the_others_stay_whole_numbers(tmp_path, nothing, suffix):
    given = [nothing, 3.0, 3.0, 3.0, 3.0] if nothing is np.nan and suffix == "parquet" else [nothing, *"3333"]
    observed = OBSERVED.assign(vehicle_id=given, parent_station=given)
    visits = table(load(tmp_path, observed, suffix=suffix), "observed_visit").sort_values("source_row")
    assert visits.vehicle_id.tolist() == [None, *"3333"]
    assert visits.station_id.tolist() == ["s1", *"3333"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_id_may_read_like_a_missing_value_and_a_number_may_be_told_missing(tmp_path, suffix):
    names = ["NA", "None", "null", "nan", "N/A"]
    times = ["NA", "", NINE, "NaN", "null"]
    observed = OBSERVED.assign(stop_id=names, vehicle_id=names, stop_timestamp=[str(time) for time in times])
    visits = table(load(tmp_path, observed, suffix=suffix), "observed_visit").sort_values("source_row")
    assert visits.stop_id.tolist() == visits.vehicle_id.tolist() == names
    assert visits.arrival_ts.notna().tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_what_is_imported_again_of_a_day_replaces_it_whatever_its_last_time_and_time_zone(tmp_path, zone):
    load(tmp_path, OBSERVED.iloc[:3])
    late = OBSERVED.assign(stop_timestamp=[*OBSERVED.stop_timestamp[:4], NINE + 18 * 3600])  # after midnight, UTC
    landing = load(tmp_path, late, extra=("--timezone", zone))
    for name in json.loads((landing / "landing.json").read_text())["tables"]:
        (path,) = (landing / name).glob("*/*.parquet")
        (manifest,) = (landing / name).glob("*/*.manifest.json")
        assert manifest == path.with_name(path.name + ".manifest.json")
    assert len(table(landing, "observed_visit")) == 5


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Oslo", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Midway"]
)
def test_the_day_is_found_by_its_first_live_window_and_by_its_last_and_by_its_night(tmp_path, zone):
    opens = pd.Timestamp("2024-02-07 04:00", tz=zone).to_pydatetime()
    ends = opens + timedelta(days=1)
    observed = OBSERVED.iloc[[0, 4]].assign(stop_timestamp=[opens.timestamp(), ends.timestamp() - 1])
    landing = Landing(load(tmp_path, observed, extra=("--timezone", zone)), tmp_path / "staging")
    minutes = timedelta(minutes=5)
    for window in (Window(opens, opens + minutes), Window(ends - minutes, ends), Window(opens, ends)):
        assert len(landing.take(observed_visit.TABLE, window).files) == 1


def test_lines_of_a_day_that_landed_before_are_not_erased_by_a_file_without_them(tmp_path):
    load(tmp_path)
    blue = OBSERVED.assign(route_id="Blue"), PLANNED.assign(route_id="Blue")
    both = [pd.concat([side, more]) for side, more in zip((OBSERVED, PLANNED), blue, strict=True)]
    for observed, planned, name in (
        (*blue, "observed_visit"),
        (both[0], blue[1], "trips"),
        (blue[0], both[1], "observed_visit"),
    ):
        with pytest.raises(ValueError, match=f"^2024-02-07 has landed with Green-B in {name}, which this import lacks"):
            load(tmp_path, observed, planned)
    assert set(table(tmp_path / "landing", "observed_visit").line_id) == {"Green-B"}
    assert set(table(load(tmp_path, *both), "observed_visit").line_id) == {"Blue", "Green-B"}


@pytest.mark.parametrize("written", [20240207, 20240207.0, "20240207", "2024-02-07", pd.Timestamp("2024-02-07")])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_service_date_is_eight_digits_or_iso(tmp_path, written, suffix):
    visits = table(load(tmp_path, OBSERVED.assign(service_date=written), suffix=suffix), "observed_visit")
    assert {str(day) for day in visits.service_date} == {"2024-02-07"}


@pytest.mark.parametrize(
    ("observed", "planned", "extra", "sentence"),
    [
        (OBSERVED.drop(columns="stop_id"), PLANNED, (), r"^observed.parquet lacks the column stop_id\.$"),
        (
            OBSERVED,
            PLANNED.drop(columns=["stop_id", "route_id"]),
            (),
            r"^planned.parquet lacks the columns stop_id, route_id\.$",
        ),
        (OBSERVED.iloc[:0], PLANNED, (), r"^observed.parquet has no rows\.$"),
        (OBSERVED.drop(columns="trip_id"), PLANNED, (), "neither run_key nor trip_id"),
        (OBSERVED, PLANNED.assign(arrival_time=None), (), "has 3 rows without a arrival_time"),
        (OBSERVED.assign(trip_id=["55", None, "55", None, "55"]), PLANNED, (), "has 2 rows without a trip_id"),
        (OBSERVED.assign(stop_timestamp="noon"), PLANNED, (), "has a stop_timestamp that is not a number"),
        (OBSERVED.assign(trip_id=["55", "", "55", "", "55"]), PLANNED, (), "has 2 rows without a trip_id"),
        (
            OBSERVED.assign(stop_timestamp=pd.Timestamp(NINE, unit="s")),
            PLANNED,
            (),
            "not a number of seconds since 1970",
        ),
        (OBSERVED.assign(stop_timestamp=NINE * 1000), PLANNED, (), "not a number of seconds since 1970: 1707314400000"),
        (OBSERVED.assign(move_timestamp=np.inf), PLANNED, (), "not a number of seconds since 1970: inf"),
        (OBSERVED.assign(dwell_time_seconds=np.inf), PLANNED, (), "not a number of seconds within a week: inf"),
        (
            OBSERVED,
            PLANNED.assign(arrival_time=np.inf),
            (),
            "not a number of seconds after midnight, within a week: inf",
        ),
        (
            OBSERVED.assign(move_timestamp=None, stop_timestamp=None),
            PLANNED,
            (),
            r"^observed.parquet has no row with a time: move_timestamp and stop_timestamp are empty\.$",
        ),
        (
            OBSERVED.assign(direction_id=0.5),
            PLANNED,
            (),
            r"^observed.parquet has a direction_id that is not 0 or 1: 0.5\.$",
        ),
        (OBSERVED.assign(service_date=[1, 2, 3, 4, 5]), PLANNED, (), "has 5 service dates"),
        (OBSERVED.assign(service_date=240207), PLANNED, (), "not a date, such as 20240207: '240207'"),
        (OBSERVED, PLANNED, ("--timezone", "Mars/Olympus"), "'Mars/Olympus' is not a time zone"),
        (OBSERVED, PLANNED, ("--corridor", "Green-B"), "takes ROUTE=GROUP"),
        (OBSERVED, PLANNED, ("--corridor", "Red=Red"), "names the route 'Red', which the input does not have"),
    ],
)
def test_input_that_cannot_be_used_is_refused_in_one_sentence(tmp_path, observed, planned, extra, sentence):
    with pytest.raises(ValueError, match=sentence):
        load(tmp_path, observed, planned, extra=extra)


def test_a_file_that_is_no_parquet_is_refused_in_one_sentence(tmp_path):
    load(tmp_path)
    (tmp_path / "observed.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ValueError, match=r"^observed\.parquet cannot be read as parquet"):
        load_files(tmp_path / "observed.parquet", tmp_path / "planned.parquet", tmp_path / "again")


def test_a_file_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.csv does not exist"):
        load_files(tmp_path / "nothing.csv", tmp_path / "nothing.csv", tmp_path / "landing")
