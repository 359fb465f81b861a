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
from tests.metro.metro_lake import WITHOUT_PINS, metro_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.heavy, pytest.mark.timeout(1200)]

SIMULATED = Settings(3, 0.03, 1.0, True)
DAYS = (ServiceDay(DAY), ServiceDay(DAY + timedelta(days=1)))
NIGHTS = tuple(Window(day.start, day.end) for day in DAYS)
OF_DAY, OF_NEXT_DAY = (f"service_date = DATE '{day.date}'" for day in DAYS)
OF_A_DAY = ("stop_visits", "planned_calls", "trips_performed", "kpi_daily", "kpi_15min", "otp_sensitivity")
# Long enough for every verdict of the hour to settle.
AFTERWARDS = Window(at("08:05"), at("08:50"))
# What the hour decided, and no later window can reach any more.
HOUR = Window(at("06:00"), at("08:05"))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing files of a thinned day."""
    folder = tmp_path_factory.mktemp("day")
    land(simulate_day(SIMULATED, DAYS[0]), folder)
    return folder


@pytest.fixture(scope="module")
def steps(spark: SparkSession, day: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What readers see after each of thirteen live windows, of which the first opens the tier, and once all of it is settled."""
    with metro_lake(spark, tmp_path_factory.mktemp("steps"), day) as lake:
        lake.live("07:00", "08:05")
        hour = lake.content(WITHOUT_PINS)
        newest = lake.run("live", AFTERWARDS)
        yield {"hour": hour, "settled": lake.decided(HOUR), "newest": newest, "lake": lake}


def test_an_hour_in_twelve_live_windows_equals_the_hour_that_one_run_makes_up_for(
    spark: SparkSession, day: Path, tmp_path: Path, steps: dict[str, Any]
) -> None:
    with metro_lake(spark, tmp_path, day) as lake:
        lake.live("07:00", "07:05")
        lake.scheduled_live("08:05")
        assert lake.ledger.releases("metro", "live")[0].window == Window(at("07:05"), at("08:05"))
        assert lake.content(WITHOUT_PINS) == steps["hour"]
        lake.run("live", AFTERWARDS)
        assert lake.decided(HOUR) == steps["settled"]
        assert all(rows for rows, _ in steps["settled"].values())


def test_the_newest_live_window_run_again_after_compaction_gives_the_same_content(steps: dict[str, Any]) -> None:
    lake = steps["lake"]
    before = lake.content(lake.tables())
    lake.compact()
    assert lake.run("live", AFTERWARDS) == steps["newest"]
    assert lake.content(lake.tables()) == before


@pytest.fixture(scope="module")
def nights(spark: SparkSession, day: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What two nights wrote, on a lake whose landing zone may be changed."""
    folder = tmp_path_factory.mktemp("nights")
    landing = Path(shutil.copytree(day, folder / "landing"))
    land(simulate_day(SIMULATED, DAYS[1]), landing)
    with metro_lake(spark, folder / "lake", landing) as lake:
        yield {"hashes": [lake.run("nightly", night) for night in NIGHTS], "lake": lake}


def test_settled_days_run_again_after_compaction_the_older_first_keep_their_content(nights: dict[str, Any]) -> None:
    lake = nights["lake"]
    before = lake.content(lake.tables(), tier="settled")
    lake.compact()
    for night, written in zip(NIGHTS, nights["hashes"], strict=True):
        assert lake.run("nightly", night) == written
        assert lake.content(lake.tables(), tier="settled") == before
    for of_day in (OF_DAY, OF_NEXT_DAY):
        assert all(rows for rows, _ in lake.content(OF_A_DAY, of_day, tier="settled").values())


def test_an_older_settled_day_run_again_keeps_no_row_of_a_trip_that_never_ran(nights: dict[str, Any]) -> None:
    lake = nights["lake"]
    next_day = lake.content(OF_A_DAY, OF_NEXT_DAY, tier="settled")
    ran = lake.settled("planned_calls", f"{OF_DAY} AND status = 'RUN' AND match_method = 'RUN_NUMBER'")
    trip_id, run_id = ran.iloc[len(ran) // 2][["trip_id", "run_id"]]
    cancel(lake.landing, trip_id, ran[ran.trip_id == trip_id].planned_departure_ts)
    lake.run("nightly", NIGHTS[0])
    calls = lake.settled("planned_calls", f"{OF_DAY} AND trip_id = '{trip_id}'")
    assert set(calls.status) == {"CANCELLED"} and calls.run_id.isna().all()
    gone = f"planned_trip_id = '{trip_id}' OR run_id = '{run_id}'"
    assert lake.settled("stop_visits", f"{OF_DAY} AND ({gone})").empty
    assert lake.settled("trips_performed", f"{OF_DAY} AND trip_id_performed = '{run_id}'").empty
    cancelled = lake.settled("planned_calls", f"{OF_DAY} AND timepoint AND status LIKE '%CANCELLED'")
    assert lake.settled("kpi_15min", f"{OF_DAY} AND otp_rule = 'departures'").cancelled.sum() == len(cancelled)
    assert lake.content(OF_A_DAY, OF_NEXT_DAY, tier="settled") == next_day


def cancel(landing: Path, trip_id: str, departures: pd.Series[pd.Timestamp]) -> None:
    """The signalling system's files without the train of a trip, and the message that cancels the trip."""
    (trips,) = (landing / "trips" / DAY.isoformat()).glob("*.parquet")
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
