"""The engine ``submit``: each step is a spark-submit of its own, on whatever master the connection ``spark_default`` names."""

import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from signalbox import cluster, runs
from signalbox.cadence import Cadence
from signalbox.deaths import die_with_parent
from signalbox.pods import DriverPod
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.spark_conf import size_conf

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

ROOT = Path(__file__).resolve().parents[2]
SPARK_SUBMIT = str(Path(sys.executable).with_name("spark-submit"))
SPARK_LOG_LINE = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [A-Z]+ ")


class SubmitJob(SparkSubmitOperator):
    """Runs one step of a pipeline as a spark-submit, in a process group that ends with the task.

    On Kubernetes (a master ``k8s://…``) it runs in a driver pod, and says how it ended through the ledger.
    """

    # Nothing of a job is a template: arguments are made from checked values when the task runs.
    template_fields = ()

    def __init__(self, *, command: tuple[str, ...], cadence: Cadence, **kwargs: Any) -> None:
        super().__init__(application=str(ROOT / "spark_jobs" / "__main__.py"), **kwargs)
        self.command = command
        self.cadence_name = cadence.name
        self._pod: DriverPod | None = None

    def execute(self, context: "Context") -> None:
        self.application_args = [*self.command, *runs.job_arguments(context, self.cadence_name)]
        # Asked for by name: without the connection the provider would turn to YARN without a word.
        connection = SparkSubmitHook.get_connection(self._conn_id)
        if (connection.host or "").startswith("k8s://"):
            self._in_a_pod(context, connection)
            return
        hook = self._hook = self._get_hook()
        try:
            super().execute(context)
        except AirflowException as error:
            if hook.exit_code == Blocked.exit_code:
                raise AirflowFailException(hook.last_sentence or str(error)) from error
            if hook.exit_code == Settled.exit_code:
                raise AirflowSkipException(hook.last_sentence or str(error)) from error
            raise

    def on_kill(self) -> None:
        if self._pod:
            self._pod.kill()
        else:
            super().on_kill()

    def _in_a_pod(self, context: "Context", connection: "Connection") -> None:
        job = cluster.job_name(context)
        self._pod = DriverPod(SPARK_SUBMIT, connection, job, self._spark_name, self.cadence_name)
        try:
            self._pod.run(self.application_args or [])
        except AirflowException:
            cluster.raise_ending(job)
            raise

    @property
    def _spark_name(self) -> str:
        return f"signalbox {' '.join(self.command)}"

    def _get_hook(self) -> "ProcessGroupHook":
        master = SparkSubmitHook.get_connection(self._conn_id).host or ""
        return ProcessGroupHook(
            conf=size_conf(os.environ, self.cadence_name, master),
            conn_id=self._conn_id,
            name=self._spark_name,
            application_args=self.application_args,
            # Catalog and jars; a file that only its owner reads, because a command line is for everyone.
            properties_file=os.environ["SIGNALBOX_SPARK_PROPERTIES"],
            spark_binary=SPARK_SUBMIT,
            env_vars={"SIGNALBOX_ENGINE": "submit", "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable},
        )


class ProcessGroupHook(SparkSubmitHook):
    """The provider's hook with a process group of its own: without, a kill leaves the JVM and its workers behind."""

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        return super().submit(application, start_new_session=True, preexec_fn=die_with_parent, **kwargs)

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
