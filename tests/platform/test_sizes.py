"""One setting says how big a session is, by cadence; what each engine makes of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from platform_local.components import serve_connect, serve_thrift
from platform_local.environment import ROOT, Settings, read_env_file
from platform_local.service_day import for_minutes
from spark_jobs.common.sizes import size_of
from spark_jobs.common.spark_conf import TIERED_JAVA_OPTIONS, cadence_conf, size_conf, sized_for
from tests.platform.cluster_jobs import BIG, SIZES, SMALL, given

ENVIRON = {"SIGNALBOX_SIZES": json.dumps(SIZES)}
C1 = "-XX:TieredStopAtLevel=1"
# Says with what a session was started, and counts rows in an executor.
SESSION = """
import json
from spark_jobs.common.session import spark_session
names = "driver.memory", "executor.cores", "executor.memory", "executor.instances", "dynamicAllocation.enabled"
with spark_session("sizes", "nightly") as spark:
    told = [spark.sparkContext.getConf().get(f"spark.{name}") for name in names]
    print(json.dumps([*told, spark.range(10).repartition(2).count()]))
"""


@pytest.mark.parametrize(
    "master", ["spark://master:7077", "k8s://https://cluster:6443", "local-cluster[2,1,1024]", "yarn"]
)
@pytest.mark.parametrize(("cadence", "expected"), [("live", SMALL), ("nightly", BIG)])
def test_a_session_on_a_cluster_is_as_big_as_its_cadence_says(master, cadence, expected):
    assert size_conf(ENVIRON, cadence, master) == expected


@pytest.mark.parametrize(("cadence", "memory"), [("live", "1g"), ("nightly", "4g")])
def test_a_local_session_has_no_executors(cadence, memory):
    assert size_conf(ENVIRON, cadence, "local[2]") == {"spark.driver.memory": memory}


def test_without_the_setting_nothing_is_said():
    assert size_conf({}, "nightly", "spark://master:7077") == {}


def test_the_drivers_memory_of_one_process_goes_before():
    assert size_conf({**ENVIRON, "SIGNALBOX_DRIVER_MEMORY": "3g"}, "nightly", "local[2]") == {}


def test_many_landed_rows_do_not_overrule_the_setting():
    assert "SIGNALBOX_DRIVER_MEMORY" in sized_for(10**9, "nightly", {})
    assert "SIGNALBOX_DRIVER_MEMORY" not in sized_for(10**9, "nightly", ENVIRON)


@pytest.mark.parametrize(
    ("landed_mb", "cadence", "partitions"),
    [
        pytest.param(19, "nightly", None, id="few rows"),
        pytest.param(21, "nightly", "4", id="never fewer than a session has anyway"),
        pytest.param(580, "nightly", "58", id="one for about a million rows"),
        pytest.param(580, "live", None, id="a live window's plans are not adaptive"),
    ],
)
def test_a_night_of_many_landed_rows_is_cut_into_as_many_more_parts(landed_mb, cadence, partitions):
    assert sized_for(landed_mb * 10**6, cadence, {}).get("SIGNALBOX_SHUFFLE_PARTITIONS") == partitions


@pytest.mark.parametrize(
    ("cadence", "environ", "partitions"),
    [
        ("live", {}, "2"),
        ("live", {"SIGNALBOX_SHUFFLE_PARTITIONS": "16"}, "16"),
        ("nightly", {"SIGNALBOX_SHUFFLE_PARTITIONS": "16"}, None),
    ],
)
def test_a_live_window_is_cut_into_few_parts_unless_the_setting_says_otherwise(cadence, environ, partitions):
    assert cadence_conf(cadence, environ).get("spark.sql.shuffle.partitions") == partitions


def test_the_committed_sizes_are_right_and_nightly_is_the_bigger():
    environ = read_env_file(ROOT / "config" / "airflow.env")
    live, nightly = (size_conf(environ, cadence, "spark://master:7077") for cadence in ("live", "nightly"))
    assert set(live) == set(nightly)
    assert int(live["spark.cores.max"]) < int(nightly["spark.cores.max"])
    assert "SIGNALBOX_DRIVER_MEMORY" not in environ


@dataclass(frozen=True)
class Servers:
    """The environment of the Spark servers of a platform, and what they were started with in place of this process."""

    environ: dict[str, str]
    started: list[list[str]]

    def properties(self) -> str:
        return Path(self.environ["SIGNALBOX_SPARK_PROPERTIES"]).read_text()


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Servers:
    places = {"SIGNALBOX_SPARK_PROPERTIES": str(tmp_path / "spark.properties"), "SIGNALBOX_WAREHOUSE": "file:///lake"}
    catalog = {f"SIGNALBOX_CATALOG_{part}": "x" for part in ("URI", "USER", "PASSWORD")}
    connect = {"SIGNALBOX_CONNECT_URL": "sc://localhost:15002", "SIGNALBOX_MASTER": "spark://master:7077"}
    servers = Servers({**ENVIRON, **places, **catalog, **connect}, [])
    monkeypatch.setattr(os, "execve", lambda program, command, environ: servers.started.append(command))
    return servers


def test_the_connect_server_is_started_once_with_the_size_of_live(servers: Servers) -> None:
    serve_connect(servers.environ)
    conf = given(servers.started[0])
    assert {key: conf.get(key) for key in SMALL} == SMALL


@pytest.mark.parametrize("serve", [serve_connect, serve_thrift])
def test_a_server_that_lives_for_days_gets_both_compilers_unless_the_setting_says_otherwise(
    serve: Callable[[Mapping[str, str]], NoReturn], servers: Servers
) -> None:
    serve(servers.environ)
    assert TIERED_JAVA_OPTIONS in servers.properties()
    assert C1 not in servers.properties()
    serve(servers.environ | {"SIGNALBOX_JAVA_OPTIONS": C1})
    assert C1 in servers.properties()


def test_the_demos_server_gets_the_first_compiler_only_unless_the_setting_says_otherwise(tmp_path: Path) -> None:
    def options(**said: str) -> str:
        own = {"SIGNALBOX_HOME": str(tmp_path / "home"), "SIGNALBOX_ENV_FILE": str(tmp_path / "env")}
        return for_minutes(Settings({**os.environ, **own, **said}))["SIGNALBOX_JAVA_OPTIONS"]

    assert C1 in options(SIGNALBOX_JAVA_OPTIONS="")
    assert options(SIGNALBOX_JAVA_OPTIONS="-Xmx1g") == "-Xmx1g"


@pytest.mark.heavy
@pytest.mark.spark
def test_a_session_of_the_jobs_own_has_its_cadences_size(lake_home: Path) -> None:
    small = {"driver_memory": "600m", "executor_instances": 1, "executor_cores": 1, "executor_memory": "512m"}
    sizes = {"SIGNALBOX_SIZES": json.dumps({"nightly": small})}
    master = {"SIGNALBOX_MASTER": "local-cluster[1,1,512]", "SIGNALBOX_ENGINE": "local", "PYTHONPATH": str(ROOT)}
    environ = {name: value for name, value in os.environ.items() if name != "SIGNALBOX_DRIVER_MEMORY"} | sizes | master
    done = subprocess.run([sys.executable, "-c", SESSION], env=environ, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == ["600m", "1", "512m", "1", "false", 10]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param("{live", "is not JSON", id="not JSON"),
        pytest.param("[]", "is a JSON object by cadence", id="a list"),
        pytest.param('{"live": 2}', "is a JSON object by cadence", id="a number for a cadence"),
        pytest.param('{"hourly": {}}', "names hourly; the cadences are live and nightly", id="an unknown cadence"),
        pytest.param({"cores": 2}, "live has cores; it may have driver_memory, executor_memory,", id="an unknown key"),
        pytest.param({"driver_memory": "2"}, "driver_memory of live is '2'; write it as", id="memory without a unit"),
        pytest.param({"executor_memory": 2}, "executor_memory of live is 2; write it as", id="memory as a number"),
        pytest.param(
            {"executor_cores": "2"}, "executor_cores of live is '2'; it must be a whole", id="a count as text"
        ),
        pytest.param({"executor_cores": True}, "executor_cores of live is True; it must be", id="a count that is true"),
        pytest.param({"executor_instances": 0}, "executor_instances of live is 0; it must be", id="no executor"),
        pytest.param({"executors_min": 1}, "both executors_min and executors_max", id="half a range"),
        pytest.param({"executors_min": 3, "executors_max": 2}, "is more than its executors_max", id="an empty range"),
        pytest.param(
            {"executors_min": 1, "executors_max": 2, "executor_instances": 2}, "leave one of the two", id="both ways"
        ),
    ],
)
def test_a_mistake_in_the_setting_is_named(value: Any, sentence: str) -> None:
    text = value if isinstance(value, str) else json.dumps({"live": value})
    with pytest.raises(ValueError, match="SIGNALBOX_SIZES") as raised:
        size_of({"SIGNALBOX_SIZES": text}, "nightly")
    assert sentence in str(raised.value)
