"""Fixtures that every test may use: real data, and one Spark session on a private lake (PostgreSQL, Iceberg) for the
whole run.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spark_jobs.common.ledger import Ledger
from spark_jobs.common.local_run import private_lake
from spark_jobs.common.session import spark_session
from tests import airflow_settings  # noqa: F401 -- settles Airflow's home before any test imports Airflow
from tests.spark_settings import INTERPRETED

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pyspark.sql import SparkSession


def unavailable(reason: str) -> None:
    """Skip with a reason, or fail where ``SIGNALBOX_REQUIRE=all`` allows no skip."""
    if os.environ.get("SIGNALBOX_REQUIRE") == "all":
        pytest.fail(f"SIGNALBOX_REQUIRE=all, but {reason}")
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, those of the whole platform before all, so that none is left for one worker alone at the end."""
    long = [item for item in items if item.get_closest_marker("long")]
    long.sort(key=lambda item: item.path, reverse=True)
    # It needs no Spark: meanwhile the other worker archives Spark's classes, which both would wait for.
    long.sort(key=lambda item: item.path.name != "test_real_day.py")
    items[:] = long + [item for item in items if not item.get_closest_marker("long")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures that tests recorded with ``record_property``, whichever worker ran them and whatever came of them."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [report for report in reports if report.user_properties]
    if told:
        terminalreporter.section("Figures")
    for report in sorted(told, key=lambda report: report.nodeid):
        terminalreporter.line(report.nodeid)
        for name, figure in report.user_properties:
            terminalreporter.line(f"  {name}: {figure}")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One Chromium for the tests of a file; not for longer, see `started`."""
    from tests.browser import started

    with started() as chromium:
        yield chromium


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data, one folder a pipeline."""
    folder = os.environ.get("SIGNALBOX_REAL_DATA")
    if not folder:
        unavailable("SIGNALBOX_REAL_DATA does not name the folder of the real data.")
    return Path(str(folder))


@pytest.fixture(scope="session")
def lake_home() -> Iterator[Path]:
    """A private lake whose settings are in the environment."""
    with private_lake(None) as home:
        yield home


@pytest.fixture(scope="session")
def spark(lake_home: Path) -> Iterator["SparkSession"]:
    """A local session on the private lake."""
    os.environ["SIGNALBOX_SHUFFLE_PARTITIONS"] = "2"
    with spark_session("tests", "live") as session:
        session.sparkContext.setLogLevel("ERROR")
        for key, value in INTERPRETED.items():
            session.conf.set(key, value)
        yield session


@pytest.fixture(scope="session")
def ledger(lake_home: Path) -> Ledger:
    ledger = Ledger.from_environment()
    ledger.migrate()
    return ledger
