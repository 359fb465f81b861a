"""Processes that are killed, stopped, starved or cut off: readers see whole versions, and a retry makes exactly one.

The steps that suffer run as processes of their own, most of them as clients of one Connect server.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from platform_local.environment import ROOT
from platform_local.jars import spark_home
from platform_local.postgres import Cluster
from spark_jobs.common.lake import WriteDisturbed
from spark_jobs.common.ledger import Ledger
from tests.platform.scene import KILLED, Scene, Server
from tests.platform.toy import events, land, swapped, tiny_queries

pytestmark = [pytest.mark.spark, pytest.mark.long]
OLD, NEW = 20.0, 30.0
# A job that is no client: its Java dies with it.
WITH_ITS_SPARK = {"SIGNALBOX_ENGINE": "local", "SIGNALBOX_DRIVER_MEMORY": "1g"}


@pytest.fixture(autouse=True, scope="module")
def _tiny(spark: Any) -> Iterator[None]:
    with tiny_queries(spark):
        yield


@pytest.fixture(scope="module")
def server(lake_home: Path) -> Iterator[Server]:
    assert spark_home().exists()
    server = Server(lake_home)
    yield server
    server.kill()


@pytest.fixture
def swapping(spark: Any, ledger: Ledger, server: Server) -> Iterator[Scene]:
    """Its events are published by swap."""
    scene = Scene(spark, ledger, server, swapped)
    yield scene
    scene.end()


@pytest.fixture
def scene(spark: Any, ledger: Ledger, server: Server) -> Iterator[Scene]:
    scene = Scene(spark, ledger, server)
    yield scene
    scene.end()


# -- kill -9 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [{}, pytest.param(WITH_ITS_SPARK, marks=pytest.mark.heavy)], ids=["client", "whole"])
def test_a_job_killed_at_every_point_in_turn_ends_in_exactly_one_version(scene: Scene, job: dict[str, str]) -> None:
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    for point in ("before_branch_write", "between_commits", "after_branch_write", "after_receipt"):
        scene.die("clean", point, **job)
        assert (point, scene.seen(), scene.mains()) == (point, ([OLD], [OLD]), (OLD, OLD))
    scene.prepare()
    assert scene.mains() == (OLD, OLD)
    for point, released, mains in (
        ("mid_release", OLD, (NEW, OLD)),
        ("before_release_row", OLD, (NEW, NEW)),
        ("after_release_row", NEW, (NEW, NEW)),
    ):
        scene.die("release", point, **job)
        assert (point, scene.seen(), scene.mains()) == (point, ([released], [OLD]), mains)
    for point, served in (("mid_serve", OLD), ("before_served_row", NEW)):
        scene.die("serve", point, **job)
        assert (point, scene.seen()) == (point, ([NEW], [served]))
    new = scene.open("new")
    scene.release(new)
    assert scene.serve(new) == {"daily": 1, "events": 10}
    assert (scene.seen(), scene.mains(), scene.releases_of("new")) == (([NEW], [NEW]), (NEW, NEW), 1)


def test_a_run_killed_at_every_point_of_a_swap_leaves_the_old_version_or_the_new(swapping: Scene) -> None:
    new = swapping.publish("new")
    for point, served in (
        ("mid_stage", OLD),
        ("after_stage", OLD),
        ("mid_serve", OLD),
        ("mid_swap", OLD),
        ("after_swap", NEW),
    ):
        swapping.die("swap", point)
        assert (point, swapping.seen()) == (point, ([NEW], [served]))
    assert swapping.serve(new, "meant") == {"daily": 1, "events": 10}
    assert swapping.seen() == ([NEW], [NEW])


def test_a_writer_stopped_in_mid_swap_keeps_readers_waiting_for_seconds_only(swapping: Scene) -> None:
    new = swapping.publish("new")
    step = swapping.step("swap", fault="mid_swap:stop")
    step.wait_until_stopped()
    began = time.monotonic()
    assert swapping.seen() == ([NEW], [OLD])
    assert time.monotonic() - began < 10
    step.go_on()
    assert step.ended() == 1
    assert swapping.serve(new, "meant") == {"daily": 1, "events": 10}
    assert swapping.seen() == ([NEW], [NEW])


def test_when_only_the_python_process_dies_its_java_dies_too_and_a_retry_succeeds(scene: Scene) -> None:
    step = scene.step("clean", fault="between_commits:stop", **WITH_ITS_SPARK)
    step.wait_until_stopped()
    java = [child for child in psutil.Process(step.process.pid).children(recursive=True) if "java" in child.name()]
    assert java != []
    step.process.kill()
    assert step.ended() == KILLED
    _, alive = psutil.wait_procs(java, timeout=30)
    assert alive == []
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    scene.publish("new")
    assert (scene.mains(), scene.releases_of("new")) == ((NEW, NEW), 1)


# -- a writer that sleeps --------------------------------------------------------------------------------------


def test_a_writer_stopped_in_its_release_cannot_publish_after_another_run(scene: Scene) -> None:
    scene.prepare()
    sleeper = scene.step("release", fault="mid_release:stop")
    sleeper.wait_until_stopped()
    scene.expire_lease()
    land(scene.root, events(10, value=4.0))
    scene.publish("other")
    sleeper.go_on()
    assert sleeper.ended() == 4
    assert sleeper.said()[-1].startswith("Attempt 1 at release was superseded:")
    assert (scene.total(), scene.mains()) == ([40.0], (40.0, 40.0))
    assert (scene.releases_of("new"), scene.releases_of("other")) == (1, 1)


def test_a_writer_stopped_in_its_build_writes_no_receipt_after_a_newer_attempt(scene: Scene) -> None:
    sleeper = scene.step("clean", fault="between_commits:stop")
    sleeper.wait_until_stopped()
    scene.publish("new")
    sleeper.go_on()
    assert sleeper.ended() == 4
    assert sleeper.said()[-1].startswith("Attempt 1 at clean was superseded:")
    assert (scene.total(), scene.mains(), scene.releases_of("new")) == ([NEW], (NEW, NEW), 1)


def test_two_release_attempts_that_go_together_make_one_release(scene: Scene) -> None:
    scene.prepare()
    attempts = [scene.step("release", fault="before_release_row:stop") for _ in range(2)]
    for attempt in attempts:
        attempt.wait_until_stopped(or_ended=True)
    for attempt in attempts:
        attempt.go_on()
    assert sorted(attempt.ended() for attempt in attempts) == [0, 4]
    assert (scene.total(), scene.releases_of("new")) == ([NEW], 1)


# -- lost connections ------------------------------------------------------------------------------------------


def cut_catalog_connections(home: Path) -> int:
    """End every session of the catalog's role, as a restart of PostgreSQL or of a network does."""
    url = Cluster(home / "postgres").url("catalog").replace("+psycopg2", "")
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE usename = 'catalog' AND pid <> pg_backend_pid()"
        )
        (cut,) = cursor.fetchone() or (0,)
    connection.close()
    return int(cut)


def test_steps_whose_catalog_connections_are_cut_end_in_exactly_one_version(scene: Scene, server: Server) -> None:
    build = scene.step("clean", fault="between_commits:stop")
    build.wait_until_stopped()
    assert cut_catalog_connections(server.home) > 0
    status = build.goes_on_to_its_end()
    assert (status == 0) == (scene.ledger.receipt(scene.key("new"), "clean") is not None)
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    scene.prepare()
    release = scene.step("release", fault="mid_release:stop")
    release.wait_until_stopped()
    assert cut_catalog_connections(server.home) > 0
    status = release.goes_on_to_its_end()
    assert (status, scene.seen()) in ((0, ([NEW], [OLD])), (1, ([OLD], [OLD])))
    new = scene.open("new")
    scene.release(new)
    assert (scene.mains(), scene.releases_of("new")) == ((NEW, NEW), 1)
    serve = scene.step("serve", fault="mid_serve:stop")
    serve.wait_until_stopped()
    assert cut_catalog_connections(server.home) > 0
    assert scene.seen() == ([NEW], [OLD])
    status = serve.goes_on_to_its_end()
    assert (status, scene.seen()) in ((0, ([NEW], [NEW])), (1, ([NEW], [OLD])))
    assert scene.serve(new) == {"daily": 1, "events": 10}
    assert scene.seen() == ([NEW], [NEW])


# -- a full disk -----------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_sentence_and_the_old_version_stays(scene: Scene) -> None:
    def starve(step: str, point: str) -> None:
        starved = scene.step(step, fault=f"{point}:enospc")
        assert starved.ended() == 1
        assert starved.said() == [
            "error: The disk is full: free some space and run this step again. What was released before is untouched."
        ]

    starve("clean", "before_branch_write")
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    scene.prepare()
    starve("release", "mid_release")
    assert scene.seen() == ([OLD], [OLD])
    scene.release(scene.open("new"))
    starve("serve", "mid_serve")
    assert scene.seen() == ([NEW], [OLD])


# -- too little memory -----------------------------------------------------------------------------------------

# One array of three gigabytes in a heap of two.
STARVED = """
from spark_jobs.common.session import spark_session
with spark_session("starved", "nightly") as spark:
    spark.range(1).selectExpr("size(sequence(id, id + 400000000))").collect()
"""
# Another thread's want of memory ends Java: this one is only told that its context was shut down, or nothing at all.
STARVED_ELSEWHERE = """
from contextlib import suppress
from threading import Thread
from time import sleep
from spark_jobs.common.session import spark_session
def end():
    sleep(2)
    with suppress(Exception):
        spark._jvm.java.lang.System.exit(52)
with spark_session("starved elsewhere", "nightly") as spark:
    Thread(target=end).start()
    spark.range(10**14).filter("hash(id) = 0").count()
"""


@pytest.mark.parametrize("program", [STARVED, STARVED_ELSEWHERE], ids=["here", "elsewhere"])
def test_a_spark_that_runs_out_of_memory_is_one_sentence(lake_home: Path, program: str) -> None:
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].endswith(
        "TryAgain: Spark ran out of memory: give it more (SIGNALBOX_DRIVER_MEMORY=6g) and run this step again. "
        "What was released before is untouched."
    )


# -- what Connect looks at again for every action --------------------------------------------------------------


def test_a_build_sees_one_snapshot_of_an_input_that_is_published_meanwhile(scene: Scene) -> None:
    run = scene.open("new")
    scene.build(scene.clean, run)
    scene.ledger.checkpoint(run.run_key, "clean")
    step = scene.step("republished")
    assert step.ended() == 0, step.said()
    receipt = scene.ledger.receipt(run.run_key, "totals")
    assert receipt is not None
    entry = receipt.document["tables"][scene.table("totals")]
    assert [row.total for row in scene.lake.read(scene.table("totals"), entry["snapshot"]).collect()] == [OLD]
    scene.ledger.checkpoint(run.run_key, "totals")
    with pytest.raises(WriteDisturbed, match="main has moved"):
        scene.release(run)


def test_a_connect_server_that_dies_fails_the_step_soon(scene: Scene, server: Server) -> None:
    step = scene.step("clean", fault="between_commits:stop")
    step.wait_until_stopped()
    server.kill()
    began = time.monotonic()
    step.go_on()
    assert step.ended() == 1
    assert time.monotonic() - began < 60
    assert step.said()[-1].startswith("error: No Spark Connect server answers at localhost:")
    assert (scene.seen(), scene.mains()) == (([OLD], [OLD]), (OLD, OLD))
    scene.publish("new")
    assert (scene.total(), scene.releases_of("new")) == ([NEW], 1)
