"""Airflow's local settings: every component imports this file, so nothing in it may fail, connect, or start a thread.

* The scheduler imports the heavy third-party modules once; LocalExecutor's workers are forked from it and inherit them
  (6-8 s of CPU per task otherwise). Never a module of ours: a change of ours has to reach the next task.
* What the scheduler forks ends with it: LocalExecutor's workers would outlive a kill, and wait for ever for tasks from a queue that
nobody fills.
* Tasks of backfill runs move to the pool ``backfill``.
* ``SIGNALBOX_SCHEDULE_UNTIL`` ends every schedule at that moment: `make demo` plays a day of the past and wants no
run of today.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
import os
import signal
import sys
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.models import DagRun, TaskInstance
    from airflow.sdk import DAG

log = logging.getLogger(__name__)

HEAVY_MODULES = (
    "numpy",
    "pandas",
    "pyarrow",
    "pyspark.sql",
    "pyspark.sql.connect.session",
    "great_expectations",
    "sqlalchemy",
)
BACKFILL_POOL = "backfill"
PR_SET_PDEATHSIG = 1


def preload() -> None:
    """Import what tasks will need; a module that cannot be imported is the task's error, not the scheduler's."""
    for name in HEAVY_MODULES:
        try:
            importlib.import_module(name)
        except Exception:
            log.warning("Preloading %s failed; tasks that need it will import it themselves", name, exc_info=True)


def end_forks_with_their_parent() -> None:
    """Have the kernel end every process that is forked from here on when its parent is killed (Linux only). The new scheduler
    starts the tasks again; a second run of one of them is kept out by the lease's token.
    """
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        os.register_at_fork(after_in_child=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


if "scheduler" in sys.argv:
    preload()
    end_forks_with_their_parent()


def task_instance_mutation_hook(task_instance: TaskInstance, dag_run: DagRun | None = None) -> None:
    """Move tasks of backfill runs to their pool. Runs inside the scheduler's transaction: no database access here."""
    # Airflow also calls it before the task instance knows its run; only the id is there then.
    by_name = str(task_instance.run_id or "").startswith("backfill__")
    is_backfill = by_name if dag_run is None else dag_run.run_type == "backfill"
    if is_backfill:
        task_instance.pool = BACKFILL_POOL


def dag_policy(dag: DAG) -> None:
    """End the schedule at ``SIGNALBOX_SCHEDULE_UNTIL`` (ISO 8601 with offset), if that is set."""
    if until := os.environ.get("SIGNALBOX_SCHEDULE_UNTIL"):
        dag.end_date = datetime.fromisoformat(until)
