"""Each component of a running platform is killed once: it is back by itself, and no window loses a row or counts one twice.

Windows follow each other; most victims die while one of them is being built. What came out is compared with the same
windows run without a disturbance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
import psycopg2
import pytest

from platform_local import processes
from platform_local.airflow_api import Run
from platform_local.demo import LIVE_DAG, WINDOW
from platform_local.problem import Problem
from platform_local.recycling import Limits, Recycler
from platform_local.supervisor import Platform
from spark_jobs import metro
from spark_jobs.common.window import Window
from tests.metro.metro_lake import metro_lake
from tests.platform.conftest import Stack, running_stack

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(3600)]

# At this scale trains run until half past eight (UTC), and again from a quarter past ten.
FIRST_WINDOW = datetime(2024, 3, 12, 7, 45, tzinfo=UTC)
# 60 s on an idle machine, where it is printed; a busy one gets its chance.
HEALTHY_WITHIN_S = 600
GREEN_WITHIN_S = 1800
MARTS = ("punctuality_daily", "punctuality_15min", "punctuality_sensitivity", "stop_visits", "planned_calls")
VERSION = " UNION ALL ".join(f"SELECT '{m}', count(*), max(release_id), sum(release_id) FROM metro.{m}" for m in MARTS)
# Whom to kill, and the task of the running window at which that is done; without one, before the window begins.
KILLS = {
    "scheduler": "movements.build",
    "connect": "visits.build",
    "postgres": "matching.build",
    "api-server": "punctuality.build",
    "dag-processor": None,
    "triggerer": None,
}


@dataclass
class Readers:
    """Somebody who asks for all marts at once, again and again; without an answer while PostgreSQL is away."""

    stack: Stack
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(60)

    def _read(self) -> None:
        while not self._over.wait(0.2):
            try:
                self.seen.add(version(self.stack))
            except psycopg2.OperationalError:
                continue
            except psycopg2.Error as error:
                self.errors.append(str(error))


@dataclass
class Story:
    """What has happened on the platform so far."""

    stack: Stack
    runs: list[Run] = field(default_factory=list)
    versions: set[tuple[Any, ...]] = field(default_factory=set)
    processes: set[psutil.Process] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.platform = Platform(self.stack.settings)
        self.readers = Readers(self.stack)

    def begin_window(self) -> Run:
        """The next five minutes, as the schedule would ask for them; the first are asked for by their times."""
        start = FIRST_WINDOW + len(self.runs) * WINDOW
        end = start + WINDOW
        asked = {} if self.runs else {"window_start": start.isoformat(), "window_end": end.isoformat()}
        self.runs.append(self.stack.api.trigger(LIVE_DAG, asked, None if asked else (start, end)))
        return self.runs[-1]

    def finish(self, run: Run) -> None:
        """Wait until the run is green; what readers see then is a whole version."""
        deadline, state = time.monotonic() + GREEN_WITHIN_S, "running"
        while state in ("queued", "running"):
            assert time.monotonic() < deadline, f"{run} is still {state}"
            time.sleep(1)
            with suppress(OSError, Problem):
                state = self.stack.api.state(run)
        assert state == "success", self.stack.states(run)
        self.versions.add(version(self.stack))

    def wait_for(self, run: Run, task: str, *states: str) -> None:
        deadline = time.monotonic() + GREEN_WITHIN_S
        while self.stack.states(run).get(task) not in states:
            assert time.monotonic() < deadline, self.stack.states(run)
            time.sleep(0.2)

    def kill(self, component: str) -> list[psutil.Process]:
        """Kill the component's own process; what it had below it."""
        victim, *below = processes.tree(self.pid(component))
        self.processes |= {victim, *below}
        victim.kill()
        assert processes.wait([victim], 10) == []
        return below

    def pid(self, component: str) -> int:
        return int(self.platform.rpc().getProcessInfo(component)["pid"])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A platform on which one window has been served."""
    with running_stack(tmp_path_factory.mktemp("healing")) as stack:
        story = Story(stack)
        story.finish(story.begin_window())
        story.readers.start()
        yield story
        story.readers.stop()


@pytest.mark.parametrize(("component", "task"), KILLS.items(), ids=KILLS)
def test_what_is_killed_is_back_by_itself_and_the_window_becomes_green(
    story: Story, component: str, task: str | None
) -> None:
    if task:
        run = story.begin_window()
        # It may be over before anybody has seen it run.
        story.wait_for(run, task, "running", "success")
    since, began, before = datetime.now(UTC), time.monotonic(), story.pid(component)
    left_behind = story.kill(component)
    # A big process that is dying may answer for another moment.
    while story.pid(component) in (0, before) or not story.platform.is_healthy(component, since):
        assert time.monotonic() - began < HEALTHY_WITHIN_S, story.platform.states()
        time.sleep(0.5)
    print(f"\n{component}: healthy {time.monotonic() - began:.0f} s after its kill", end="")
    story.finish(run if task else story.begin_window())
    print(f", the window green after {time.monotonic() - began:.0f} s", end="")
    assert processes.wait(left_behind, 60) == []


def test_connect_is_started_anew_between_windows_and_never_during_one(story: Story) -> None:
    url = story.stack.environ["SIGNALBOX_LEDGER_URL"]
    recycler = Recycler(story.platform.rpc, story.stack.settings.port("connect"), url, Limits(100_000, 1e-6))
    run, before = story.begin_window(), story.pid("connect")
    # From its first build to its last task the run holds its lease.
    story.wait_for(run, "timetable.build", "running", "success")
    while not story.stack.ledger.writing_runs():
        time.sleep(0.2)
    while not recycler.look():
        time.sleep(0.2)
    # The next one meets the restart.
    following = story.begin_window()
    story.finish(run)
    assert {task.name: task.tries for task in story.stack.api.tasks(run) if task.tries != 1} == {}
    story.finish(following)
    assert story.pid("connect") != before


def test_the_windows_follow_each_other_and_every_balance_is_exact(story: Story) -> None:
    released = [release.window for release in reversed(story.stack.ledger.releases("metro", "live"))]
    starts = [FIRST_WINDOW + number * WINDOW for number in range(len(story.runs))]
    assert released == [Window(start, start + WINDOW) for start in starts]
    balances = [
        entry
        for run in story.runs
        for receipt in story.stack.ledger.receipts(f"{run.dag_id}/{run.run_id}")
        for entry in receipt.document["balance"].values()
        if "read" in entry
    ]
    assert sum(entry["read"] > 0 and entry["published"] > 0 for entry in balances) >= 2 * len(story.runs)
    for entry in balances:
        fates = entry["published"] + entry["quarantined"] + entry["duplicate"] + sum(entry["filtered"].values())
        assert entry["read"] == fates


def test_readers_of_the_marts_saw_whole_versions_only(story: Story) -> None:
    story.readers.stop()
    assert story.readers.errors == []
    assert len(story.readers.seen) > len(KILLS)
    assert story.readers.seen <= story.versions


def test_the_content_is_that_of_windows_that_nothing_disturbed_and_down_leaves_no_process(
    story: Story, spark: SparkSession, tmp_path: Path
) -> None:
    hashes = [_content(story, run) for run in story.runs]
    story.processes |= set(processes.tree(int((story.stack.settings.run / "supervisord.pid").read_text())))
    story.platform.down()
    assert [process for process in story.processes if processes.runs(process)] == []
    with metro_lake(spark, tmp_path / "lake", story.stack.landing, metro.STAGES) as lake:
        for number, found in enumerate(hashes):
            start = FIRST_WINDOW + number * WINDOW
            interval = Window(start, start + timedelta(minutes=5))
            assert found == lake.run("live", None if number else interval, interval)


def version(stack: Stack) -> tuple[Any, ...]:
    """Of each mart how many rows there are and of which releases, all at one moment."""
    return tuple(sorted(stack.mart(VERSION)))


def _content(story: Story, run: Run) -> dict[str, str]:
    """The content hash of what a run wrote, by table."""
    receipts = story.stack.ledger.receipts(f"{run.dag_id}/{run.run_id}")
    tables = [item for receipt in receipts for item in receipt.document["tables"].items()]
    return {name: entry["content_hash"] for name, entry in tables if entry["audited"]}
