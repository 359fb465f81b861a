"""A timetable in GTFS becomes landing tables: what the feed says, where each row comes from, since when it holds."""

import json
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from platform_local.environment import ROOT
from simulators.metro import ServiceDay, Settings, land, simulate_day
from spark_jobs.__main__ import main
from tests.metro.gtfs_feed import as_gtfs, feed

DAY = ServiceDay(date(2024, 3, 12))


def bring_in(source: Path, landing: Path, *more: str) -> int:
    command = ["import", "metro", "gtfs", "--feed", str(source), "--landing", str(landing), "--day", "2024-03-12"]
    return main([*command, *more])


def landed(landing: Path, name: str) -> pd.DataFrame:
    (path,) = (landing / name / "2024-03-12").glob("*.parquet")
    assert json.loads(path.with_name(f"{path.name}.manifest.json").read_text())["rows"] == len(pd.read_parquet(path))
    return pd.read_parquet(path)


def test_each_row_lands_as_the_feed_says_it_with_its_file_and_row(tmp_path, capsys):
    assert bring_in(feed(tmp_path / "feed"), tmp_path / "landing") == 0
    calls = landed(tmp_path / "landing", "stop_times")
    assert calls.departure_time.tolist() == ["25:01:30", None]
    assert calls[["source_file", "source_row"]].values.tolist() == [["stop_times.txt", 0], ["stop_times.txt", 1]]
    assert landed(tmp_path / "landing", "calendar_dates").date.tolist() == ["2024-03-13", "2024-03-12"]
    assert "stop_times 2, calendar_dates 2" in capsys.readouterr().out
    assert not (tmp_path / "landing" / "calendar").exists()


def test_a_line_gets_its_long_name_its_time_zone_and_its_group(tmp_path):
    bring_in(feed(tmp_path / "feed"), tmp_path / "landing", "--corridor", "2=core")
    lines = landed(tmp_path / "landing", "routes")
    assert lines[["route_short_name", "corridor_group", "agency_timezone"]].values.tolist() == [
        ["Line one", "1", "Europe/Oslo"],
        ["Line two", "core", "Europe/Oslo"],
    ]


def test_entrances_are_no_stops(tmp_path):
    bring_in(feed(tmp_path / "feed"), tmp_path / "landing")
    assert landed(tmp_path / "landing", "stops").stop_id.tolist() == ["S", "S1"]


def test_a_timetable_holds_from_its_first_day_unless_told_otherwise(tmp_path):
    bring_in(feed(tmp_path / "feed"), tmp_path / "first")
    bring_in(feed(tmp_path / "feed"), tmp_path / "told", "--published", "2024-03-13T12:00:00+01:00")
    assert landed(tmp_path / "first", "trips").published_ts.tolist() == [pd.Timestamp("2024-03-12T02:59:59Z")]
    assert landed(tmp_path / "told", "trips").published_ts.tolist() == [pd.Timestamp("2024-03-13T11:00:00Z")]


def test_two_feeds_of_one_day_that_hold_from_one_time_on_need_to_be_told_apart(tmp_path, capsys):
    corrected = feed(tmp_path / "corrected", routes="route_id,route_long_name\n1,Line 1\n")
    assert (
        bring_in(feed(tmp_path / "feed"), tmp_path / "landing")
        == bring_in(tmp_path / "feed", tmp_path / "landing")
        == 0
    )
    assert bring_in(corrected, tmp_path / "landing") == 1
    assert "holds from 2024-03-12T03:59:59+01:00 on as well: say since when this feed holds" in capsys.readouterr().err
    assert bring_in(corrected, tmp_path / "landing", "--published", "2024-03-12T12:00:00+01:00") == 0


def test_a_zip_file_is_the_same_timetable_as_its_folder(tmp_path):
    folder = feed(tmp_path / "feed")
    with zipfile.ZipFile(tmp_path / "feed.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    bring_in(folder, tmp_path / "folder")
    bring_in(tmp_path / "feed.zip", tmp_path / "zip")
    for name in ("trips", "stop_times"):
        pd.testing.assert_frame_equal(landed(tmp_path / "folder", name), landed(tmp_path / "zip", name))


def test_what_a_landing_folder_lists_as_supplied_stays_and_is_added_to(tmp_path):
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "landing.json").write_text('{"tables": ["movement_event", "calendar"]}')
    bring_in(feed(tmp_path / "feed"), landing)
    expected = {"movement_event", "stops", "routes", "trips", "stop_times", "calendar_dates"}
    assert set(json.loads((landing / "landing.json").read_text())["tables"]) == expected
    bring_in(feed(tmp_path / "feed"), tmp_path / "bare")
    assert not (tmp_path / "bare" / "landing.json").exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"stop_times": None}, "has no stop_times.txt at its top."),
        ({"calendar_dates": None}, "has no calendar.txt or calendar_dates.txt at its top."),
        ({"trips": "route_id,service_id,trip_id\n1,WD,t1\n"}, "trips.txt lacks the column direction_id."),
        ({"stop_times": "trip_id,stop_sequence\nt1,1\n"}, "stop_times.txt lacks the columns stop_id, departure_time."),
        ({"agency": "agency_name\nMetro\n"}, "agency.txt lacks the column agency_timezone."),
        ({"agency": "agency_timezone\nOslo\n"}, "'Oslo' is not a time zone."),
        ({"trips": "route_id,service_id,trip_id,direction_id\n"}, "trips.txt has no rows."),
        ({"stops": 'stop_id,stop_name\n"S,'}, "stops.txt cannot be read as CSV in UTF-8"),
        ({"calendar_dates": "service_id,date,exception_type\nWD,soon,1\n"}, "names a day, written YYYYMMDD."),
    ],
)
def test_a_feed_that_cannot_be_used_is_one_sentence(tmp_path, capsys, changed, sentence):
    assert bring_in(feed(tmp_path / "feed", **changed), tmp_path / "landing") == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "landing").exists()


def test_what_is_no_feed_is_one_sentence(tmp_path, capsys):
    assert bring_in(tmp_path / "nowhere", tmp_path / "landing") == 1
    assert "nowhere does not exist." in capsys.readouterr().err
    (tmp_path / "feed.zip").write_text("not a zip file")
    assert bring_in(tmp_path / "feed.zip", tmp_path / "landing") == 1
    assert "is neither a folder nor a zip file that can be read" in capsys.readouterr().err


def night(landing: Path, export: Path) -> pd.DataFrame:
    """Punctuality of the day."""
    window = ["--start", DAY.start.isoformat(), "--end", DAY.end.isoformat()]
    command = [sys.executable, "-m", "spark_jobs", "run", "metro", "--cadence", "nightly", *window]
    answer = subprocess.run(
        [*command, "--landing", landing, "--export", export], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr[-2000:]
    frame = pd.read_parquet(export / "kpi_daily.parquet")
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_a_night_on_ones_own_feed_and_movements_alone_says_what_it_says_on_the_simulators_timetable(tmp_path):
    """Of the simulator only movements and their register stay; the timetable comes from GTFS files."""
    landing = tmp_path / "landing"
    land(simulate_day(Settings(1, 0.02), DAY), landing)
    (landing / "landing.json").unlink(missing_ok=True)
    groups = pd.read_parquet(next((landing / "routes").glob("*/*.parquet")))
    for table in ("signal_reading", "passenger_event", "plan_change"):
        for path in (landing / table).glob("*/*"):
            path.unlink()
    expected = night(landing, tmp_path / "expected")
    as_gtfs(landing, tmp_path / "feed")
    corridors = [
        word for line in groups.itertuples() for word in ("--corridor", f"{line.route_id}={line.corridor_group}")
    ]
    assert bring_in(tmp_path / "feed", landing, *corridors) == 0
    pd.testing.assert_frame_equal(night(landing, tmp_path / "own"), expected)
    assert len(expected) > 5
