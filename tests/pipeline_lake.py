"""The real stages of a pipeline on a lake, run by run as the DAGs run them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from expectations.contract import Table
from platform_local.postgres import Cluster
from spark_jobs.common import pipelines
from spark_jobs.common.build import build
from spark_jobs.common.lake import Lake
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger, Run, Verdict
from spark_jobs.common.release import release
from spark_jobs.common.spark_conf import catalog_conf
from spark_jobs.common.stage import Stage
from spark_jobs.common.window import Window
from tests.platform.toy import fingerprints, tiny_queries


class PipelineLake:
    """A pipeline up to its release; without ``suites`` under contracts that know row rules only, for tests that leave the
    suites of Great Expectations to others. Those look for views in the process's first session: with ``suites`` give that.
    """

    def __init__(
        self,
        spark: SparkSession,
        ledger: Ledger,
        slug: str,
        folder: Path,
        landing: Path,
        stages: tuple[str, ...],
        suites: bool = False,
    ) -> None:
        self.spark, self.ledger, self.slug, self.folder, self.landing = spark, ledger, slug, folder, landing
        self.stages, self.suites = stages, suites
        self.lake = Lake(spark)
        self.runs = 0

    def run(
        self,
        cadence: str,
        explicit: Window | None = None,
        interval: Window | None = None,
        overrides: Iterable[str] = (),
    ) -> dict[str, str]:
        """A whole run up to its release; the content hash of what it wrote in each table."""
        hashes: dict[str, str] = {}
        with self.opened(cadence, explicit, interval) as run:
            for name in self.stages:
                verdict, written = self.build(run, self._stage(name), overrides)
                assert verdict.passed, verdict.sentence
                hashes |= written
            release(self.spark, self.ledger, run, self.stages, fingerprints(map(self._stage, self.stages)))
        return hashes

    @contextmanager
    def opened(self, cadence: str, explicit: Window | None = None, interval: Window | None = None) -> Iterator[Run]:
        """A run that holds the lease until the block ends."""
        self.runs += 1
        run = self.ledger.open_run(self.slug, cadence, f"{self.slug}/{self.runs}", interval, explicit)
        try:
            yield run
        finally:
            self.ledger.close_run(run.run_key)

    def build(self, run: Run, stage: Stage, overrides: Iterable[str] = ()) -> tuple[Verdict, dict[str, str]]:
        """Build a stage and judge it: the verdict, and the content hash of what it wrote in each table."""
        params: Any = pipelines.params(self.slug, run.cadence, list(overrides))
        landing = Landing(self.landing, self.folder / "staging")
        document = build(self.spark, self.ledger, landing, stage, run, params).document
        hashes = {n: entry["content_hash"] for n, entry in document["tables"].items() if entry["audited"]}
        return self.ledger.checkpoint(run.run_key, stage.name), hashes

    def compact(self) -> None:
        """Rewrite the files of every table that a release shows."""
        for tier in ("live", "settled"):
            for newest in self.ledger.releases(self.slug, tier)[:1]:
                for name in newest.snapshots:
                    self.lake.compact(name)

    def tables(self) -> dict[str, Table]:
        """What the stages write, by name."""
        every = [pipelines.stage(self.slug, name) for name in self.stages]
        return {write.table.name: write.table for stage in every for write in stage.writes}

    def _stage(self, name: str) -> Stage:
        stage = pipelines.stage(self.slug, name)
        return stage if self.suites else lean(stage)


@contextmanager
def own_cluster(folder: Path) -> Iterator[Cluster]:
    """A PostgreSQL of its own in ``folder``, with a ledger that knows no run."""
    folder.mkdir(exist_ok=True)
    for outer in (folder, *folder.parents[:2]):
        outer.chmod(0o755)
    cluster = Cluster(folder / "postgres", throw_away=True)
    try:
        cluster.start()
        Ledger.at(cluster.url("ledger")).migrate()
        yield cluster
    finally:
        cluster.stop()
        cluster.remove()


@contextmanager
def own_session(spark: SparkSession, folder: Path) -> Iterator[tuple[SparkSession, Ledger]]:
    """A session and a ledger on a cluster of their own in ``folder``, with settings for a handful of rows."""
    with own_cluster(folder) as cluster:
        environ = {
            "SIGNALBOX_CATALOG_URI": cluster.jdbc_url("catalog"),
            "SIGNALBOX_CATALOG_USER": "catalog",
            "SIGNALBOX_CATALOG_PASSWORD": cluster.password("catalog"),
            "SIGNALBOX_WAREHOUSE": f"file://{folder / 'warehouse'}",
        }
        session = session_on(spark, environ)
        with tiny_queries(session):
            yield session, Ledger.at(cluster.url("ledger"))


def session_on(spark: SparkSession, environ: Mapping[str, str]) -> SparkSession:
    """A session on the lake that these settings name."""
    session = spark.newSession()
    for key, value in catalog_conf(environ).items():
        if key != "spark.sql.extensions":  # Belongs to the JVM.
            session.conf.set(key, value)
    return session


def lean(stage: Stage) -> Stage:
    """The stage under contracts that know row rules only."""
    return replace(stage, writes=tuple(replace(write, table=_lean(write.table)) for write in stage.writes))


def _lean(table: Table) -> Table:
    return replace(table, key=(), rules=tuple(rule for rule in table.rules if rule.condition), may_be_empty=True)
