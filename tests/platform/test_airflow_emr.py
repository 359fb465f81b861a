"""The engine emr-serverless up to the API's call: over real HTTP to moto, which keeps what it is told and runs nothing."""

import asyncio
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.serialization.serialized_objects import DagSerialization
from moto.emrserverless.models import emrserverless_backends
from moto.server import ThreadedMotoServer
from signalbox.cadence import LIVE, NIGHTLY
from signalbox.cluster import job_name
from signalbox.emr import EmrServerlessJob
from signalbox.engines import engine

from platform_local.postgres import Cluster
from spark_jobs.__main__ import main
from spark_jobs.common import pipelines
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.window import Window
from tests.airflow_settings import ROOT
from tests.platform.cluster_jobs import BIG, OF_ANY_CLUSTER, PASSWORD, SENTENCE, context

REGION, ACCOUNT = "eu-west-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/signalbox"
LEDGER_PASSWORD = "ledger-word"
SETTINGS = {
    "SIGNALBOX_EMR_ROLE_ARN": ROLE,
    "SIGNALBOX_EMR_CODE": "s3://code/signalbox/abc",
    "SIGNALBOX_EMR_JARS": "s3://code/jars/iceberg.jar,s3://code/jars/postgresql.jar",
    "SIGNALBOX_EMR_LOGS": "s3://logs/emr/",
    "SIGNALBOX_EMR_LEDGER_SECRET": "signalbox/ledger-url",
    "SIGNALBOX_EMR_CATALOG_SECRET": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:catalog",
    **OF_ANY_CLUSTER,
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def emr(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of EMR Serverless with one application; the settings name it."""
    monkeypatch.delenv("SIGNALBOX_DRIVER_MEMORY", raising=False)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    keys = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anything"}
    client = boto3.client("emr-serverless", region_name=REGION, endpoint_url=endpoint, **keys)
    made = client.create_application(name="signalbox", releaseLabel="emr-7.10.0", type="SPARK", clientToken="t")
    monkeypatch.setenv("SIGNALBOX_EMR_APPLICATION_ID", made["applicationId"])
    connection = {"conn_type": "aws", "login": "anybody", "password": "anything"}
    extra = {"region_name": REGION, "endpoint_url": endpoint}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection | {"extra": extra}))
    return client


def build() -> EmrServerlessJob:
    return EmrServerlessJob(task_id="build", command=("build", "metro", "movements"), cadence=NIGHTLY)


def deferred(job: EmrServerlessJob, of: dict[str, Any]) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as raised:
        job.execute(of)
    return raised.value


def job_run(emr: Any, waiting: TaskDeferred) -> dict[str, Any]:
    where = {"applicationId": waiting.trigger.application_id, "jobRunId": waiting.trigger.job_id}
    return emr.get_job_run(**where)["jobRun"]


def come_to(waiting: TaskDeferred, state: str) -> None:
    """Tell moto how far the job run is: it runs nothing, and calls every new one a success."""
    runs = emrserverless_backends[ACCOUNT][REGION].job_runs[waiting.trigger.application_id]
    (run,) = (run for run in runs if run.id == waiting.trigger.job_id)
    run.state = state


def heard(waiting: TaskDeferred, state: str) -> dict[str, Any]:
    """What the trigger tells the task, once the job run has come to this state."""
    come_to(waiting, state)

    async def first_event() -> dict[str, Any]:
        events = waiting.trigger.run()
        return (await anext(events)).payload

    return asyncio.run(first_event())


def test_one_setting_picks_the_engine(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ENGINE_NIGHTLY", "emr-serverless")
    assert engine(NIGHTLY) is EmrServerlessJob


def test_every_build_of_a_dag_runs_on_it(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ENGINE_NIGHTLY", "emr-serverless")
    dag = DagBag(str(ROOT / "dags" / "inventory.py")).dags["inventory_nightly"]
    builds = [task for task in dag.tasks if task.task_id.endswith(".build")]
    assert len(builds) == len(pipelines.pipeline("inventory").STAGES)
    assert {type(task) for task in builds} == {EmrServerlessJob}
    assert [task.task_id for task in dag.tasks if task.template_fields] == []
    assert DagSerialization.to_dict(dag)["dag"]["dag_id"] == "inventory_nightly"


def test_the_job_run_is_one_step_of_the_pipeline(emr):
    started = job_run(emr, deferred(build(), context(window_start="2024-03-12T04:00Z", window_end="2024-03-12T05:00Z")))
    driver = started["jobDriver"]["sparkSubmit"]
    assert started["name"] == "signalbox build metro movements"
    assert started["executionRole"] == ROLE
    assert started["executionTimeoutMinutes"] == 120
    assert driver["entryPoint"] == "s3://code/signalbox/abc/job.py"
    assert " ".join(driver["entryPointArguments"]) == (
        "build metro movements --cadence nightly --run-key metro_nightly/manual__1 "
        "--interval-start 2024-03-12T03:00:00+00:00 --interval-end 2024-03-13T03:00:00+00:00 "
        "--window-start 2024-03-12T04:00:00+00:00 --window-end 2024-03-12T05:00:00+00:00"
    )
    assert shlex.split(driver["sparkSubmitParameters"]) == [
        "--conf",
        "spark.archives=s3://code/signalbox/abc/environment.tar.gz#environment,s3://code/signalbox/abc/signalbox.zip#signalbox",
        "--conf",
        "spark.jars=s3://code/jars/iceberg.jar,s3://code/jars/postgresql.jar",
    ]


def properties(started: dict[str, Any]) -> dict[str, str]:
    (configuration,) = started["configurationOverrides"]["applicationConfiguration"]
    assert configuration["classification"] == "spark-defaults"
    return configuration["properties"]


def test_the_job_run_gets_names_of_secrets_and_no_secret(emr, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_LEDGER_URL", f"postgresql+psycopg2://ledger:{LEDGER_PASSWORD}@db/ledger")
    started = job_run(emr, deferred(build(), context()))
    given = properties(started)
    assert given["spark.emr-serverless.driverEnv.SIGNALBOX_LEDGER_URL"] == "EMR.secret@signalbox/ledger-url"
    assert given["spark.emr-serverless.driverEnv.SIGNALBOX_CATALOG_PASSWORD"] == (
        f"EMR.secret@{SETTINGS['SIGNALBOX_EMR_CATALOG_SECRET']}"
    )
    assert given["spark.sql.catalog.lake.uri"] == "jdbc:postgresql://db:5432/catalog"
    assert "spark.sql.catalog.lake.jdbc.password" not in given
    told = json.dumps(started, default=str)
    assert "signalbox/ledger-url" in told
    assert PASSWORD not in told
    assert LEDGER_PASSWORD not in told
    assert "/home/somebody" not in told


def test_the_job_run_has_its_cadences_size_and_knows_its_name(emr):
    given = properties(job_run(emr, deferred(build(), context())))
    assert {key: given.get(key) for key in BIG} == BIG
    assert given["spark.emr-serverless.driverEnv.SIGNALBOX_ENGINE"] == "emr-serverless"
    assert given["spark.emr-serverless.driverEnv.SIGNALBOX_JOB"] == "metro_nightly/manual__1/movements.build/2"


def test_a_run_id_is_never_a_template(emr):
    of = context(run_id="{{ conn.aws_default.password }} --conf spark.x=1")
    started = job_run(emr, deferred(build(), of))
    arguments = started["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    assert build().template_fields == ()
    assert arguments[arguments.index("--run-key") + 1] == f"metro_nightly/{of['dag_run'].run_id}"
    assert "spark.x" not in started["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]


def test_an_application_that_is_stopped_is_started_first(emr):
    application = {"applicationId": os.environ["SIGNALBOX_EMR_APPLICATION_ID"]}
    emr.stop_application(**application)
    assert deferred(build(), context()).method_name == "execute"
    assert emr.get_application(**application)["application"]["state"] == "STARTED"
    assert deferred(build(), context()).method_name == "execute_complete"


def test_a_job_run_that_succeeds_ends_the_task_well(emr):
    waiting = deferred(build(), context())
    assert waiting.method_name == "execute_complete"
    assert build().execute_complete(context(), heard(waiting, "SUCCESS")) == waiting.trigger.job_id


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [
        pytest.param(Blocked(SENTENCE), AirflowFailException, id="a blocked job fails for good"),
        pytest.param(Settled(SENTENCE), AirflowSkipException, id="a settled job is skipped"),
    ],
)
def test_a_job_run_that_failed_hands_its_sentence_over(emr, ledger, outcome, becomes):
    of = context(run_id=f"manual__{outcome.exit_code}")
    event = heard(deferred(build(), of), "FAILED")
    ledger.write_ending(job_name(of), outcome)
    with pytest.raises(becomes) as raised:
        build().execute_complete(of, event)
    assert str(raised.value) == SENTENCE


def test_a_job_run_that_failed_without_a_word_is_retried(emr, ledger):
    event = heard(deferred(build(), context()), "FAILED")
    with pytest.raises(AirflowException, match="did not succeed") as raised:
        build().execute_complete(context(), event)
    assert type(raised.value) is AirflowException


def test_a_task_that_is_cancelled_while_it_waits_cancels_its_job_run(emr):
    waiting = deferred(build(), context())
    come_to(waiting, "RUNNING")
    asyncio.run(waiting.trigger.on_kill())
    assert job_run(emr, waiting)["state"] == "CANCELLED"


def test_a_task_that_is_cancelled_before_it_waits_cancels_its_job_run(emr):
    job = build()
    waiting = deferred(job, context())
    come_to(waiting, "RUNNING")
    job.on_kill()
    assert job_run(emr, waiting)["state"] == "CANCELLED"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SIGNALBOX_EMR_APPLICATION_ID", "", "SIGNALBOX_EMR_APPLICATION_ID is not set"),
        ("SIGNALBOX_EMR_CATALOG_SECRET", "", "SIGNALBOX_EMR_CATALOG_SECRET is not set"),
        ("SIGNALBOX_WAREHOUSE", "file:///lake", "SIGNALBOX_WAREHOUSE is 'file:///lake'; on EMR Serverless it must be"),
        ("SIGNALBOX_EMR_JARS", "s3://a,b.jar", "SIGNALBOX_EMR_JARS is 's3://a,b.jar'; on EMR Serverless it must be"),
        ("SIGNALBOX_EMR_CODE", "s3://a --conf x=y", "SIGNALBOX_EMR_CODE is 's3://a --conf x=y'; on EMR"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_starts_nothing(emr, monkeypatch, name, value, sentence):
    application = os.environ["SIGNALBOX_EMR_APPLICATION_ID"]
    monkeypatch.setenv(name, value)
    with pytest.raises(AirflowFailException) as raised:
        build().execute(context())
    assert sentence in str(raised.value)
    assert emr.list_applications()["applications"]
    assert application not in emrserverless_backends[ACCOUNT][REGION].job_runs


def test_a_job_on_a_cluster_leaves_its_sentence_in_the_ledger(lake_home: Path, monkeypatch, tmp_path):
    """The other side: the job itself, whose live window lies in one that was released meanwhile. The ledger is its own."""
    monkeypatch.setenv("SIGNALBOX_LEDGER_URL", Cluster(lake_home / "postgres").url("airflow"))
    ledger = Ledger.from_environment()
    ledger.migrate()
    whole, part = (Window.parse("2031-03-12T04:00Z", f"2031-03-12T04:{minute}Z") for minute in ("10", "05"))
    for key, window in (("emr/whole", whole), ("emr/part", part)):
        ledger.open_run("metro", LIVE.name, key, None, window)
    ledger.write_release(ledger.begin(ledger.run("emr/whole"), "release"), {"lake.p.t": 1})
    ledger.close_run("emr/whole")
    monkeypatch.setenv("SIGNALBOX_LANDING", str(tmp_path))
    monkeypatch.setenv("SIGNALBOX_JOB", "metro_live/part/movements.build/1")
    status = main(["build", "metro", "movements", "--cadence", "live", "--run-key", "emr/part"])
    assert status == Settled.exit_code
    ending = ledger.ending("metro_live/part/movements.build/1")
    assert isinstance(ending, Settled)
    assert "released" in str(ending)
    assert ledger.ending("metro_live/part/movements.build/2") is None
