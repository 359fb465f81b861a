"""What Airflow itself does with our DAGs: which tasks a clear takes along, and what decides the colour of a run."""

from dataclasses import dataclass
from functools import cache

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from airflow.sdk import TriggerRule
from airflow.serialization.serialized_objects import DagSerialization

from spark_jobs import metro
from tests import airflow_settings

DAG_IDS = ["metro_live", "metro_nightly"]
CLOSING = {"release", "serve", "close"}


@cache
def scheduled(dag_id: str):
    """The DAG as the scheduler and the API server see it: serialized and read back."""
    bag = DagBag(str(airflow_settings.ROOT / "dags"))
    assert set(DAG_IDS) <= set(bag.dags)
    return DagSerialization.from_dict(DagSerialization.to_dict(bag.dags[dag_id]))


def cleared(dag_id: str, *task_ids: str, downstream: bool = True) -> set[str]:
    subset = scheduled(dag_id).partial_subset(
        task_ids=list(task_ids), include_upstream=False, include_downstream=downstream
    )
    return set(subset.task_ids)


def stage(*names: str) -> set[str]:
    return {f"{name}.{part}" for name in names for part in ("build", "checkpoint", "end")}


@dataclass(frozen=True)
class State:
    task_id: str
    state: str


@pytest.mark.parametrize("dag_id", DAG_IDS)
@pytest.mark.parametrize("name", metro.STAGES)
def test_clearing_a_red_checkpoint_alone_rebuilds_exactly_its_stage(dag_id, name):
    assert cleared(dag_id, f"{name}.checkpoint", downstream=False) == stage(name)


@pytest.mark.parametrize("dag_id", DAG_IDS)
@pytest.mark.parametrize("name", ["timetable", "movements", "readings"])
def test_clearing_with_what_follows_leaves_the_parallel_stages_alone(dag_id, name):
    expected = stage(name, "visits", "matching", "punctuality") | CLOSING
    assert cleared(dag_id, f"{name}.checkpoint") == expected


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_clearing_a_later_checkpoint_does_not_go_back_beyond_its_stage(dag_id):
    assert cleared(dag_id, "matching.checkpoint") == stage("matching", "punctuality") | CLOSING


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_clearing_serve_releases_nothing_again(dag_id):
    assert cleared(dag_id, "serve") == {"serve", "close"}


def test_clearing_a_report_serves_nothing_again():
    assert cleared("inventory_nightly", "report") == {"report", "close"}
    assert scheduled("inventory_nightly").get_task("report").upstream_task_ids == {"serve"}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_run_is_judged_by_its_last_step_and_never_by_a_teardown(dag_id):
    dag = scheduled(dag_id)
    states = [State(task_id, "success") for task_id in dag.task_ids]
    judged = DagRun._tis_for_dagrun_state(None, dag=dag, tis=states)
    assert {state.task_id for state in judged} == {"serve"}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_step_needs_all_before_it_except_the_teardowns(dag_id):
    dag = scheduled(dag_id)
    teardowns = {task.task_id for task in dag.tasks if task.is_teardown}
    assert teardowns == {"close"} | {f"{name}.end" for name in metro.STAGES}
    assert {task.trigger_rule for task in dag.tasks if not task.is_teardown} == {TriggerRule.ALL_SUCCESS}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_nothing_of_a_stage_is_read_before_its_checkpoint(dag_id):
    dag = scheduled(dag_id)
    for name in metro.STAGES:
        assert dag.get_task(f"{name}.build").downstream_task_ids == {f"{name}.checkpoint", f"{name}.end"}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_the_run_is_closed_only_after_every_parallel_stage(dag_id):
    before = scheduled(dag_id).get_task("close").upstream_task_ids
    assert before == {"serve", "timetable.checkpoint", "movements.checkpoint", "readings.checkpoint"}


def test_only_the_nightly_run_waits_for_late_files_and_does_so_before_it_opens():
    assert scheduled("metro_nightly").get_task("window").upstream_task_ids == {"late_files"}
    assert scheduled("metro_live").get_task("window").upstream_task_ids == set()


def test_release_tells_of_every_table_of_its_tier():
    def outlets(dag_id: str, task_id: str) -> set[str]:
        return {asset.name for asset in scheduled(dag_id).get_task(task_id).outlets}

    assert outlets("metro_nightly", "release") == {f"lake.metro.{name}" for name in metro.TABLES}
    assert outlets("metro_live", "release") == {
        f"lake.metro.{name}_live" for name in metro.TABLES if name not in metro.SETTLED_ONLY
    }
    assert outlets("metro_nightly", "serve") == {f"marts.metro.{name}" for name in metro.MARTS}
