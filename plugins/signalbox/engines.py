"""Where a job runs: as a thin Spark Connect client in the task's process, or under an engine that starts a session for it.

An engine is imported where it is chosen: the providers of the others cost each DAG file their import.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from signalbox import runs
from signalbox.cadence import Cadence
from spark_jobs.common.outcome import Blocked, Settled

if TYPE_CHECKING:
    from airflow.sdk import Context

_log = logging.getLogger(__name__)
ENGINES = {
    "connect": "signalbox.engines:ConnectJob",
    "submit": "signalbox.submit:SubmitJob",
    "emr-serverless": "signalbox.emr:EmrServerlessJob",
}


@contextmanager
def job_outcomes() -> Iterator[None]:
    """A blocked job fails its task for good, a settled one skips it; everything else is retried."""
    try:
        yield
    except Blocked as blocked:
        raise AirflowFailException(str(blocked)) from blocked
    except Settled as settled:
        _log.info("Skipped: %s", settled)  # Airflow folds away why a task is skipped.
        raise AirflowSkipException(str(settled)) from settled


class ConnectJob(BaseOperator):
    """Runs one step of a pipeline in this process, against the long-lived Spark Connect server."""

    def __init__(self, *, command: tuple[str, ...], cadence: Cadence, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.cadence_name = cadence.name
        self._working = False

    def execute(self, context: "Context") -> None:
        from spark_jobs.common import job

        self._working = True
        try:
            with job_outcomes():
                job.run_command([*self.command, *self.arguments(context)])
        finally:
            self._working = False

    def arguments(self, context: "Context") -> list[str]:
        return runs.job_arguments(context, self.cadence_name)

    def on_kill(self) -> None:
        # Airflow only calls this and lets the task go on. Raised here, in the signal's handler, the error unwinds the
        # job, which stops its Spark session and its lease's renewal instead of being killed five seconds later.
        if self._working:
            self._working = False
            raise AirflowException("The task was told to stop.")


class ServeJob(ConnectJob):
    """Serving, which the trigger's form may force."""

    def arguments(self, context: "Context") -> list[str]:
        return [*super().arguments(context), *runs.serve_arguments(context)]


def engine(cadence: Cadence) -> type[BaseOperator]:
    """The engine that the cadence's setting names; made with ``command`` and ``cadence``."""
    name = os.environ.get(cadence.engine_setting, "connect")
    if name not in ENGINES:
        raise ValueError(f"{cadence.engine_setting} is {name!r}; it must be one of: {', '.join(ENGINES)}.")
    module, _, job = ENGINES[name].partition(":")
    chosen: type[BaseOperator] = getattr(import_module(module), job)
    return chosen
