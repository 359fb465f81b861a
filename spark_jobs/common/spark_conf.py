"""The Spark settings of every Signalbox session, in one place.

The Connect server, spark-submit and the developer's own session all start from these two functions, so a table cannot
behave differently because another engine opened it. They read the environment (see ``config/airflow.env``) and import
nothing of Spark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spark_jobs.common.s3 import file_io_conf, on_s3
from spark_jobs.common.sizes import SETTING as SIZES
from spark_jobs.common.sizes import size_of

CATALOG = "lake"
CATALOG_PASSWORD = f"spark.sql.catalog.{CATALOG}.jdbc.password"
# With both of the JVM's compilers, C1 and C2: for many rows, and for servers that live for days. A contract's row rules are
# one long expression, and so a method of more than 8,000 bytes, which the JVM interprets unless it is told to compile it all the
# same. A server filled 150 MB with compiled code in six windows.
TIERED_JAVA_OPTIONS = "-XX:-DontCompileHugeMethods -XX:ReservedCodeCacheSize=512m -XX:+UseParallelGC"
# With C1 only: a stage of few rows runs dozens of short, ever new plans, and C2 costs more CPU than its code ever saves. The JVM
# would reserve 48 MB for C1's code, which a Connect server fills within minutes and then dies ("Out of space in CodeCache").
C1_JAVA_OPTIONS = f"-XX:TieredStopAtLevel=1 {TIERED_JAVA_OPTIONS}"
# Of compressed landing files; a million rows or more. From here on C2 saves more than it costs.
MANY_BYTES = 20_000_000
# Of compressed landing files, to a partition of a shuffle: about a million rows, whose groups a task can hold in memory.
PARTITION_BYTES = 10_000_000
PARTITIONS = 4
# A live window's rows fit into any one task, and each partition is one task more for each of its many small queries.
LIVE_PARTITIONS = 2
# Generated classes. Most of a live window's are those of the window before; Spark keeps a hundred unless told otherwise, and so
# compiles them all anew. A night and six windows fill this.
GENERATED_CLASSES = 4000


def catalog_conf(environ: Mapping[str, str]) -> dict[str, str]:
    """Settings of the Iceberg catalog ``lake``: a JDBC catalog in PostgreSQL; holds the catalog role's password."""
    prefix = f"spark.sql.catalog.{CATALOG}"
    return {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.type": "jdbc",
        f"{prefix}.uri": environ["SIGNALBOX_CATALOG_URI"],
        f"{prefix}.jdbc.user": environ["SIGNALBOX_CATALOG_USER"],
        f"{prefix}.jdbc.password": environ["SIGNALBOX_CATALOG_PASSWORD"],
        # V1 keeps views beside tables; the default V0 knows tables only.
        f"{prefix}.jdbc.schema-version": "V1",
        f"{prefix}.warehouse": environ["SIGNALBOX_WAREHOUSE"],
        **({f"{prefix}.{key}": value for key, value in file_io_conf(environ).items()} if _in_s3(environ) else {}),
        # A cached table that is read often never expires from the cache, and so stays stale.
        f"{prefix}.cache-enabled": "false",
        # Each session keeps its own connections to PostgreSQL until it is stopped.
        f"{prefix}.clients": "1",
        # A restart of PostgreSQL ends connections with these states; Iceberg connects again and looks what was
        # committed.
        f"{prefix}.retryable_status_codes": "57P01,57P02,57P03",
    }


def _in_s3(environ: Mapping[str, str]) -> bool:
    return on_s3(environ["SIGNALBOX_WAREHOUSE"])


def sized_for(landed_bytes: int, cadence: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What a session that will read so much from the landing zone wants of its environment, unless that says otherwise."""
    if landed_bytes <= MANY_BYTES:
        return {}
    wanted = {"SIGNALBOX_JAVA_OPTIONS": TIERED_JAVA_OPTIONS}
    if not environ.get(SIZES):
        wanted["SIGNALBOX_DRIVER_MEMORY"] = "3700m"
    if adaptive(cadence):  # Spark puts together what turns out to be small.
        wanted["SIGNALBOX_SHUFFLE_PARTITIONS"] = str(max(PARTITIONS, landed_bytes // PARTITION_BYTES))
    return wanted


def session_conf(environ: Mapping[str, str]) -> dict[str, str]:
    """Everything a session needs: the catalog, the jars, UTC, and sizes that suit one small machine."""
    conf = {
        **catalog_conf(environ),
        **executor_conf(environ),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": environ.get("SIGNALBOX_SHUFFLE_PARTITIONS", str(PARTITIONS)),
        "spark.sql.adaptive.enabled": "true",
        "spark.sql.codegen.cache.maxEntries": str(GENERATED_CLASSES),
        # A small output that is kept between counting and writing it becomes one file and not one a partition.
        "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
        # The contracts' row rules are one long CASE; deriving constraints from it takes seconds a plan and finds
        # nothing.
        "spark.sql.constraintPropagation.enabled": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # What Spark keeps and sorts lives in the Parallel collector's old generation, two thirds of the heap, beside a
        # writer's row groups: the default of 0.6 leaves those too little, and Java ends for want of memory.
        "spark.memory.fraction": "0.4",
        "spark.python.daemon.module": "spark_jobs.common.python_daemon",
        "spark.ui.enabled": "false",
        # What Spark remembers for it all the same, a thousand queries and a hundred thousand tasks, only fills a server's heap.
        "spark.sql.ui.retainedExecutions": "100",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "1000",
        # Every query is described for a UI that nobody has: the short way costs a twentieth of a window's CPU less.
        "spark.sql.ui.explainMode": "simple",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": environ.get("SIGNALBOX_DRIVER_MEMORY", "2g"),
        "spark.driver.extraJavaOptions": _driver_java_options(environ),
        # The catalog's password is a setting: keep it out of logs and of every listing of the configuration.
        "spark.redaction.regex": "(?i)secret|password|token|access[._]?key",
    }
    if jars := environ.get("SIGNALBOX_JARS"):
        conf["spark.jars"] = jars
    return conf


def _driver_java_options(environ: Mapping[str, str]) -> str:
    options = environ.get("SIGNALBOX_JAVA_OPTIONS", C1_JAVA_OPTIONS)
    # Made on this machine, for its Java: no executor elsewhere has it.
    archive = environ.get("SIGNALBOX_CLASS_DATA")
    return f'{options} "-XX:SharedArchiveFile={archive}"' if archive else options


def executor_conf(environ: Mapping[str, str]) -> dict[str, str]:
    """What executors in processes of their own are told; a session on ``local[…]`` has none.

    They compute with the same options, and find our modules and Python where the driver does: a cluster's machines have them
    at the same places. Keys of S3 are not handed on: each machine has its own.
    """
    conf = {"spark.executor.extraJavaOptions": environ.get("SIGNALBOX_JAVA_OPTIONS", C1_JAVA_OPTIONS)}
    if path := environ.get("PYTHONPATH"):
        conf["spark.executorEnv.PYTHONPATH"] = path
    return conf


def adaptive(cadence: str) -> bool:
    """Whether plans change with what they find. A live window is tens of small queries: to plan each anew after every shuffle
    costs more than it finds out (docs/decisions/0008-live-windows-without-adaptive-plans.md).
    """
    return cadence != "live"


def cadence_conf(cadence: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What a session changes for the number of rows that a cadence moves."""
    if adaptive(cadence):
        return {}
    partitions = environ.get("SIGNALBOX_SHUFFLE_PARTITIONS", str(LIVE_PARTITIONS))
    return {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": partitions}


def size_conf(environ: Mapping[str, str], cadence: str, master: str) -> dict[str, str]:
    """How big a session of its own is at a cadence (``SIGNALBOX_SIZES``), for every engine that starts one.

    A ``local`` master has no executors, so only the driver's memory counts. ``SIGNALBOX_DRIVER_MEMORY`` is for one process on one
    machine and goes before.
    """
    size = size_of(environ, cadence)
    conf = {}
    if "driver_memory" in size and not environ.get("SIGNALBOX_DRIVER_MEMORY"):
        conf["spark.driver.memory"] = size["driver_memory"]
    if master.startswith("local") and not master.startswith("local-cluster"):
        return conf
    for key in ("executor_cores", "executor_memory"):
        if key in size:
            conf[f"spark.{key.replace('_', '.')}"] = str(size[key])
    return conf | _executors(size)


def _executors(size: Mapping[str, Any]) -> dict[str, str]:
    """How many executors: so many, or as many as Spark finds use for."""
    if "executor_instances" in size:
        conf = {"spark.dynamicAllocation.enabled": "false", "spark.executor.instances": str(size["executor_instances"])}
    elif "executors_max" in size:
        conf = {
            "spark.dynamicAllocation.enabled": "true",
            "spark.dynamicAllocation.minExecutors": str(size["executors_min"]),
            "spark.dynamicAllocation.maxExecutors": str(size["executors_max"]),
            # Where no shuffle service runs beside the executors, one that still holds shuffled rows must stay.
            "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        }
    else:
        return {}
    most = size.get("executor_instances") or size["executors_max"]
    # A standalone master gives an application every core there is, unless it says how many it wants.
    return conf | ({"spark.cores.max": str(most * size["executor_cores"])} if "executor_cores" in size else {})
