"""Where a job runs: as a thin Spark Connect client in the task's process, or as a spark-submit of its own."""

import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from signalbox import runs
from signalbox.cadence import Cadence
from spark_jobs.common.outcome import Blocked, Settled

if TYPE_CHECKING:
    from airflow.sdk import Context

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
SPARK_LOG_LINE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [A-Z]+ ")


@contextmanager
def job_outcomes() -> Iterator[None]:
    """A blocked job fails its task for good, a settled one skips it; everything else is retried."""
    try:
        yield
    except Blocked as blocked:
        raise AirflowFailException(str(blocked)) from blocked
    except Settled as settled:
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


class SubmitJob(SparkSubmitOperator):
    """Runs one step of a pipeline as a spark-submit, in a process group that ends with the task."""

    # Nothing of a job is a template: arguments are made from checked values when the task runs.
    template_fields = ()

    def __init__(self, *, command: tuple[str, ...], cadence: Cadence, **kwargs: Any) -> None:
        super().__init__(application=str(ROOT / "spark_jobs" / "__main__.py"), **kwargs)
        self.command = command
        self.cadence_name = cadence.name

    def execute(self, context: "Context") -> None:
        self.application_args = [*self.command, *runs.job_arguments(context, self.cadence_name)]
        hook = self._hook = self._get_hook()
        try:
            super().execute(context)
        except AirflowException as error:
            if hook.exit_code == Blocked.exit_code:
                raise AirflowFailException(hook.last_sentence or str(error)) from error
            if hook.exit_code == Settled.exit_code:
                raise AirflowSkipException(hook.last_sentence or str(error)) from error
            raise

    def _get_hook(self) -> "ProcessGroupHook":
        # Asked for by name first: without the connection the provider would turn to YARN without a word.
        SparkSubmitHook.get_connection(self._conn_id)
        return ProcessGroupHook(
            conn_id=self._conn_id,
            name=f"signalbox {' '.join(self.command)}",
            application_args=self.application_args,
            # Catalog, jars and memory; a file that only its owner reads, because a command line is for everyone.
            properties_file=os.environ["SIGNALBOX_SPARK_PROPERTIES"],
            spark_binary=str(Path(sys.executable).with_name("spark-submit")),
            env_vars={"SIGNALBOX_ENGINE": "submit", "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable},
        )


class ProcessGroupHook(SparkSubmitHook):
    """The provider's hook with a process group of its own: without, a kill leaves the JVM and its workers behind."""

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        return super().submit(application, start_new_session=True, preexec_fn=_die_with_parent, **kwargs)

    @property
    def exit_code(self) -> int | None:
        return self._submit_sp.poll() if self._submit_sp else None

    @property
    def last_sentence(self) -> str | None:
        """The job's last words, which are the sentence that people read; Spark's own log lines come after it."""
        words = [line.strip() for line in self._last_submit_log_lines if not SPARK_LOG_LINE.match(line)]
        return next((line for line in reversed(words) if line), None)

    def on_kill(self) -> None:
        if self._submit_sp and self._submit_sp.poll() is None:
            os.killpg(self._submit_sp.pid, signal.SIGKILL)
        super().on_kill()


def _die_with_parent() -> None:
    """In the new process: have the kernel end it when the task's process is killed outright (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


ENGINES: dict[str, type[ConnectJob] | type[SubmitJob]] = {"connect": ConnectJob, "submit": SubmitJob}


def engine(cadence: Cadence) -> type[ConnectJob] | type[SubmitJob]:
    """The engine that the cadence's setting names."""
    name = os.environ.get(cadence.engine_setting, "connect")
    if name not in ENGINES:
        raise ValueError(f"{cadence.engine_setting} is {name!r}; it must be one of: {', '.join(ENGINES)}.")
    return ENGINES[name]
