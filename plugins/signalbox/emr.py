"""The engine ``emr-serverless``: each step is a job run of an EMR Serverless application, and the task waits without a worker.

EMR takes what it runs from one folder in S3, ``SIGNALBOX_EMR_CODE``: the entry point ``job.py``, this repository as ``signalbox.zip`` and
a Python environment, ``environment.tar.gz`` (docs/operate.md says how they are made). The job run is given names of secrets in AWS
Secrets Manager, never a secret: EMR fetches each when it starts the driver.
"""

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from signalbox import cluster, runs
from signalbox.cadence import Cadence

if TYPE_CHECKING:
    from airflow.sdk import Context

POLL_S = 20
PYTHON = "./environment/bin/python"
# By the secret's name in the job's environment: the setting with its name or ARN in Secrets Manager.
SECRET_SETTINGS = {
    "SIGNALBOX_LEDGER_URL": "SIGNALBOX_EMR_LEDGER_SECRET",
    "SIGNALBOX_CATALOG_PASSWORD": "SIGNALBOX_EMR_CATALOG_SECRET",
}


class EmrServerlessJob(EmrServerlessStartJobOperator):
    """Runs one step of a pipeline on EMR Serverless.

    EMR only tells that a job has failed. If it was blocked, or had nothing to do, it has left its sentence in the ledger: the task then
    fails for good, or is skipped. A task that is cancelled cancels its job run; a job run that nobody waits for any more ends when the
    task's time would have been up.
    """

    # Nothing of a job is a template: arguments are made from checked values when the task runs.
    template_fields = ()

    def __init__(self, *, command: tuple[str, ...], cadence: Cadence, **kwargs: Any) -> None:
        limit_s = int(cadence.task_limit.total_seconds())
        super().__init__(
            # All of these are read from the settings when the task runs.
            application_id="",
            execution_role_arn="",
            job_driver={},
            config={"executionTimeoutMinutes": limit_s // 60},
            name=f"signalbox {' '.join(command)}",
            deferrable=True,
            waiter_delay=POLL_S,
            waiter_max_attempts=limit_s // POLL_S,
            **kwargs,
        )
        self.command = command
        self.cadence_name = cadence.name

    def execute(self, context: "Context", event: dict[str, Any] | None = None) -> str | None:
        job = cluster.job_name(context)
        self.application_id = cluster.setting("SIGNALBOX_EMR_APPLICATION_ID", "the EMR Serverless application")
        self.execution_role_arn = cluster.setting("SIGNALBOX_EMR_ROLE_ARN", "the role under which a job runs")
        self.client_request_token = str(uuid5(NAMESPACE_URL, job))
        self.job_driver = self._driver([*self.command, *runs.job_arguments(context, self.cadence_name)])
        self.configuration_overrides = self._overrides(job)
        return super().execute(context, event)

    def execute_complete(self, context: "Context", event: dict[str, Any] | None = None) -> Any:
        if event and event.get("status") == "success":
            return super().execute_complete(context, event)
        cluster.raise_ending(cluster.job_name(context))
        raise AirflowException(f"The job run on EMR Serverless did not succeed: {event}.")

    def _driver(self, arguments: list[str]) -> dict[str, Any]:
        code = _in_s3("SIGNALBOX_EMR_CODE", "the folder with job.py, signalbox.zip and environment.tar.gz")
        conf = {
            "spark.archives": f"{code}/environment.tar.gz#environment,{code}/signalbox.zip#signalbox",
            "spark.jars": _in_s3(
                "SIGNALBOX_EMR_JARS", "the jars of Iceberg and of PostgreSQL's driver, with commas between"
            ),
        }
        parameters = " ".join(f"--conf {key}={value}" for key, value in conf.items())
        return {
            "sparkSubmit": {
                "entryPoint": f"{code}/job.py",
                "entryPointArguments": arguments,
                "sparkSubmitParameters": parameters,
            }
        }

    def _overrides(self, job: str) -> dict[str, Any]:
        for name in ("SIGNALBOX_WAREHOUSE", "SIGNALBOX_LANDING"):
            _in_s3(name, "a place that EMR can reach")
        told = {**cluster.environment("emr-serverless", job), "PYSPARK_DRIVER_PYTHON": PYTHON}
        told |= {
            name: f"EMR.secret@{cluster.setting(of, f'the secret with {name}')}" for name, of in SECRET_SETTINGS.items()
        }
        both = {"PYSPARK_PYTHON": PYTHON, "PYTHONPATH": "./signalbox"}
        properties = {
            **cluster.properties(self.cadence_name, "emr-serverless"),
            **{f"spark.emr-serverless.driverEnv.{name}": value for name, value in {**told, **both}.items()},
            **{f"spark.executorEnv.{name}": value for name, value in both.items()},
        }
        logs = _in_s3("SIGNALBOX_EMR_LOGS", "the folder for logs")
        return {
            "applicationConfiguration": [{"classification": "spark-defaults", "properties": properties}],
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": f"{logs}/"}},
        }


def _in_s3(name: str, meaning: str) -> str:
    """A setting that must be an address in S3, or several, without blanks: it stands among the parameters of spark-submit."""
    value = cluster.setting(name, meaning)
    if len(value.split()) != 1 or not all(part.startswith("s3://") for part in value.split(",")):
        raise AirflowFailException(
            f"{name} is {value!r}; on EMR Serverless it must be an address such as s3://bucket/folder."
        )
    return value.rstrip("/")
