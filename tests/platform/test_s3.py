"""The lake and the landing zone in S3: a metro night has the content of one on files, and what breaks in mid-run breaks nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from platform_local.environment import ROOT
from platform_local.postgres import Cluster
from spark_jobs.common import pipelines
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.local_run import private_lake
from spark_jobs.common.session import spark_session
from tests.platform import metro_night, spark_cluster
from tests.platform.s3_standin import BUCKET, Store
from tests.platform.scene import Scene, Server

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(1800)]

LANDING = f"s3://{BUCKET}/landing"
OLD, NEW = 20.0, 30.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("s3")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder / "moto.log")
    yield store
    store.end()


@pytest.fixture(scope="module")
def landing(folder: Path) -> Path:
    return metro_night.land(folder / "landing")


@pytest.fixture(scope="module")
def settings(store: Store) -> dict[str, str]:
    return {**store.environ, "SIGNALBOX_WAREHOUSE": f"s3://{BUCKET}/lake"}


@pytest.fixture(scope="module")
def night(folder: Path, store: Store, landing: Path, settings: dict[str, str]) -> Path:
    """The lake of a night that landed in S3 and lies in S3."""
    store.upload(landing, "landing")
    answer = metro_night.run(folder / "night", LANDING, settings)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return folder / "night"


def test_a_night_in_s3_has_the_content_of_one_on_files(folder, landing, night):
    answer = metro_night.run(folder / "files", landing, {"SIGNALBOX_MASTER": "local[*]"})
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert metro_night.content(night) == metro_night.content(folder / "files")


def test_on_a_cluster_with_its_lake_in_s3_a_night_has_that_content_too(folder, settings, night):
    cluster = spark_cluster.Cluster(folder, settings)
    try:
        answer = metro_night.run(folder / "cluster", LANDING, {**settings, "SIGNALBOX_MASTER": cluster.master})
        assert answer.returncode == 0, answer.stderr[-3000:]
        assert metro_night.content(folder / "cluster") == metro_night.content(night)
        assert cluster.applications() == ["metro.run"]
    finally:
        cluster.end()


def test_its_tables_are_in_the_bucket_and_its_export_is_here(store, night):
    assert not (night / "warehouse").exists()
    written = {key.split("/")[3] for key in store.keys(f"lake/{night.name}/metro/") if key.endswith(".parquet")}
    exported = {path.stem for path in (night / "export").iterdir()}
    assert exported >= written >= {"stop_visits", "trips_performed", "kpi_daily"}


def test_it_is_served_from_s3(night, settings, monkeypatch):
    for name, value in settings.items():  # Of a warehouse in S3 the lake's settings name one jar more.
        monkeypatch.setenv(name, value)
    with private_lake(night):
        key = Ledger.from_environment().latest_release("metro", "settled").run_key
        command = [sys.executable, "-m", "spark_jobs", "serve", "metro", "--cadence", "nightly", "--run-key", key]
        subprocess.run(command, cwd=ROOT, check=True, timeout=600)
        with create_engine(Cluster(night / "postgres").url("marts")).connect() as connection:
            served = {
                mart.name: connection.execute(text(f"SELECT count(*) FROM metro.{mart.name}")).scalar_one()
                for mart in pipelines.marts("metro")
            }
    assert {name for name, rows in served.items() if rows == 0} == set()


def test_a_wrong_secret_is_one_sentence(folder, settings):
    answer = metro_night.run(folder / "refused", folder, {**settings, "AWS_SECRET_ACCESS_KEY": "another"})
    assert answer.returncode == 1
    said = [line for line in answer.stderr.splitlines() if line.startswith("error:")]
    assert said == [
        f"error: S3 refuses s3://{BUCKET}/lake/refused (SignatureDoesNotMatch): "
        "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do."
    ]


@pytest.fixture
def scene(folder: Path, settings: dict[str, str]) -> Iterator[Scene]:
    """A toy pipeline whose lake is in S3, with clients of one Connect server."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        with private_lake(folder / "toy") as home:
            ledger = Ledger.from_environment()
            ledger.migrate()
            server = Server(home)
            os.environ.update(server.environ)
            try:
                with spark_session("reader", "live") as spark:
                    scene = Scene(spark, ledger, server)
                    yield scene
                    scene.end()
            finally:
                server.kill()


def test_a_connection_that_is_lost_in_mid_run_leaves_the_old_release_and_a_retry_succeeds(scene, store):
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    build = scene.step("clean", fault="after_branch_write:stop")
    build.wait_until_stopped()
    store.line.cut()
    assert build.goes_on_to_its_end(600) == 1
    assert build.said()[-1].startswith(f"error: S3 cannot be reached for s3://{BUCKET}/lake/toy ")
    store.line.mend()
    assert scene.ledger.receipt(scene.key("new"), "clean") is None
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    scene.prepare()
    new = scene.open("new")
    scene.release(new)
    assert scene.serve(new) == {"daily": 1, "events": 10}
    assert (scene.seen(), scene.mains(), scene.releases_of("new")) == (([NEW], [NEW]), (NEW, NEW), 1)
