"""From landing to release: what a build writes, what blocks it, and what a reader sees."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spark_jobs.common.ledger import Ledger
from tests.platform.toy import HOUR, World, events, land

pytestmark = pytest.mark.spark


@pytest.fixture
def world(spark: Any, ledger: Ledger, lake_home: Path, request: pytest.FixtureRequest) -> World:
    return World(spark, ledger, lake_home, f"toy{abs(hash(request.node.name)) % 10**8}")


def test_a_run_publishes_what_its_checkpoints_passed(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    world.pass_all(run)
    assert world.released() == []
    world.release(run)
    assert len(world.released()) == 10
    assert world.total() == [20.0]


def test_every_row_read_is_found_again(world: World) -> None:
    rows = pd.concat([events(30), events(3), events(2, start=HOUR.start + timedelta(hours=3))], ignore_index=True)
    rows.loc[5, "value"] = 101.0
    land(world.root, rows)
    document = world.build(world.clean, world.open())
    assert document["balance"][world.table("clean")] == {
        "published": 29,
        "duplicate": 3,
        "filtered": {"outside_window": 2},
        "quarantined": 1,
        "read": 35,
    }
    assert world.rule(document, "row_balance")["success"]
    kept = [(row.rule, row.source_file, row.source_row) for row in world.quarantined(document)]
    assert kept == [("value:maximum", "event/2024-03-12/a.parquet", 5)]
