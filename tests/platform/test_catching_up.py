"""After half an hour without a scheduler: one run of its own makes up for all of it, and makes what six windows would have made."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from platform_local.demo import LIVE_DAG, WINDOW
from platform_local.environment import Settings
from platform_local.supervisor import Platform
from platform_local.world import World
from simulators.metro import Settings as Simulated
from spark_jobs.common.ledger import Release
from spark_jobs.common.window import Window
from tests.metro.metro_lake import STAGES, WITHOUT_PINS, MetroLake, metro_lake
from tests.pipeline_lake import session_on
from tests.platform.conftest import Stack, started_stack
from tests.platform.metro_night import take_steps

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(1800)]

AWAY = timedelta(minutes=30)
GREEN_WITHIN_S = 600
# Long enough for every verdict to settle.
AFTERWARDS = timedelta(minutes=45)


@pytest.fixture(scope="module")
def now() -> datetime:
    """The end of the last whole window. The world's clock is the real one: so is the scheduler's."""
    return datetime.fromtimestamp(time.time() // WINDOW.total_seconds() * WINDOW.total_seconds(), UTC)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[Stack]:
    """A platform whose landing folder holds what a metro at a small scale has sent until now."""

    def land(settings: Settings) -> None:
        settings.make_folders()
        environ = settings.environment()
        World(Path(environ["SIGNALBOX_LANDING"]), Simulated(1, 0.03), lambda _: None).catch_up(now)

    with started_stack(tmp_path_factory.mktemp("away"), land) as stack:
        yield stack


@pytest.fixture(scope="module")
def made_up_for(stack: Stack, now: datetime) -> Release:
    """The release of the first run that the scheduler starts when it is back."""
    rpc = Platform(stack.settings).rpc()
    rpc.stopProcess("scheduler")
    last = Window(now - AWAY - WINDOW, now - AWAY)
    take_steps(stack.ledger, "before", "live", last, [sys.executable, "-m", "spark_jobs"], stack.environ)
    stack.ledger.close_run("before")
    stack.api.unpause(LIVE_DAG)
    rpc.startProcess("scheduler")
    deadline = time.monotonic() + GREEN_WITHIN_S
    while (newest := stack.ledger.releases("metro", "live")[0]).run_key == "before":
        assert time.monotonic() < deadline, stack.api.get(f"/dags/{LIVE_DAG}/dagRuns")
        time.sleep(0.5)
    # Serving and the next window are not for this test.
    rpc.stopProcess("scheduler")
    stack.ledger.close_run(newest.run_key)
    return newest


def test_the_scheduler_starts_one_run_for_all_that_was_missed(
    stack: Stack, now: datetime, made_up_for: Release
) -> None:
    assert made_up_for.window.start == now - AWAY
    assert made_up_for.window.end >= now
    runs = stack.api.get(f"/dags/{LIVE_DAG}/dagRuns", order_by="run_after")["dag_runs"]
    missed = [run for run in runs if datetime.fromisoformat(run["data_interval_end"]) <= made_up_for.window.end]
    assert [(f"{LIVE_DAG}/{run['dag_run_id']}", run["run_type"]) for run in missed] == [
        (made_up_for.run_key, "scheduled")
    ]


def test_its_content_is_that_of_windows_of_five_minutes(
    stack: Stack, now: datetime, made_up_for: Release, spark: SparkSession, tmp_path: Path
) -> None:
    session = session_on(spark, stack.environ)
    made = MetroLake(session, stack.ledger, "metro", tmp_path, stack.landing, STAGES)
    found = made.content(WITHOUT_PINS)
    end = made_up_for.window.end
    away, afterwards = Window(now - AWAY - timedelta(hours=1), end), Window(end, end + AFTERWARDS)
    made.run("live", afterwards)
    with metro_lake(spark, tmp_path / "lake", stack.landing) as lake:
        start = now - AWAY - WINDOW
        while start < end:
            lake.run("live", Window(start, start + WINDOW))
            start += WINDOW
        assert found == lake.content(WITHOUT_PINS)
        lake.run("live", afterwards)
        assert made.decided(away) == lake.decided(away)
    assert found["signal_readings"][0] > 0
