"""What jobs on a cluster have in common: settings that hold no secret, and an end of which the ledger tells.

Such a job takes the ledger's address and the catalog's password from the cluster's own store of secrets, through its environment.
Neither its exit status nor its log reach the task reliably. So a job that was blocked, or had nothing to do, leaves its sentence in
the ledger under its name, and the task looks there when it hears that the job has failed.
"""

import os
import re
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from signalbox.engines import job_outcomes
from spark_jobs.common.provenance import code_sha
from spark_jobs.common.spark_conf import TIERED_JAVA_OPTIONS, session_conf, size_conf

if TYPE_CHECKING:
    from airflow.sdk import Context

# What a job cannot do without and nobody may read: names in its environment.
SECRETS = ("SIGNALBOX_LEDGER_URL", "SIGNALBOX_CATALOG_PASSWORD")
_SECRET = re.compile(r"secret|password|token|access[.-]?key", re.IGNORECASE)


def job_name(context: "Context") -> str:
    """Names one try of a task. It is the same before and after the task has waited elsewhere."""
    task = context["ti"]
    return f"{task.dag_id}/{task.run_id}/{task.task_id}/{task.try_number}"


def setting(name: str, meaning: str) -> str:
    """A setting that the engine cannot do without."""
    if value := os.environ.get(name):
        return value
    raise AirflowFailException(f"{name} is not set; it names {meaning} (see docs/operate.md, Engines and sizes).")


def properties(cadence: str, master: str) -> dict[str, str]:
    """The session's Spark properties, without passwords and keys, and without jars and archives of this machine."""
    own = {"SIGNALBOX_CATALOG_PASSWORD": "", "SIGNALBOX_JARS": "", "SIGNALBOX_CLASS_DATA": ""}
    conf = session_conf({"SIGNALBOX_JAVA_OPTIONS": TIERED_JAVA_OPTIONS, **os.environ, **own})
    conf |= size_conf(os.environ, cadence, master)
    return {key: value for key, value in conf.items() if not _SECRET.search(key)}


def environment(engine: str, job: str) -> dict[str, str]:
    """What a job is told beside its arguments; no secret."""
    return {
        "SIGNALBOX_ENGINE": engine,
        "SIGNALBOX_JOB": job,
        "SIGNALBOX_LANDING": setting("SIGNALBOX_LANDING", "where files land"),
        "SIGNALBOX_GIT_SHA": code_sha(),
        "GX_ANALYTICS_ENABLED": "false",
    }


def raise_ending(job: str) -> None:
    """Fail the task for good where the job was blocked, skip it where there was nothing to do; else return."""
    from spark_jobs.common.ledger import Ledger

    with job_outcomes():
        if outcome := Ledger.from_environment().ending(job):
            raise outcome
