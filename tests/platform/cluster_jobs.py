"""What tests of the engines for clusters share: sizes and what they come to, settings of any cluster, a run, a sentence."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

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
# What a session is told of these, by cadence.
SMALL = {
    "spark.driver.memory": "1g",
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.executor.instances": "1",
    "spark.dynamicAllocation.enabled": "false",
    "spark.cores.max": "1",
}
BIG = {
    "spark.driver.memory": "4g",
    "spark.executor.cores": "2",
    "spark.executor.memory": "6g",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.minExecutors": "2",
    "spark.dynamicAllocation.maxExecutors": "8",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.cores.max": "16",
}
SENTENCE = "Every train is in one place at a time: 3 are not."
PASSWORD = "catalog-word"
# What the scheduler's machine is told of lake and sizes, whichever cluster its jobs go to.
OF_ANY_CLUSTER = {
    "SIGNALBOX_WAREHOUSE": "s3://lake/warehouse",
    "SIGNALBOX_LANDING": "s3://lake/landing",
    "SIGNALBOX_CATALOG_URI": "jdbc:postgresql://db:5432/catalog",
    "SIGNALBOX_CATALOG_USER": "catalog",
    "SIGNALBOX_CATALOG_PASSWORD": PASSWORD,
    "SIGNALBOX_JARS": "/home/somebody/iceberg.jar",
    "SIGNALBOX_CLASS_DATA": "/home/somebody/classes.jsa",
    "SIGNALBOX_SIZES": json.dumps(SIZES),
    "SIGNALBOX_GIT_SHA": "abc",
}


def context(run_id: str = "manual__1", **params: str) -> dict[str, Any]:
    run = SimpleNamespace(
        dag_id="metro_nightly",
        run_id=run_id,
        data_interval_start=datetime(2024, 3, 12, 3, tzinfo=UTC),
        data_interval_end=datetime(2024, 3, 13, 3, tzinfo=UTC),
    )
    links: dict[str, Any] = {}
    task = SimpleNamespace(
        dag_id=run.dag_id, run_id=run_id, task_id="movements.build", try_number=2, xcom_push=links.setdefault
    )
    return {"dag_run": run, "ti": task, "params": params}


def given(command: list[str]) -> dict[str, str]:
    """The Spark properties on a command line."""
    return dict(value.split("=", 1) for option, value in pairwise(command) if option == "--conf")
