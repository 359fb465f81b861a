"""A whole platform for tests that need Airflow itself: own home, secrets and ports, Slack's stand-in as its Slack."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from platform_local import jars
from platform_local.airflow_api import AirflowApi, Run
from platform_local.environment import ROOT, Settings
from platform_local.service_day import for_minutes, land_anew
from platform_local.slack_standin import SlackStandin, slack_standin
from platform_local.supervisor import Platform
from spark_jobs.common.ledger import Ledger

DAGS = ("metro_live", "metro_nightly")


@dataclass
class Stack:
    """A running platform, and what tests ask of it."""

    settings: Settings
    slack: SlackStandin

    def __post_init__(self) -> None:
        self.api = AirflowApi(self.settings)
        self.environ = self.settings.environment()
        self.landing = Path(self.environ["SIGNALBOX_LANDING"])

    @property
    def ledger(self) -> Ledger:
        return Ledger.at(self.environ["SIGNALBOX_LEDGER_URL"])

    def wait(self, run: Run, within_s: float = 420) -> str:
        """The final state of a run."""
        deadline = time.monotonic() + within_s
        while (state := self.api.state(run)) in ("queued", "running"):
            assert time.monotonic() < deadline, f"{run} is still {state}: {self.api.tasks(run)}"
            time.sleep(1)
        return state

    def states(self, run: Run) -> dict[str, str]:
        return {task.name: task.state for task in self.api.tasks(run)}

    def mart(self, query: str) -> list[tuple[object, ...]]:
        """Rows that the read role sees."""
        url = self.settings.cluster().url("marts", "bi").replace("+psycopg2", "")
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform that tests share which leave it running."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Up with a simulated metro day at a small scale; its schedules end with that day."""
    with started_stack(folder, lambda settings: land_anew(settings, 0.02), for_minutes) as stack:
        for dag_id in DAGS:
            stack.api.unpause(dag_id)
        yield stack


@contextmanager
def started_stack(
    folder: Path,
    land: Callable[[Settings], None],
    extra: Callable[[Settings], dict[str, str]] = lambda _: {},
) -> Iterator[Stack]:
    """Up with what ``land`` puts into the landing folder, and no DAG switched on."""
    with slack_standin() as slack:
        settings = Settings(
            {
                **os.environ,
                "SIGNALBOX_HOME": str(folder / "home"),
                "SIGNALBOX_ENV_FILE": str(folder / "env"),
                "AIRFLOW_CONN_SLACK_DEFAULT": slack.connection(),
            }
        )
        land(settings)
        lend_jars(settings)
        platform = Platform(settings, say=lambda _: None)
        try:
            platform.up(pick_ports=True, extra=extra(settings))
            stack = Stack(settings, slack)
            deadline = time.monotonic() + 120
            while not set(DAGS) <= stack.api.dag_ids():
                assert time.monotonic() < deadline, stack.api.import_errors()
                time.sleep(1)
            yield stack
        finally:
            platform.down()


def lend_jars(settings: Settings) -> None:
    """The jars that this clone has fetched already."""
    shared = Path(os.environ.get("SIGNALBOX_HOME", ROOT / "var"))
    for fetched, wanted in zip(jars.ensure(shared), jars.paths(settings.home), strict=True):
        wanted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(fetched, wanted)
