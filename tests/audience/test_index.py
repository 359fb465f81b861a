"""The index of a simulated world against plain sets, and what the day's audit tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from expectations.audience import udb
from simulators.audience import sets
from spark_jobs.audience import index
from spark_jobs.audience.counts import groups_on
from spark_jobs.audience.params import AudienceParams
from tests.audience.steps import FIRST, Steps, simulated, window_of
from tests.platform.toy import tiny_queries

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

LAST = FIRST + timedelta(days=4)
WINDOW = window_of(FIRST, LAST)
CELL = ["segment_id", "pixel_id"]


class World:
    """Five days of a noisy world: its events, its state, and its index by plain sets."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        size = ("--users", "600", "--segments", "12", "--groups", "3", "--pixels", "8", "--days", "5")
        self.landing = simulated(folder, "--seed", "5", "--noise", "3", "--adds", "6", "--visits", "4", *size)
        self.truth = folder / "truth"
        self.steps = Steps(spark, self.landing, WINDOW, folder / "staging")
        self.state = self.steps.state(None, WINDOW)
        self.nothing = spark.createDataFrame([], udb.TABLE.ddl())
        self.plain = pd.DataFrame(
            sets.count(sets.state_on(self.landing, FIRST, LAST), sets.groups_on(self.landing, LAST))
        )

    def index(self, **params: Any) -> tuple[DataFrame, ...]:
        steps = self.steps
        read = (self.state, self.nothing, steps.adds, steps.visits, steps.segments, steps.pixels)
        return index.transform(*read, window=WINDOW, params=AudienceParams(**params))


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with tiny_queries(spark):
        yield World(spark, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def exact(world: World) -> pd.DataFrame:
    return world.index()[0].toPandas().sort_values(CELL, ignore_index=True)


def test_every_count_is_that_of_plain_sets(world: World, exact: pd.DataFrame) -> None:
    told = exact[exact.group_users > 0].reset_index(drop=True)
    plain = world.plain.sort_values(CELL, ignore_index=True)
    pairs = {"matched_users": "n_sp", "group_users": "n_gp", "segment_users": "n_s", "group_total": "n_g"}
    assert len(plain) > 50
    for ours, theirs in {**dict(zip(CELL, CELL, strict=True)), "group_id": "group_id", **pairs}.items():
        assert told[ours].tolist() == plain[theirs].tolist(), ours


def test_what_order_excludes_is_told(world: World, exact: pd.DataFrame) -> None:
    told = exact[exact.group_users > 0].reset_index(drop=True)
    plain = world.plain.sort_values(CELL, ignore_index=True)
    excluded = 1 - plain.n_sp / plain.n_sp_unordered
    assert told.share_excluded_by_order.fillna(-1).tolist() == pytest.approx(excluded.fillna(-1).tolist())


def test_the_audit_counts_late_events_and_bots(world: World) -> None:
    audit = world.index(most_pixels=3)[2].collect()[0]
    planted = pd.read_parquet(world.truth / "gt_planted.parquet")
    state = world.state.toPandas()
    assert audit.late_events >= (planted.kind == "late").sum() > 0
    assert audit.users == len(state) and audit.users_before == 0
    assert audit.capped_users == sum(len(pixels) > 3 for pixels in state.pixels) > 0


def test_of_all_users_sampled_an_estimate_is_the_exact_index(world: World, exact: pd.DataFrame) -> None:
    told = world.index(mode="theta", lg_k=26, min_estimated_side=0, min_sampled_overlap=0)[0].toPandas()
    told = told.sort_values(CELL, ignore_index=True)
    assert told.is_approx.all() and (told.matched_low == told.matched_users).all()
    assert told.audience_index.fillna(-1).tolist() == exact.audience_index.fillna(-1).tolist()


def test_bounds_of_estimates_contain_the_exact_count_in_95_of_100_cells(world: World, exact: pd.DataFrame) -> None:
    told = world.index(mode="theta", lg_k=8, min_estimated_side=0, min_sampled_overlap=0)[0].toPandas()
    both = exact.merge(told, on=CELL, suffixes=("", "_told"))
    held = (both.matched_low_told <= both.matched_users) & (both.matched_users <= both.matched_high_told)
    assert len(both) > 50 and held.mean() >= 0.95


def test_the_audit_of_a_sample_estimates_what_all_users_would_have_told(world: World) -> None:
    told = world.index()[2].collect()[0]
    estimate = world.index(mode="theta", lg_k=8)[2].collect()[0]
    assert estimate.ordered_pairs == pytest.approx(told.ordered_pairs, rel=0.3)
    assert estimate.users == told.users


def test_small_overlaps_are_refused(world: World) -> None:
    told = world.index(mode="theta", lg_k=8)[0].toPandas()
    assert set(told.status) == {"overlap_too_small"} and told.audience_index.isna().all()


def test_a_segment_that_changes_its_group_counts_where_it_is_on_the_day(spark: SparkSession) -> None:
    entries = [("s", "before", FIRST, LAST - timedelta(days=1)), ("s", "after", LAST, None)]
    told = spark.createDataFrame(entries, "segment_id string, group_id string, valid_from date, valid_to date")
    groups = [groups_on(told, day).collect() for day in (LAST - timedelta(days=1), LAST)]
    assert [[row.group_id for row in rows] for rows in groups] == [["before"], ["after"]]


def test_a_pixel_that_is_no_longer_listed_belongs_to_nobody(world: World) -> None:
    steps = world.steps
    read = (world.state, world.nothing, steps.adds, steps.visits, steps.segments, steps.pixels.limit(0))
    told = index.transform(*read, window=WINDOW, params=AudienceParams())[0].select("advertiser_id").distinct()
    assert [row.advertiser_id for row in told.collect()] == ["unknown"]
