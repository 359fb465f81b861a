"""House rules for DAG files."""

import ast
import json
import os
import subprocess
import sys
from functools import cache

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable
from signalbox.cadence import LIVE, NIGHTLY
from signalbox.house import Owner

from spark_jobs.common import pipelines
from tests.house.code import ROOT, modules
from tests.house.schedules import SCHEDULES

TIMETABLES = {
    f"{slug}_{cadence}": CronDataIntervalTimetable(cron, timezone=timezone)
    for slug, cadences in SCHEDULES.items()
    for cadence, (cron, timezone) in cadences.items()
}
DAG_IDS = set(TIMETABLES)
DAG_FILES = {f"dags/{slug}.py" for slug in SCHEDULES}
HEAVY = {"pyspark", "great_expectations", "pandas", "pyarrow"}
# What engines need that nobody has chosen.
ENGINES = {
    "signalbox.submit",
    "signalbox.emr",
    "airflow.providers.apache.spark.hooks.spark_submit",
    "botocore",
    "kubernetes",
}
PARSE_LIMIT_CPU_S = 1.0

# What each DAG file costs on top of Airflow's own SDK, and what it drags in: a process of its own a file, none of which has to
# import Airflow first.
PARSE = """
import json, os, runpy, sys, time
from airflow.sdk import dag
for file in sys.argv[1:]:
    if not (child := os.fork()):
        before = time.process_time()
        runpy.run_path(file)
        cpu_s = time.process_time() - before
        print(json.dumps({"cpu_s": cpu_s, "modules": sorted(sys.modules)}), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{file} cannot be parsed.")
"""
# The best of three, because a busy machine makes the same work cost more.
ROUNDS = 3


@cache
def dags() -> dict[str, DAG]:
    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    return dict(bag.dags)


@cache
def parsed() -> dict[str, list[dict]]:
    """By file, what each round found."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins")))}
    files = sorted(DAG_FILES) * ROUNDS
    command = [sys.executable, "-c", PARSE, *(str(ROOT / file) for file in files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {file: [one for name, one in zip(files, found, strict=True) if name == file] for file in DAG_FILES}


def test_the_dags_are_exactly_these():
    assert set(dags()) == DAG_IDS
    assert set(modules("dags")) == DAG_FILES


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_schedule_has_intervals_of_some_length(dag_id):
    assert dags()[dag_id].timetable == TIMETABLES[dag_id]


def test_no_schedule_is_written_as_a_string():
    assignments = [
        f"{path}:{node.value.lineno}"
        for path, tree in modules("dags", "plugins").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "schedule" and isinstance(node.value, ast.Constant)
    ]
    assert assignments == []


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_every_dag_follows_the_house_rules(dag_id):
    dag = dags()[dag_id]
    slug, cadence = dag_id.split("_")
    assert dag.catchup is False
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout is not None
    assert {slug, cadence} <= set(dag.tags)
    state = {"state_from"} if pipelines.carries_state(slug) else set()
    swapped = {"force_publish"} if any(mart.swap for mart in pipelines.marts(slug)) else set()
    assert {"window_start", "window_end"} | state | swapped == set(dag.params)
    assert dag.on_failure_callback
    assert {task.owner for task in dag.tasks} <= {owner.value for owner in Owner}
    assert {task.pool for task in dag.tasks} == {cadence}
    assert all(task.on_failure_callback and task.retries and task.execution_timeout for task in dag.tasks)


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_no_task_renders_a_template(dag_id):
    """What a trigger's conf holds is text from outside; it reaches a job as a checked time or not at all."""
    assert {task.task_id: task.template_fields for task in dags()[dag_id].tasks if task.template_fields} == {}


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_every_cadence_runs_every_stage(dag_id):
    groups = {group for group in dags()[dag_id].task_group_dict if group}
    assert groups == set(pipelines.pipeline(dag_id.split("_")[0]).STAGES)


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
@pytest.mark.parametrize("heading", ["**Reads**", "**Writes**", "**Read by**", "**If it fails**"])
def test_the_docstring_is_the_page(dag_id, heading):
    assert heading in dags()[dag_id].doc_md


def names(tree: ast.Module) -> set[str]:
    """Every keyword, variable, attribute and string constant in the tree."""
    return {
        str(getattr(node, part))
        for node in ast.walk(tree)
        for part in ("arg", "id", "attr", "value")
        if hasattr(node, part)
    }


def test_default_args_are_given_in_one_place():
    named = {path for path, tree in modules("dags", "plugins").items() if "default_args" in names(tree)}
    assert named == {"plugins/signalbox/house.py"}


@pytest.mark.parametrize("file", sorted(DAG_FILES))
def test_a_dag_file_is_wiring_and_fits_on_a_screen(file):
    assert len((ROOT / file).read_text().splitlines()) <= 60


@pytest.mark.parametrize("file", sorted(DAG_FILES))
def test_a_dag_file_imports_neither_spark_nor_great_expectations_nor_another_engine(file):
    loaded = set(parsed()[file][0]["modules"])
    assert "signalbox.stages" in loaded
    assert loaded & HEAVY == set()
    assert loaded & ENGINES == set()


@pytest.mark.parametrize("file", sorted(DAG_FILES))
def test_a_dag_file_parses_within_a_second_of_cpu(file):
    assert min(found["cpu_s"] for found in parsed()[file]) < PARSE_LIMIT_CPU_S


def test_every_cadence_has_its_pool():
    pools = json.loads((ROOT / "config" / "pools.json").read_text())
    assert {LIVE.pool, NIGHTLY.pool, "backfill"} <= set(pools)
