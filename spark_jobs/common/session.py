"""Spark sessions: a thin client of a Connect server where one is named, else a session of this process."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from spark_jobs.common import s3
from spark_jobs.common.outcome import Blocked, Settled, TryAgain
from spark_jobs.common.spark_conf import CATALOG_PASSWORD, cadence_conf, session_conf, size_conf

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_REACH_SECONDS = 5
# What a Java that no longer answers still needs to end: it deletes its temporary files first.
_END_SECONDS = 30
_ENDED_OUT_OF_MEMORY = 52  # org.apache.spark.util.SparkExitCode.OOM
_MORE_MEMORY = (
    "Spark ran out of memory: give it more (SIGNALBOX_DRIVER_MEMORY=6g) and run this step again. "
    "What was released before is untouched."
)


@contextmanager
def spark_session(name: str, cadence: str) -> Iterator["SparkSession"]:
    """A session that is stopped at the end, whatever happens: one that lives on keeps catalog connections open."""
    remote = (
        os.environ.get("SIGNALBOX_CONNECT_URL") if os.environ.get("SIGNALBOX_ENGINE", "connect") == "connect" else None
    )
    spark = _connect(remote) if remote else _local(name, cadence)
    try:
        for key, value in {"spark.sql.session.timeZone": "UTC", **cadence_conf(cadence, os.environ)}.items():
            spark.conf.set(key, value)
        yield spark
    except Exception as error:
        told = isinstance(error, Blocked | Settled | TryAgain)
        if remote:
            _require_alive(remote, spark)
        elif not told and _out_of_memory(spark, error):
            raise TryAgain(_MORE_MEMORY) from error
        if not told:
            # Of an S3 that does not answer Spark says that a table cannot be found.
            s3.require_warehouse(os.environ)
        raise
    finally:
        _stop(spark)


def _out_of_memory(spark: "SparkSession", error: Exception) -> bool:
    """Whether Spark's Java ran out of memory: it then ends itself at once, and what is under way fails for want of an answer."""
    from pyspark import SparkContext

    with suppress(Exception):  # What an error of Java says, Java itself is asked for.
        if "java.lang.OutOfMemoryError" in str(error):
            return True
    # Under spark-submit Java began Python, and not the other way round.
    if (java := getattr(SparkContext._gateway, "proc", None)) is None:
        return False
    # While Java ends, what is under way is only told that its context was shut down; that one takes no other job either.
    with suppress(Exception):
        spark.range(1).collect()
        return False
    with suppress(TimeoutExpired):
        return bool(java.wait(_END_SECONDS) == _ENDED_OUT_OF_MEMORY)
    return False


def _stop(spark: "SparkSession") -> None:
    """End a session. One whose Java is gone has ended, and why is told by the error under way."""
    from py4j.protocol import Py4JError

    with suppress(ConnectionError, Py4JError):
        spark.stop()


def _connect(url: str) -> "SparkSession":
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    require_reachable(url)
    token = os.environ.get("SPARK_CONNECT_AUTHENTICATE_TOKEN", "")
    # The type checker takes it for a session of this process, which has no client.
    spark = cast("Any", SparkSession.builder.remote(f"{url}/;token={token}" if token else url).create())
    # By default the client waits more than ten minutes for a server that died; a task is retried sooner than that.
    spark.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=2000)])
    return cast("SparkSession", spark)


def _require_alive(url: str, spark: "SparkSession") -> None:
    """After an error: say so where the server is what failed, and do not wait for it once more."""
    try:
        require_reachable(url)
    except ConnectionError:
        spark.release_session_on_close = False  # type: ignore[attr-defined]
        raise


def require_reachable(url: str) -> None:
    """Fail within seconds, with a sentence, where the client itself would wait for minutes."""
    at = urlsplit(url)
    try:
        with socket.create_connection((at.hostname or "localhost", at.port or 15002), timeout=_REACH_SECONDS):
            pass
    except OSError as error:
        raise ConnectionError(
            f"No Spark Connect server answers at {at.hostname}:{at.port}; start it with `make up`. ({error})"
        ) from error


def _local(name: str, cadence: str) -> "SparkSession":
    from pyspark.sql import SparkSession

    s3.require_warehouse(os.environ)
    builder = SparkSession.builder.appName(name)
    if (
        "SIGNALBOX_JOB" in os.environ
    ):  # On a cluster all came with the command but the password, which is in no property.
        builder = builder.config(CATALOG_PASSWORD, os.environ["SIGNALBOX_CATALOG_PASSWORD"])
    elif "SPARK_ENV_LOADED" not in os.environ:  # Under spark-submit the configuration came with the command.
        master = os.environ.get("SIGNALBOX_MASTER", "local[2]")
        builder = builder.master(master)
        for key, value in {**session_conf(os.environ), **size_conf(os.environ, cadence, master)}.items():
            builder = builder.config(key, value)
    return builder.getOrCreate()
