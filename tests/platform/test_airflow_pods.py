"""The engine submit on Kubernetes: a real spark-submit against a strict stand-in of the API server. No pod ever runs."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from signalbox.cadence import NIGHTLY
from signalbox.cluster import job_name
from signalbox.pods import DriverPod
from signalbox.submit import SPARK_SUBMIT, SubmitJob

from spark_jobs.common.outcome import Blocked
from tests.platform.cluster_jobs import OF_ANY_CLUSTER, PASSWORD, SENTENCE, context
from tests.platform.kubernetes_standin import KubernetesApi, kubernetes_api

pytestmark = [pytest.mark.spark, pytest.mark.long]

SETTINGS = {
    "SIGNALBOX_K8S_IMAGE": "registry.example.com/signalbox:abc",
    "SIGNALBOX_K8S_SERVICE_ACCOUNT": "spark-driver",
    "SIGNALBOX_K8S_SECRET": "signalbox",
    **OF_ANY_CLUSTER,
    "PYSPARK_PYTHON": "/home/somebody/python",
}


@pytest.fixture(scope="module")
def settings(lake_home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesApi]:
    """The API server, and settings that lead to it."""
    with kubernetes_api(tmp_path_factory.mktemp("kubernetes"), "lab") as api, pytest.MonkeyPatch.context() as patch:
        patch.delenv("SIGNALBOX_DRIVER_MEMORY", raising=False)
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        extra = {"namespace": "lab", "deploy-mode": "cluster"}
        connection = {"conn_type": "spark", "host": f"k8s://{api.url}", "extra": extra}
        patch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
        patch.setenv("KUBECONFIG", str(api.kubeconfig))
        yield api


def build() -> SubmitJob:
    return SubmitJob(task_id="build", command=("build", "metro", "movements"), cadence=NIGHTLY)


@pytest.fixture(scope="module")
def blocked(settings: KubernetesApi, ledger: Any) -> tuple[KubernetesApi, BaseException]:
    """One driver that was blocked: what the API server was given, and what became of the task."""
    settings.exit_code = Blocked.exit_code
    of = context("manual__blocked")
    ledger.write_ending(job_name(of), Blocked(SENTENCE))
    with pytest.raises(AirflowException) as raised:
        build().execute(of)
    return settings, raised.value


@pytest.fixture
def pod(blocked: tuple[KubernetesApi, BaseException]) -> dict[str, Any]:
    (pod,) = blocked[0].pods.values()
    return pod


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    return container


def test_a_blocked_job_fails_for_good_with_its_sentence(blocked):
    _, became = blocked
    assert isinstance(became, AirflowFailException)
    assert str(became) == SENTENCE


def test_the_api_server_understood_everything(blocked):
    api, _ = blocked
    assert api.refused == []
    assert set(api.applied) == {"Service", "ConfigMap"}


def test_the_pod_runs_one_step_in_our_image(pod, container):
    assert container["image"] == "registry.example.com/signalbox:abc"
    assert pod["spec"]["serviceAccountName"] == "spark-driver"
    assert pod["spec"]["restartPolicy"] == "Never"
    application = container["args"].index("local:///opt/signalbox/spark_jobs/__main__.py")
    assert container["args"][0] == "driver"
    assert " ".join(container["args"][application + 1 :]) == (
        "build metro movements --cadence nightly --run-key metro_nightly/manual__blocked "
        "--interval-start 2024-03-12T03:00:00+00:00 --interval-end 2024-03-13T03:00:00+00:00"
    )


def test_the_pod_takes_its_secrets_from_the_cluster(container):
    environment = {entry["name"]: entry for entry in container["env"]}
    for name in ("SIGNALBOX_LEDGER_URL", "SIGNALBOX_CATALOG_PASSWORD"):
        assert environment[name] == {"name": name, "valueFrom": {"secretKeyRef": {"name": "signalbox", "key": name}}}
    assert environment["SIGNALBOX_JOB"]["value"] == "metro_nightly/manual__blocked/movements.build/2"
    assert environment["SIGNALBOX_ENGINE"]["value"] == "submit"


def test_no_secret_and_no_path_of_this_machine_reaches_the_api_server(blocked, ledger):
    api, _ = blocked
    told = json.dumps([api.pods, api.applied])
    assert "postgresql" in told
    assert PASSWORD not in told
    assert ledger._engine.url.password not in told
    assert "/home/somebody" not in told  # Neither jars nor Python of this machine.


def test_driver_and_executors_have_their_cadences_size(blocked, container):
    api, _ = blocked
    # 4 GiB and Spark's overhead for Python, 40 %.
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "5734Mi"}, "limits": {"memory": "5734Mi"}}
    given = api.applied["ConfigMap"]["data"]["spark.properties"].splitlines()
    assert {
        "spark.executor.cores=2",
        "spark.executor.memory=6g",
        "spark.dynamicAllocation.enabled=true",
        "spark.dynamicAllocation.minExecutors=2",
        "spark.dynamicAllocation.maxExecutors=8",
    } <= set(given)


@pytest.mark.heavy
def test_a_driver_that_ends_well_ends_the_task_well(settings):
    settings.exit_code = 0
    known = set(settings.pods)
    build().execute(context("manual__well"))
    assert (len(set(settings.pods) - known), settings.refused) == (1, [])


@pytest.mark.heavy
def test_a_driver_that_failed_without_a_word_is_retried(settings, ledger):
    settings.exit_code = 137
    with pytest.raises(AirflowException, match="exit code 137") as raised:
        build().execute(context("manual__killed"))
    assert type(raised.value) is AirflowException


@pytest.mark.heavy
def test_a_task_that_is_told_to_stop_has_its_pod_deleted(settings):
    settings.exit_code = None
    settings.watched.clear()
    job, known = build(), set(settings.pods)
    ended: list[BaseException] = []

    def run() -> None:
        try:
            job.execute(context("manual__stopped"))
        except AirflowException as error:
            ended.append(error)

    task = threading.Thread(target=run)
    task.start()
    assert settings.watched.wait(240)
    job.on_kill()
    task.join(30)
    assert len(ended) == 1
    (pod,) = set(settings.pods) - known
    deadline = time.monotonic() + 240
    while pod not in settings.deleted:
        assert time.monotonic() < deadline, "the pod was not deleted"
        time.sleep(0.5)


@pytest.mark.parametrize(
    "extra", [{"namespace": "lab"}, {"deploy-mode": "cluster"}, {"deploy-mode": "client", "namespace": "lab"}]
)
def test_a_connection_that_says_too_little_submits_nothing(extra):
    from airflow.sdk import Connection

    cluster = Connection(conn_id="spark_default", conn_type="spark", host="k8s://https://c", extra=json.dumps(extra))
    with pytest.raises(AirflowFailException, match="must name its namespace, and cluster as deploy-mode"):
        DriverPod(SPARK_SUBMIT, cluster, "a/b/c/1", "signalbox build metro movements", "nightly")
