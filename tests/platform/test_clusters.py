"""A metro night on a cluster writes what it writes in one process, whatever engine carries it: the same content, table by table."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_local.components import write_properties
from platform_local.environment import ROOT
from spark_jobs.common.local_run import private_lake
from tests.platform import metro_night
from tests.platform.scene import Server
from tests.platform.spark_cluster import Cluster

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clusters")


@pytest.fixture(scope="module")
def landing(folder: Path) -> Path:
    return metro_night.land(folder / "landing")


@pytest.fixture(scope="module")
def in_one_process(folder: Path, landing: Path) -> dict[str, str]:
    """The content of the night on ``local[*]``."""
    return ran(folder / "local", landing, "local[*]")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    yield cluster
    cluster.end()


def ran(lake: Path, landing: Path, master: str) -> dict[str, str]:
    answer = metro_night.run(lake, landing, {"SIGNALBOX_MASTER": master})
    assert answer.returncode == 0, answer.stderr[-3000:]
    return metro_night.content(lake)


def test_run_on_a_master_and_two_workers(folder, landing, in_one_process, cluster):
    assert ran(folder / "standalone", landing, cluster.master) == in_one_process
    assert cluster.applications() == ["metro.run"]


def test_run_on_two_workers_that_spark_starts_itself(folder, landing, in_one_process):
    assert ran(folder / "own", landing, "local-cluster[2,1,1024]") == in_one_process


def test_spark_submit_step_by_step_as_the_engine_submit_does(folder, landing, in_one_process, cluster):
    lake = folder / "submitted"
    with private_lake(lake):
        properties = write_properties({**os.environ, "SIGNALBOX_SPARK_PROPERTIES": str(lake / "spark.properties")})
        submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", cluster.master]
        command = [*submit, "--properties-file", str(properties), str(ROOT / "spark_jobs" / "__main__.py")]
        environ = {"SIGNALBOX_ENGINE": "submit"}
        assert metro_night.run_by_steps(lake, landing, command, environ) == in_one_process


def test_clients_of_a_connect_server_on_that_master(folder, landing, in_one_process, cluster):
    lake = folder / "connected"
    with private_lake(lake):
        server = Server(lake, cluster.master)
        try:
            command = [sys.executable, "-m", "spark_jobs"]
            assert metro_night.run_by_steps(lake, landing, command, server.environ) == in_one_process
        finally:
            server.kill()
    assert "signalbox-connect" in cluster.applications()
