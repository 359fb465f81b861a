"""Airflow's local settings: pools of backfills, the end of schedules, preloading in the scheduler only."""

import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import psutil
import pytest

from platform_local import processes
from platform_local.environment import ROOT


@pytest.fixture(scope="module")
def settings():
    sys.path.insert(0, str(ROOT / "config"))
    try:
        import airflow_local_settings

        yield airflow_local_settings
    finally:
        sys.path.remove(str(ROOT / "config"))


@pytest.mark.parametrize(
    ("run", "run_id", "pool"),
    [
        pytest.param(SimpleNamespace(run_type="backfill"), "backfill__1", "backfill", id="backfill"),
        pytest.param(SimpleNamespace(run_type="scheduled"), "scheduled__1", "nightly", id="scheduled"),
        pytest.param(SimpleNamespace(run_type="manual"), "backfill__typed by hand", "nightly", id="manual"),
        pytest.param(None, "backfill__1", "backfill", id="backfill whose run is not loaded yet"),
        pytest.param(None, "scheduled__1", "nightly", id="scheduled whose run is not loaded yet"),
        pytest.param(None, None, "nightly", id="nothing known"),
    ],
)
def test_tasks_of_backfill_runs_and_no_others_move_to_their_pool(settings, run, run_id, pool):
    task = SimpleNamespace(pool="nightly", run_id=run_id)
    settings.task_instance_mutation_hook(task, run)
    assert task.pool == pool


def test_a_schedule_ends_only_where_that_is_asked_for(settings, monkeypatch):
    dag = SimpleNamespace(end_date=None)
    settings.dag_policy(dag)
    assert dag.end_date is None
    monkeypatch.setenv("SIGNALBOX_SCHEDULE_UNTIL", "2024-03-13T12:00:00+00:00")
    settings.dag_policy(dag)
    assert dag.end_date == datetime(2024, 3, 13, 12, tzinfo=UTC)


def test_a_module_that_cannot_be_imported_is_logged_and_the_others_go_on(settings, monkeypatch, caplog):
    monkeypatch.setattr(settings, "HEAVY_MODULES", ("no_such_module", "json"))
    settings.preload()
    assert "Preloading no_such_module failed" in caplog.text


@pytest.mark.parametrize(("component", "loaded"), [("scheduler", "True"), ("dag-processor", "False")])
def test_only_the_scheduler_preloads_and_never_a_module_of_ours(component, loaded):
    code = (
        f"import sys; sys.argv = ['airflow', {component!r}]; import airflow_local_settings\n"
        "ours = {'spark_jobs', 'expectations', 'signalbox', 'platform_local', 'simulators'} & set(sys.modules)\n"
        "import threading; print('great_expectations' in sys.modules, sorted(ours), threading.active_count())"
    )
    environ = {"PYTHONPATH": str(ROOT / "config"), "PATH": "/usr/bin:/bin", "GX_ANALYTICS_ENABLED": "false"}
    answer = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert answer.stdout.split("\n")[-2] == f"{loaded} [] 1"


def test_what_the_scheduler_has_forked_ends_when_it_is_killed(settings):
    code = (
        "import sys; sys.argv = ['airflow', 'dag-processor']; import airflow_local_settings, os, time\n"
        "airflow_local_settings.end_forks_with_their_parent()\n"
        "if worker := os.fork(): print(worker, flush=True)\n"
        "elif task := os.fork(): print(task, flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code]
    scheduler = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "config")}, stdout=subprocess.PIPE, text=True)
    forked = [psutil.Process(int(scheduler.stdout.readline())) for _ in range(2)]
    assert processes.wait(forked, 0.1) == forked
    scheduler.kill()
    scheduler.wait()
    assert processes.wait(forked, 20) == []
