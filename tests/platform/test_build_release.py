"""From landing to release: what a build writes, what blocks it, and what a reader sees."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spark_jobs.common.build import build
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger, Run
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.release import release
from spark_jobs.common.window import Window
from tests.platform.toy import HOUR, STAGES, ToyParams, contracts, events, land, stages


class World:
    """One toy pipeline of its own on the shared lake."""

    def __init__(self, spark: Any, ledger: Ledger, home: Path, slug: str) -> None:
        self.spark, self.ledger, self.slug = spark, ledger, slug
        self.root = home / "landing" / slug
        self.root.mkdir(parents=True)
        self.staging = home / "staging"
        self.clean, self.totals = stages(slug)

    def open(self, name: str = "run-1", cadence: str = "nightly", window: Window = HOUR) -> Run:
        return self.ledger.open_run(self.slug, cadence, f"{self.slug}/{name}", None, window)

    def build(self, stage: Any, run: Run, params: ToyParams | None = None) -> dict[str, Any]:
        landing = Landing(self.root, self.staging)
        return build(self.spark, self.ledger, landing, stage, run, params or ToyParams()).document

    def pass_all(self, run: Run, params: ToyParams | None = None) -> None:
        for stage in (self.clean, self.totals):
            self.build(stage, run, params)
            assert self.ledger.checkpoint(run.run_key, stage.name).passed

    def release(self, run: Run) -> Any:
        return release(self.spark, self.ledger, run, STAGES)

    def released(self, table: int = 1, tier: str = "settled") -> list[Any]:
        """Rows that readers of the newest release see."""
        name = table_name(contracts(self.slug)[table], tier)
        newest = self.ledger.releases(self.slug, tier)
        return Lake(self.spark).read(name, newest[0].snapshots[name]).collect() if newest else []


@pytest.fixture
def world(spark: Any, ledger: Ledger, lake_home: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    yield World(spark, ledger, lake_home, f"toy{abs(hash(request.node.name)) % 10**8}")


def test_a_run_publishes_what_its_checkpoints_passed(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    world.pass_all(run)
    assert world.released() == []
    world.release(run)
    assert len(world.released()) == 10
    assert [row.total for row in world.released(2)] == [20.0]


def test_every_row_read_is_found_again(world: World) -> None:
    rows = pd.concat([events(30), events(3), events(2, start=HOUR.start + timedelta(hours=3))], ignore_index=True)
    rows.loc[5, "value"] = 101.0
    land(world.root, rows)
    document = world.build(world.clean, world.open())
    balance = document["balance"][table_name(contracts(world.slug)[1], "settled")]
    assert balance == {"published": 29, "duplicate": 3, "filtered": {"outside_window": 2}, "quarantined": 1, "read": 35}
    assert next(rule for rule in document["rules"] if rule["rule"] == "row_balance")["success"]
    kept = world.spark.table(f"lake.{world.slug}.event__quarantine.branch_{next(iter(document['tables'].values()))['branch']}").collect()
    assert [(row.rule, row.source_file, row.source_row) for row in kept] == [("value:maximum", "event/2024-03-12/a.parquet", 5)]
