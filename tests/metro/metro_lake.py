"""The real metro stages on a lake, ledger and session of their own, run by run as the DAGs run them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from expectations.contract import Table
from platform_local.postgres import Cluster
from spark_jobs.common import pipelines
from spark_jobs.common.build import build
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.receipt import content_hash
from spark_jobs.common.release import release
from spark_jobs.common.spark_conf import catalog_conf
from spark_jobs.common.stage import Stage
from spark_jobs.common.window import Window
from tests.metro.clock import at
from tests.platform.toy import fingerprints, tiny_queries

STAGES = ("timetable", "movements", "readings", "visits", "matching")


class MetroLake:
    """The pipeline up to its matching, under contracts that know row rules only: the suites of Great Expectations are
    judged elsewhere.
    """

    def __init__(
        self, spark: SparkSession, ledger: Ledger, folder: Path, landing: Path, stages: tuple[str, ...]
    ) -> None:
        self.spark, self.ledger, self.folder, self.landing, self.stages = spark, ledger, folder, landing, stages
        self.lake = Lake(spark)
        self.runs = 0

    def run(self, cadence: str, explicit: Window | None = None, interval: Window | None = None) -> dict[str, str]:
        """A whole run up to its release; the content hash of what it wrote in each table."""
        self.runs += 1
        run = self.ledger.open_run("metro", cadence, f"metro/{self.runs}", interval, explicit)
        params, hashes = pipelines.params("metro", cadence, []), {}
        landing = Landing(self.landing, self.folder / "staging")
        for name in self.stages:
            document = build(self.spark, self.ledger, landing, _lean_stage(name), run, params).document
            verdict = self.ledger.checkpoint(run.run_key, name)
            assert verdict.passed, verdict.sentence
            hashes |= {n: entry["content_hash"] for n, entry in document["tables"].items() if entry["audited"]}
        release(self.spark, self.ledger, run, self.stages, fingerprints(map(_lean_stage, self.stages)))
        self.ledger.close_run(run.run_key)
        return hashes

    def live(self, start: str, end: str) -> None:
        """Live windows of five minutes, one after the other, each asked for by its times."""
        for begin in pd.date_range(at(start), at(end), freq="5min", inclusive="left"):
            moment = begin.to_pydatetime()
            self.run("live", Window(moment, moment + timedelta(minutes=5)))

    def scheduled_live(self, end: str) -> None:
        """What the scheduler starts at the end of an interval of five minutes."""
        self.run("live", interval=Window(at(end) - timedelta(minutes=5), at(end)))

    def compact(self) -> None:
        """Rewrite the files of every table that a release shows."""
        for tier in ("live", "settled"):
            for newest in self.ledger.releases("metro", tier)[:1]:
                for name in newest.snapshots:
                    self.lake.compact(name)

    def content(
        self, names: tuple[str, ...], where: str = "true", without: tuple[str, ...] = ()
    ) -> dict[str, tuple[int, str]]:
        """Rows and content hash of live tables as readers of ``main`` see them."""
        found = {}
        for name in names:
            table = _tables()[name]
            rows = self.spark.table(table_name(table, "live")).where(where)
            judged = replace(table, columns=tuple(c for c in table.columns if c.name not in without), key=(), rules=())
            found[name] = (rows.count(), content_hash(rows, judged))
        return found

    def settled(self, name: str, where: str) -> pd.DataFrame:
        """Rows of a settled table on ``main``."""
        return self.spark.table(f"lake.metro.{name}").where(where).toPandas()


@contextmanager
def metro_lake(
    spark: SparkSession, folder: Path, landing: Path, stages: tuple[str, ...] = STAGES
) -> Iterator[MetroLake]:
    """A lake in ``folder`` over these landing files."""
    folder.mkdir(exist_ok=True)
    for outer in (folder, *folder.parents[:2]):
        outer.chmod(0o755)
    cluster = Cluster(folder / "postgres", throw_away=True)
    try:
        cluster.start()
        ledger = Ledger.at(cluster.url("ledger"))
        ledger.migrate()
        session = spark.newSession()
        environ = {
            "SIGNALBOX_CATALOG_URI": cluster.jdbc_url("catalog"),
            "SIGNALBOX_CATALOG_USER": "catalog",
            "SIGNALBOX_CATALOG_PASSWORD": cluster.password("catalog"),
            "SIGNALBOX_WAREHOUSE": f"file://{folder / 'warehouse'}",
        }
        for key, value in catalog_conf(environ).items():
            if key != "spark.sql.extensions":  # Belongs to the JVM.
                session.conf.set(key, value)
        with tiny_queries(session):
            yield MetroLake(session, ledger, folder, landing, stages)
    finally:
        cluster.stop()
        cluster.remove()


def _lean_stage(name: str) -> Stage:
    stage = pipelines.stage("metro", name)
    return replace(stage, writes=tuple(replace(write, table=_lean(write.table)) for write in stage.writes))


def _lean(table: Table) -> Table:
    return replace(table, key=(), rules=tuple(rule for rule in table.rules if rule.condition), may_be_empty=True)


def _tables() -> dict[str, Table]:
    return {write.table.name: write.table for name in STAGES for write in pipelines.stage("metro", name).writes}
