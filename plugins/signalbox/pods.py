"""The engine ``submit`` on Kubernetes: spark-submit creates a driver pod for the step and follows it to its end.

The image holds Spark with its entrypoint, the locked requirements and this repository. Only Spark's own client speaks to the cluster:
the Spark provider's hook wants the Kubernetes provider for that, whose import costs each process seven seconds of CPU.
"""

import logging
import os
import re
import signal
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from signalbox import cluster
from signalbox.deaths import die_with_parent

if TYPE_CHECKING:
    from airflow.sdk import Connection

_log = logging.getLogger(__name__)
# How spark-submit tells of the driver's container; its own exit status is 0 whatever came of that.
_EXIT_CODE = re.compile(r"\bexit code: (\d+)")


class DriverPod:
    """One step in a driver pod of its own."""

    def __init__(self, spark_submit: str, connection: "Connection", job: str, name: str, cadence: str) -> None:
        self._master = str(connection.host) + (f":{connection.port}" if connection.port else "")
        self._namespace = connection.extra_dejson.get("namespace")
        if not self._namespace or connection.extra_dejson.get("deploy-mode") != "cluster":
            raise AirflowFailException(
                f"The connection {connection.conn_id} to Kubernetes must name its namespace, and cluster as deploy-mode, in its extra."
            )
        self._spark_submit = spark_submit
        self._job, self._name, self._cadence = job, name, cadence
        self._pod = f"signalbox-{uuid5(NAMESPACE_URL, job).hex[:20]}-driver"
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str]) -> None:
        """Submit, and return when the driver has ended well; raise ``AirflowException`` for any other end."""
        application = f"local://{os.environ.get('SIGNALBOX_K8S_ROOT', '/opt/signalbox')}/spark_jobs/__main__.py"
        command = [*self._command("--deploy-mode", "cluster", "--name", self._name), application, *arguments]
        # It ends with the task, as every spark-submit does. A task killed outright leaves its pod, which can no longer
        # publish once the retry has begun.
        self._process = subprocess.Popen(
            command,
            env=_submitters_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        exit_codes = []
        for line in self._process.stdout or ():
            _log.info(line.rstrip())
            exit_codes += [int(code) for code in _EXIT_CODE.findall(line)]
        status = self._process.wait()
        if status or not exit_codes or exit_codes[-1]:
            told = exit_codes[-1] if exit_codes else "unknown"
            raise AirflowException(
                f"The driver pod {self._pod} has failed: exit code {told}, of spark-submit {status}."
            )

    def kill(self) -> None:
        """Let go of the pod and have it deleted, by a process that outlives this one: Airflow leaves it five seconds."""
        if self._process and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        subprocess.Popen(
            [self._spark_submit, "--master", self._master, "--kill", f"{self._namespace}:{self._pod}"],
            env=_submitters_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _command(self, *options: str) -> list[str]:
        conf = (part for key, value in self._properties().items() for part in ("--conf", f"{key}={value}"))
        return [self._spark_submit, "--master", self._master, *options, *conf]

    def _properties(self) -> dict[str, str]:
        secret = cluster.setting(
            "SIGNALBOX_K8S_SECRET", "the Kubernetes secret with the ledger's URL and the catalog's password"
        )
        told = cluster.environment("submit", self._job)
        prefix = "spark.kubernetes"
        return {
            **cluster.properties(self._cadence, self._master),
            f"{prefix}.namespace": str(self._namespace),
            f"{prefix}.container.image": cluster.setting("SIGNALBOX_K8S_IMAGE", "the image of driver and executors"),
            f"{prefix}.authenticate.driver.serviceAccountName": cluster.setting(
                "SIGNALBOX_K8S_SERVICE_ACCOUNT", "the service account under which the driver starts its executors"
            ),
            f"{prefix}.driver.pod.name": self._pod,
            **{f"{prefix}.driverEnv.{name}": value for name, value in told.items()},
            # Executors get none: what they read and write is opened by the driver, or by their service account.
            **{f"{prefix}.driver.secretKeyRef.{name}": f"{secret}:{name}" for name in cluster.SECRETS},
        }


def _submitters_environment() -> dict[str, str]:
    """That of the task, where Spark is named rather than looked for: the Python of this machine is none of the pod's."""
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise AirflowFailException("pyspark is not installed: run `make setup`.")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYSPARK_")}
    return {**kept, "SPARK_HOME": str(Path(pyspark.origin).parent)}
