"""Python workers of a session: they read no archive of the pyspark that lies on their path as a folder, and what forks them
ends once it has nothing to do.
"""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyspark
import pytest

from spark_jobs.common.python_daemon import without_archives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

PYSPARK = Path(pyspark.__file__).parent
PACKAGES = str(PYSPARK.parent)
ZIP, JAR = str(PYSPARK / "python" / "lib" / "pyspark.zip"), str(PYSPARK / "jars" / "spark-core.jar")


@pytest.mark.spark
def test_a_worker_imports_pyspark_from_its_folder_and_reads_no_archive(spark: "SparkSession") -> None:
    def seen(_: object) -> "Iterator[str | list[str]]":
        finders = sys.path_importer_cache.items()
        yield pyspark.__file__
        yield sys.path
        yield [entry for entry, finder in finders if type(finder).__name__ == "zipimporter"]

    imported, path, archives = spark.sparkContext.parallelize([0], 1).mapPartitions(seen).collect()
    assert (imported, archives) == (pyspark.__file__, [])
    assert PACKAGES in path
    assert not [entry for entry in path if entry.startswith(str(PYSPARK)) and entry.endswith((".zip", ".jar"))]


def test_what_is_no_archive_stays_in_its_order() -> None:
    assert without_archives(["/a", ZIP, PACKAGES, JAR, "/b"]) == ["/a", PACKAGES, "/b"]


def test_archives_of_others_stay() -> None:
    path = ["/opt/spark/python/lib/pyspark.zip", "/opt/spark/jars/spark-core.jar", "/own.zip", PACKAGES]
    assert without_archives(path) == path


def test_where_pyspark_is_in_an_archive_only_the_path_stays_as_it_is() -> None:
    assert without_archives(["/a", ZIP, JAR]) == ["/a", ZIP, JAR]


DAEMON = "from spark_jobs.common.python_daemon import main; main({idle_s})"


def test_a_daemon_ends_once_it_has_had_no_worker_for_a_while() -> None:
    environ = {**os.environ, "PYTHON_WORKER_FACTORY_SECRET": "secret"}
    command = [sys.executable, "-c", DAEMON.format(idle_s=0.6)]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        port = int.from_bytes(daemon.stdout.read(4), "big")
        with socket.create_connection(("127.0.0.1", port)) as client:
            worker = psutil.Process(int.from_bytes(client.recv(4), "big"))
            time.sleep(2.0)
            assert daemon.poll() is None and worker.ppid() == daemon.pid
        assert daemon.wait(30) is not None
        assert not worker.is_running()


@pytest.mark.spark
def test_where_spark_finds_that_a_daemon_has_ended_it_starts_another(spark: "SparkSession") -> None:
    def parent(_: object) -> "Iterator[int]":
        yield os.getppid()

    def daemon() -> psutil.Process:
        return psutil.Process(spark.sparkContext.parallelize([0], 1).mapPartitions(parent).collect()[0])

    first = daemon()
    for process in (*first.children(), first):
        process.kill()
    psutil.wait_procs([first], timeout=30)
    assert daemon().pid != first.pid
