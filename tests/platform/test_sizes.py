"""One setting says how big a session is, by cadence; what each engine makes of it."""

import json
from typing import Any

import pytest

from platform_local.environment import ROOT, read_env_file
from spark_jobs.common.sizes import size_of
from spark_jobs.common.spark_conf import size_conf, sized_for

SIZES = {
    "live": {"driver_memory": "1g", "executor_instances": 1, "executor_cores": 1, "executor_memory": "512m"},
    "nightly": {
        "driver_memory": "4g",
        "executors_min": 2,
        "executors_max": 8,
        "executor_cores": 2,
        "executor_memory": "6g",
    },
}
ENVIRON = {"SIGNALBOX_SIZES": json.dumps(SIZES)}
LIVE = {
    "spark.driver.memory": "1g",
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.executor.instances": "1",
    "spark.dynamicAllocation.enabled": "false",
    "spark.cores.max": "1",
}
NIGHTLY = {
    "spark.driver.memory": "4g",
    "spark.executor.cores": "2",
    "spark.executor.memory": "6g",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.minExecutors": "2",
    "spark.dynamicAllocation.maxExecutors": "8",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.cores.max": "16",
}


@pytest.mark.parametrize(
    "master", ["spark://master:7077", "k8s://https://cluster:6443", "local-cluster[2,1,1024]", "yarn"]
)
@pytest.mark.parametrize(("cadence", "expected"), [("live", LIVE), ("nightly", NIGHTLY)])
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
    assert "SIGNALBOX_DRIVER_MEMORY" in sized_for(10**9, {})
    assert "SIGNALBOX_DRIVER_MEMORY" not in sized_for(10**9, ENVIRON)


def test_the_committed_sizes_are_right_and_nightly_is_the_bigger():
    environ = read_env_file(ROOT / "config" / "airflow.env")
    live, nightly = (size_conf(environ, cadence, "spark://master:7077") for cadence in ("live", "nightly"))
    assert set(live) == set(nightly)
    assert int(live["spark.cores.max"]) < int(nightly["spark.cores.max"])
    assert "SIGNALBOX_DRIVER_MEMORY" not in environ


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
