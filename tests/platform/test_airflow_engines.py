"""How a job's end becomes a task's state, with a real spark-submit; and that a killed task leaves no JVM behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from signalbox.cadence import LIVE, NIGHTLY
from signalbox.engines import ConnectJob, engine, job_outcomes
from signalbox.submit import SubmitJob

from spark_jobs.common.outcome import Blocked, Settled
from tests.airflow_settings import ROOT
from tests.platform.cluster_jobs import BIG, SENTENCE, SIZES, SMALL, context, given

CONTEXT = context()
# A task's process: it submits the application that it is given and waits.
TASK = """
import sys
from tests import airflow_settings
from tests.platform.test_airflow_engines import CONTEXT, submitted
submitted(sys.argv[1]).execute(CONTEXT)
"""
# Says that its session is up, then keeps a Python worker busy.
BUSY = """
import sys, time
from pathlib import Path
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
Path(__file__).with_name("busy").touch()
spark.range(1).mapInArrow(lambda batches: (time.sleep(600) or batch for batch in batches), "id long").count()
"""


pytestmark = [pytest.mark.spark, pytest.mark.long]


@pytest.fixture
def submit_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One core, no catalog: these applications read no table."""
    properties = tmp_path / "spark.properties"
    properties.write_text(
        "spark.driver.memory 512m\nspark.driver.bindAddress 127.0.0.1\nspark.driver.host 127.0.0.1\n"
        # A JVM that is killed leaves its files behind: they go with the test's folder.
        f"spark.local.dir {tmp_path}\nspark.driver.extraJavaOptions -Djava.io.tmpdir={tmp_path}\n"
    )
    monkeypatch.setenv("SIGNALBOX_SPARK_PROPERTIES", str(properties))
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "local[1]"}')


def submitted(application: str | Path) -> SubmitJob:
    job = SubmitJob(task_id="build", command=("build", "metro", "movements"), cadence=NIGHTLY)
    job.application = str(application)
    return job


def application(folder: Path, source: str) -> Path:
    path = folder / "application.py"
    path.write_text(source)
    return path


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        pytest.param(Blocked.exit_code, AirflowFailException, id="a blocked job fails for good"),
        pytest.param(Settled.exit_code, AirflowSkipException, id="a settled job is skipped"),
    ],
)
def test_a_submitted_job_hands_its_sentence_over(submit_settings, tmp_path, status, outcome):
    ends = application(tmp_path, f"import sys\nprint({SENTENCE!r}, file=sys.stderr)\nsys.exit({status})\n")
    with pytest.raises(outcome) as raised:
        submitted(ends).execute(CONTEXT)
    assert str(raised.value) == SENTENCE


def test_any_other_end_of_a_submitted_job_is_retried(submit_settings, tmp_path):
    with pytest.raises(AirflowException) as raised:
        submitted(application(tmp_path, "raise OSError('disk full')\n")).execute(CONTEXT)
    assert type(raised.value) is AirflowException


def test_a_job_gets_the_run_as_its_arguments(submit_settings, tmp_path):
    told = tmp_path / "told"
    words = "' '.join((os.environ['SIGNALBOX_ENGINE'], *sys.argv[1:]))"
    submitted(application(tmp_path, f"import os, sys\nopen({str(told)!r}, 'w').write({words})\n")).execute(CONTEXT)
    assert told.read_text() == (
        "submit build metro movements --cadence nightly --run-key metro_nightly/manual__1 "
        "--interval-start 2024-03-12T03:00:00+00:00 --interval-end 2024-03-13T03:00:00+00:00"
    )


@pytest.mark.parametrize(("cadence", "size"), [(LIVE, SMALL), (NIGHTLY, BIG)], ids=["live", "nightly"])
def test_a_submitted_job_has_its_cadences_size(submit_settings, monkeypatch, cadence, size):
    monkeypatch.setenv("SIGNALBOX_SIZES", json.dumps(SIZES))
    monkeypatch.delenv("SIGNALBOX_DRIVER_MEMORY", raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type": "spark", "host": "spark://master", "port": 7077}')
    job = SubmitJob(task_id="build", command=("build", "metro", "movements"), cadence=cadence)
    conf = given(job._get_hook()._build_spark_submit_command(job.application))
    assert {key: conf.get(key) for key in size} == size


def test_a_task_that_is_killed_outright_takes_its_jvm_with_it(submit_settings, tmp_path):
    busy = application(tmp_path, BUSY)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins")))}
    task = subprocess.Popen([sys.executable, "-c", TASK, str(busy)], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 90
        while not (tmp_path / "busy").exists():
            assert task.poll() is None, "the task ended before its job was busy"
            assert time.monotonic() < deadline, "the job was not busy within 90 s"
            time.sleep(0.2)
        below = psutil.Process(task.pid).children(recursive=True)
    finally:
        task.kill()
        task.wait()
    assert any(process.name() == "java" for process in below)
    _, alive = psutil.wait_procs(below, timeout=20)
    assert alive == []


def test_a_task_that_is_told_to_stop_ends_its_process_group(submit_settings, tmp_path):
    job = submitted(application(tmp_path, "import os, time\nprint('pid', os.getpid(), flush=True)\ntime.sleep(600)\n"))
    began = time.monotonic()
    threading.Timer(8, job.on_kill).start()
    with pytest.raises(AirflowException):
        job.execute(CONTEXT)
    assert time.monotonic() - began < 60
    assert job._hook.exit_code == -signal.SIGKILL
    assert not [found for found in psutil.process_iter(["cmdline"]) if job.application in (found.info["cmdline"] or ())]


@pytest.mark.parametrize(("raised", "becomes"), [(Blocked, AirflowFailException), (Settled, AirflowSkipException)])
def test_a_job_in_the_tasks_process_ends_like_a_submitted_one(raised, becomes):
    with pytest.raises(becomes, match="one place"), job_outcomes():
        raise raised(SENTENCE)


@pytest.mark.parametrize(("name", "expected"), [(None, ConnectJob), ("connect", ConnectJob), ("submit", SubmitJob)])
def test_one_setting_per_cadence_picks_the_engine(monkeypatch, name, expected):
    monkeypatch.setenv("SIGNALBOX_ENGINE_NIGHTLY", "submit")
    monkeypatch.delenv("SIGNALBOX_ENGINE_LIVE", raising=False)
    if name:
        monkeypatch.setenv("SIGNALBOX_ENGINE_LIVE", name)
    assert engine(LIVE) is expected


def test_an_unknown_engine_is_named_with_the_ones_there_are(monkeypatch):
    monkeypatch.setenv("SIGNALBOX_ENGINE_LIVE", "emr")
    with pytest.raises(
        ValueError, match="SIGNALBOX_ENGINE_LIVE is 'emr'; it must be one of: connect, submit, emr-serverless"
    ):
        engine(LIVE)
