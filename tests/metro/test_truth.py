"""The stages against the simulator's truth: departure times, one-to-one matching, punctuality, on thinned days.

A thinned day has few trains to learn from, so nights believe fewer visits.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

from expectations.contract import Table
from simulators.metro import ServiceDay, Settings, land, score, simulate_day
from simulators.metro.landing import write_parquet
from simulators.metro.truth import TRUTH
from spark_jobs.common.stage import FromRun, Landed
from spark_jobs.common.window import Window
from spark_jobs.metro.params import LIVE, NIGHTLY, MetroParams
from tests.metro.clock import DAY, at
from tests.metro.metro_lake import WITHOUT_READINGS, MetroLake, metro_lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]

Scorer = Callable[..., dict[str, float]]

SCALE = 0.05
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
THIN_NIGHT = replace(NIGHTLY, offset_min_visits=4, offset_prior_visits=1.0)


def simulated(folder: Path, seeds: Sequence[int], scale: float, numbers: bool = True, first: date = DAY) -> Path:
    """Landing files and truth of one day for each seed."""
    truth: dict[str, list[Any]] = {name: [] for name in TRUTH}
    for n, seed in enumerate(seeds):
        sim = simulate_day(Settings(seed, scale, 1.0, numbers), ServiceDay(first + timedelta(days=n)))
        land(sim, folder / "landing")
        for name, build in TRUTH.items():
            truth[name].append(build(sim).to_pandas())
    for name, parts in truth.items():
        write_parquet(
            pa.Table.from_pandas(pd.concat(parts), preserve_index=False), folder / "truth" / f"{name}.parquet"
        )
    return folder


def landed(spark: SparkSession, folder: Path, table: Table) -> DataFrame:
    """All files of a landing table, its valid rows, with where each came from."""
    from pyspark.sql import functions as F

    files = sorted(str(path) for path in (folder / "landing" / table.name).rglob("*.parquet"))
    places = {"landing_file": "string", "source_file": "string", "source_row": "bigint"}
    origin = [f"{name} {kind}" for name, kind in places.items() if name not in table.column_names]
    if not files:
        return spark.createDataFrame([], ", ".join([table.ddl(), *origin]))
    raw = spark.read.parquet(*files)
    file = F.substring_index("_metadata.file_path", "/", -3)  # as the landing zone names it: <table>/<day>/<file>
    row = F.col("_metadata.row_index")
    here = [(row if name == "source_row" else file).alias(name) for name in places if name not in table.column_names]
    columns = [
        (F.col(c.name) if c.name in raw.columns else F.lit(None)).cast(c.type).alias(c.name) for c in table.columns
    ]
    return raw.select(*columns, *here).where(f"({table.first_broken_rule_sql()}) IS NULL")


def run(
    spark: SparkSession, folder: Path, window: Window, params: dict[str, MetroParams], scratch: Path
) -> dict[str, pd.DataFrame]:
    """The stages one after the other on frames, each output written and read again as between two jobs; and `refused`,
    the visits that broke a rule.
    """
    from pyspark.sql import functions as F

    built: dict[str, DataFrame] = {}
    for name in ("timetable", "movements", "visits", "matching"):
        stage = importlib.import_module(f"spark_jobs.metro.{name}").STAGE
        frames = [
            landed(spark, folder, read.table)
            if isinstance(read, Landed)
            else built[read.table.name]
            if isinstance(read, FromRun)
            else spark.createDataFrame([], read.table.ddl())
            for read in stage.reads
        ]
        outputs = stage.transform(*frames, window=window, params=params.get(name, params["else"]))
        for write, output in zip(stage.writes, outputs, strict=True):
            kept = output.where("_dropped IS NULL") if "_dropped" in output.columns else output
            judged = kept.withColumn("broken", F.expr(write.table.first_broken_rule_sql()))
            judged.select(*write.table.column_names, "broken").write.parquet(str(scratch / write.table.name))
            judged = spark.read.parquet(str(scratch / write.table.name))
            built[write.table.name] = judged.where("broken IS NULL").drop("broken")
            if write.table.name == "visits":
                built["refused"] = judged.where("broken IS NOT NULL")
        spark.catalog.clearCache()
    return {name: built[name].toPandas() for name in ("stop_visits", "planned_calls", "refused")}


@pytest.fixture
def matching(record_property: Callable[[str, object], None]) -> Scorer:
    """`score.matching`, which the tests' log tells."""

    def scored(visits: pd.DataFrame, truth: Path, **between: datetime) -> dict[str, float]:
        told = score.matching(visits, truth, **between)
        record_property("beside the truth", ", ".join(f"{name} {figure:.4f}" for name, figure in told.items()))
        return told

    return scored


@pytest.fixture(scope="module")
def thin_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("thin"), [3], SCALE)


def test_a_night_finds_who_ran_which_trip_and_when(
    spark: SparkSession, thin_day: Path, tmp_path: Path, matching: Scorer
) -> None:
    found = run(spark, thin_day, NIGHT, {"else": THIN_NIGHT}, tmp_path)
    told = matching(found["stop_visits"], thin_day / "truth")
    assert told["precision"] >= 0.995 and told["recall"] >= 0.99 and told["twice"] == 0
    assert told["departure_mae_s"] <= 2.0 and told["unseen"] <= 0.01
    ours, true = score.punctuality(found["planned_calls"], thin_day / "truth")
    assert ours == pytest.approx(true, abs=0.01)
    assert not {"run_time", "one_place_at_a_time"} & set(found["refused"].broken)


def test_a_live_window_knows_what_left_half_an_hour_ago(
    spark: SparkSession, thin_day: Path, tmp_path: Path, matching: Scorer
) -> None:
    window = Window(at("07:55"), at("08:00"))
    since_morning = replace(LIVE, lookback_min=300)  # the movements that earlier windows have written
    found = run(spark, thin_day, window, {"movements": since_morning, "else": LIVE}, tmp_path)
    told = matching(found["stop_visits"], thin_day / "truth", since=at("06:32"), until=at("07:30"))
    assert told["precision"] >= 0.985 and told["recall"] >= 0.97 and told["twice"] == 0
    assert told["departure_mae_s"] <= 5.0 and told["unseen"] <= 0.03
    assert not {"run_time", "one_place_at_a_time"} & set(found["refused"].broken)


@pytest.mark.heavy
def test_without_any_run_number_trains_are_still_told_apart(
    spark: SparkSession, tmp_path: Path, matching: Scorer
) -> None:
    unnamed = simulated(tmp_path / "day", [4], SCALE, numbers=False)
    found = run(spark, unnamed, NIGHT, {"else": NIGHTLY}, tmp_path / "built")
    told = matching(found["stop_visits"], unnamed / "truth")
    assert told["precision"] >= 0.97 and told["recall"] >= 0.95 and told["twice"] == 0


@pytest.mark.heavy
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("cuts", "hours"),
    [
        (["2024-03-30T04:00:00+01:00", "2024-03-31T04:00:00+02:00", "2024-04-01T04:00:00+02:00"], [23, 24]),
        (["2024-10-26T04:00:00+02:00", "2024-10-27T04:00:00+01:00", "2024-10-28T04:00:00+01:00"], [25, 24]),
    ],
    ids=["spring", "autumn"],
)
def test_the_night_in_which_the_clock_changes_and_the_one_after_it_are_as_good_as_any(
    spark: SparkSession, tmp_path: Path, matching: Scorer, cuts: list[str], hours: list[int]
) -> None:
    """Each day is a night of its own. After the change a day's seconds count from an hour beside midnight."""
    nights = {date.fromisoformat(start[:10]): Window.parse(start, end) for start, end in pairwise(cuts)}
    assert [night.end - night.start for night in nights.values()] == [timedelta(hours=n) for n in hours]
    days = simulated(tmp_path / "days", [5, 6], SCALE, first=min(nights))
    with metro_lake(spark, tmp_path / "lake", days / "landing", WITHOUT_READINGS) as lake:
        released: dict[date, Window] = {}
        for day, night in nights.items():
            lake.run("nightly", night, overrides=("offset_min_visits=4", "offset_prior_visits=1.0"))
            assert lake.ledger.releases("metro", "settled")[0].window == night
            released[day] = night
            assert_released_once(lake, released, days / "truth")
        visits, calls = (lake.settled(name, "true") for name in ("stop_visits", "planned_calls"))
    told = matching(visits, days / "truth")
    assert told["precision"] >= 0.995 and told["recall"] >= 0.99 and told["twice"] == 0
    assert told["departure_mae_s"] <= 2.0 and told["unseen"] <= 0.01
    ours, true = score.punctuality(calls, days / "truth")
    assert ours == pytest.approx(true, abs=0.01)


def assert_released_once(lake: MetroLake, nights: dict[date, Window], truth: Path) -> None:
    """The lake has every planned call of these days once, each row inside its own day, and nothing of another day."""
    planned = pd.read_parquet(truth / "gt_call.parquet")
    planned = planned[planned.service_date.isin(list(nights))]
    calls = lake.settled("planned_calls", "true")
    assert sorted(calls[score.CALL].itertuples(index=False)) == sorted(planned[score.CALL].itertuples(index=False))
    for name, time in {"planned_calls": "planned_departure_ts", "stop_visits": "anchor_ts"}.items():
        for day, rows in lake.settled(name, "true").groupby("service_date"):
            moments = rows[time].dt.tz_localize("UTC")
            assert nights[day].start <= moments.min() and moments.max() < nights[day].end
    for name in ("stop_visits", "trips_performed", "kpi_daily", "kpi_15min", "otp_sensitivity"):
        assert set(lake.settled(name, "true").service_date) == set(nights), name


@pytest.mark.heavy
def test_over_twenty_seeds_no_planned_departure_is_used_twice(
    spark: SparkSession, tmp_path: Path, matching: Scorer
) -> None:
    """Each seed is a day of its own, all of them one window of twenty days."""
    days = simulated(tmp_path / "days", range(20), 0.01)
    last = date(2024, 4, 1)
    window = Window.parse("2024-03-12T04:00:00+01:00", f"{last}T04:00:00+02:00")
    found = run(spark, days, window, {"else": replace(NIGHTLY, learn=False)}, tmp_path / "built")
    told = matching(found["stop_visits"], days / "truth")
    assert found["stop_visits"].service_date.nunique() == 20
    assert told["twice"] == 0 and told["precision"] >= 0.995 and told["recall"] >= 0.99
