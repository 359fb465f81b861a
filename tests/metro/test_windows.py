"""Runs of the real stages, window after window: many equal one, the same run twice is the same, nothing goes stale."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from simulators.metro import ServiceDay, Settings, land, simulate_day
from spark_jobs.common.window import Window
from tests.metro.clock import DAY, at
from tests.metro.metro_lake import STAGES, MetroLake, metro_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.heavy, pytest.mark.timeout(1200)]

SCALE = 0.03
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
WITHOUT_PINS = ("timetable", "movements", "signal_readings", "visits")
WITHOUT_READINGS = tuple(stage for stage in STAGES if stage != "readings")
MATCHED = ("stop_visits", "planned_calls")
# Long enough for every verdict of the hour to settle.
AFTERWARDS = Window(at("08:05"), at("08:50"))
# What the hour decided, and no later window can reach any more.
HOUR = "{column} >= TIMESTAMP '2024-03-12 06:00:00+00:00' AND {column} < TIMESTAMP '2024-03-12 08:05:00+00:00'"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing files of a thinned day."""
    folder = tmp_path_factory.mktemp("day")
    land(simulate_day(Settings(3, SCALE, 1.0, True), ServiceDay(DAY)), folder)
    return folder


def settled_hour(lake: MetroLake) -> dict[str, tuple[int, str]]:
    """The hour's pairs and verdicts; not by which pass and at what cost a pair was found: that is what was known then."""
    columns = {"stop_visits": "anchor_ts", "planned_calls": "planned_departure_ts"}
    how = ("match_method", "match_cost_s")
    return {name: lake.content((name,), HOUR.format(column=columns[name]), how)[name] for name in MATCHED}


@pytest.fixture(scope="module")
def steps(spark: SparkSession, day: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What readers see after each of thirteen live windows, of which the first opens the tier, and once all of it is settled."""
    with metro_lake(spark, tmp_path_factory.mktemp("steps"), day) as lake:
        lake.live("07:00", "08:05")
        hour = lake.content(WITHOUT_PINS)
        newest = lake.run("live", AFTERWARDS)
        yield {"hour": hour, "settled": settled_hour(lake), "newest": newest, "lake": lake}


def test_an_hour_in_twelve_live_windows_equals_the_hour_that_one_run_makes_up_for(
    spark: SparkSession, day: Path, tmp_path: Path, steps: dict[str, Any]
) -> None:
    with metro_lake(spark, tmp_path, day) as lake:
        lake.live("07:00", "07:05")
        lake.scheduled_live("08:05")
        assert lake.ledger.releases("metro", "live")[0].window == Window(at("07:05"), at("08:05"))
        assert lake.content(WITHOUT_PINS) == steps["hour"]
        lake.run("live", AFTERWARDS)
        assert settled_hour(lake) == steps["settled"]
        assert all(rows for rows, _ in steps["settled"].values())


def test_the_newest_live_window_run_again_after_compaction_gives_the_same_content(steps: dict[str, Any]) -> None:
    lake = steps["lake"]
    before = lake.content((*WITHOUT_PINS, *MATCHED))
    lake.compact()
    assert lake.run("live", AFTERWARDS) == steps["newest"]
    assert lake.content((*WITHOUT_PINS, *MATCHED)) == before


def test_a_settled_day_run_again_keeps_its_content_and_no_row_of_a_trip_that_never_ran(
    spark: SparkSession, day: Path, tmp_path: Path
) -> None:
    landing = Path(shutil.copytree(day, tmp_path / "landing"))
    with metro_lake(spark, tmp_path / "lake", landing, WITHOUT_READINGS) as lake:
        hashes = lake.run("nightly", NIGHT)
        lake.compact()
        assert lake.run("nightly", NIGHT) == hashes
        ran = lake.settled("planned_calls", "status = 'RUN' AND match_method = 'RUN_NUMBER'")
        trip_id, run_id = ran.iloc[len(ran) // 2][["trip_id", "run_id"]]
        cancel(landing, trip_id, ran[ran.trip_id == trip_id].planned_departure_ts)
        lake.run("nightly", NIGHT)
        calls = lake.settled("planned_calls", f"trip_id = '{trip_id}'")
        assert set(calls.status) == {"CANCELLED"} and calls.run_id.isna().all()
        assert lake.settled("stop_visits", f"planned_trip_id = '{trip_id}' OR run_id = '{run_id}'").empty
        assert lake.settled("trips_performed", f"trip_id_performed = '{run_id}'").empty


def cancel(landing: Path, trip_id: str, departures: pd.Series[pd.Timestamp]) -> None:
    """The signalling system's files without the train of a trip, and the message that cancels the trip."""
    (trips,) = (landing / "trips").rglob("*.parquet")
    number = pd.read_parquet(trips).set_index("trip_id").run_number[trip_id]
    first, last = (moment.tz_localize("UTC") for moment in (departures.min(), departures.max()))
    around = (first - timedelta(minutes=20), last + timedelta(minutes=20))
    for path in (landing / "movement_event").rglob("*.parquet"):
        rows = pd.read_parquet(path)
        kept = rows[~((rows.train_describer == number) & rows.event_ts.between(*around))]
        if len(kept) < len(rows):
            kept.to_parquet(path, index=False)
            path.with_name(path.name + ".manifest.json").unlink()
    notice = {"trip_id": trip_id, "service_date": DAY.isoformat(), "stop_sequence": pd.NA, "change": "CANCEL"}
    notice |= {"ts": first - timedelta(minutes=30), "reason_code": "TRAIN"}
    rows = pd.DataFrame([notice]).astype({"stop_sequence": "Int32"})
    rows.to_parquet(landing / "plan_change" / DAY.isoformat() / "cancelled.parquet", index=False)
