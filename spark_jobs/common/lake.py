"""All reads and writes of lake tables, and everything that is special to Iceberg's commits.

A stage writes to a branch of its own attempt; only `fast_forward` moves ``main``. Reads name a snapshot id, so that
each action of a build sees the same rows. After each write the branch's history is walked: exactly our own commits may
lie on the base, two, or one where everything is replaced.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenacity import retry, stop_after_attempt, wait_random

from expectations.contract import Table, sql_text
from spark_jobs.common import faults
from spark_jobs.common.outcome import TryAgain
from spark_jobs.common.stage import EVERYTHING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "lake"
_PROPERTIES = {
    "format-version": "2",
    "write.delete.mode": "copy-on-write",
    "write.distribution-mode": "none",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
}
# With these, tables in the same buckets are joined bucket by bucket, where they lie. Not for every session: a scan that
# keeps partitions apart makes a task of each.
_JOINED_BY_BUCKET = {
    "spark.sql.sources.v2.bucketing.enabled": "true",
    "spark.sql.iceberg.planning.preserve-data-grouping": "true",
}


class WriteDisturbed(TryAgain):
    """A branch or ``main`` is not what this attempt left or expects; the stage must be built again."""


@dataclass(frozen=True)
class Written:
    """One table's replacement on a branch."""

    table: str
    branch: str
    base: int
    snapshot: int
    rows: int


def table_name(table: Table, tier: str) -> str:
    """``lake.metro.movements`` in the settled tier, ``lake.metro.movements_live`` in the live tier."""
    return f"{CATALOG}.{table.pipeline}.{table.name}{'_live' if tier == 'live' else ''}"


class Lake:
    """The lake as one Spark session sees it."""

    def __init__(self, spark: "SparkSession") -> None:
        self._spark = spark

    def ensure(self, pipeline: str, tables: Sequence[Table], tier: str) -> None:
        """Create missing tables, each with one empty snapshot on ``main`` so that all its branches share an ancestor."""
        self._ensure_namespace(pipeline)
        known = self._names("TABLES", "tableName", pipeline)
        for table in tables:
            name = table_name(table, tier)
            if name not in known:
                self._create(table, name, tier)
            elif missing := self._missing(table, name):
                raise RuntimeError(
                    f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} of its contract: "
                    "add them first (ALTER TABLE … ADD COLUMN …); a build never alters a table."
                )

    def _missing(self, table: Table, name: str) -> list[str]:
        stored = set(self._spark.table(name).columns)
        return [column for column in table.column_names if column not in stored]

    @retry(stop=stop_after_attempt(3), wait=wait_random(0.1, 1), reraise=True)
    def _ensure_namespace(self, pipeline: str) -> None:
        """Stages that start together may both find it missing: the one whose insert lost finds it there the next time."""
        self._spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{pipeline}")

    def _create(self, table: Table, name: str, tier: str) -> None:
        properties = ", ".join(f"'{key}'='{value}'" for key, value in _PROPERTIES.items())
        partitioned = f"PARTITIONED BY ({table.partitioning(tier)})" if table.partitioning(tier) else ""
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {name} ({table.ddl()}) USING iceberg {partitioned} "
            f"COMMENT {sql_text(table.meaning)} TBLPROPERTIES ({properties})"
        )
        self.base(name)

    def base(self, name: str) -> int:
        """The snapshot of ``main`` that a build goes on from; where the table's creation was cut off before its empty one,
        that is made now.
        """
        if name not in (heads := self.heads([name])):
            self._spark.table(name).limit(0).writeTo(name).append()
            heads = self.heads([name])
        return heads[name]

    def heads(self, names: Iterable[str], ref: str = "main") -> dict[str, int]:
        """The snapshot that a ref of each table points to, in one job; a table without the ref is left out."""
        parts = [
            f"SELECT '{name}' AS t, snapshot_id AS s FROM {name}.refs WHERE name = '{ref}'"
            for name in sorted(set(names))
        ]
        return {row.t: row.s for row in self._spark.sql(" UNION ALL ".join(parts)).collect()} if parts else {}

    def exists(self, name: str) -> bool:
        return self._spark.catalog.tableExists(name)

    def holds(self, name: str, condition: str) -> bool:
        """Whether the table exists and ``main`` has a row for which the condition is true."""
        return self.exists(name) and not self._spark.table(name).where(condition).isEmpty()

    def descends(self, name: str, snapshot: int, ancestor: int) -> bool:
        """Whether one snapshot was built upon another."""
        parents = {
            row[0]: row[1] for row in self._spark.sql(f"SELECT snapshot_id, parent_id FROM {name}.snapshots").collect()
        }
        at: int | None = snapshot
        while at is not None and at != ancestor:
            at = parents.get(at)
        return at == ancestor

    def read(self, name: str, snapshot: int) -> "DataFrame":
        """The rows of one snapshot, whatever happens to the table meanwhile."""
        return self._spark.read.option("versionAsOf", snapshot).table(name)

    @contextmanager
    def joined_by_bucket(self) -> Iterator[None]:
        """Within it, tables in the same buckets are joined without a shuffle."""
        before = {key: self._spark.conf.get(key, None) for key in _JOINED_BY_BUCKET}
        for key, value in _JOINED_BY_BUCKET.items():
            self._spark.conf.set(key, value)
        try:
            yield
        finally:
            for key, old in before.items():
                self._spark.conf.unset(key) if old is None else self._spark.conf.set(key, old)

    def branch(self, name: str, branch: str, base: int) -> None:
        """Open an attempt's branch on the recorded base."""
        self._spark.sql(f"ALTER TABLE {name} CREATE BRANCH `{branch}` AS OF VERSION {base}")

    def replace(
        self, name: str, branch: str, base: int, scope: str, frame: "DataFrame", properties: dict[str, str]
    ) -> Written:
        """Replace the rows of ``scope`` (a SQL condition) by ``frame``, proved by walking from head to base: a DELETE and
        an append, or one commit where everything is replaced.
        """
        from pyspark.sql import functions as F

        target = f"{name}.branch_{branch}"
        writer = frame.writeTo(target)
        for key, value in properties.items():
            writer = writer.option(f"snapshot-property.{key}", value)
        if scope == EVERYTHING:
            writer.overwrite(F.lit(True))
            return self._walk(name, branch, base, properties, commits=1)
        self._spark.sql(f"DELETE FROM {target} WHERE {scope}")
        faults.point("between_commits")
        writer.append()
        return self._walk(name, branch, base, properties, commits=2)

    def _walk(self, name: str, branch: str, base: int, properties: dict[str, str], commits: int) -> Written:
        rows = self._spark.sql(
            f"SELECT snapshot_id, parent_id, summary, false AS head FROM {name}.snapshots UNION ALL "
            f"SELECT snapshot_id, NULL, NULL, true FROM {name}.refs WHERE name = '{branch}'"
        ).collect()
        snapshots = {row.snapshot_id: row for row in rows if not row.head}
        head = next((row.snapshot_id for row in rows if row.head), None)
        chain: list[Any] = []
        at = head
        while at is not None and at != base and at in snapshots and len(chain) < 3:
            chain.append(snapshots[at])
            at = snapshots[at].parent_id
        appended = chain[0].summary if chain else {}
        if (
            head is None
            or at != base
            or len(chain) != commits
            or any(appended.get(key) != value for key, value in properties.items())
        ):
            raise WriteDisturbed(
                f"{name}: branch {branch} holds {len(chain)} commits on base {base} "
                f"where {'a delete and an append belong' if commits == 2 else 'one overwrite belongs'}."
            )
        return Written(name, branch, base, head, int(appended.get("added-records", 0)))

    def tag(self, name: str, tag: str, snapshot: int) -> None:
        """Name a snapshot, which keeps it from expiry; a tag of that name is moved."""
        self._spark.sql(f"ALTER TABLE {name} CREATE OR REPLACE TAG `{tag}` AS OF VERSION {snapshot}")

    def require_releasable(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise ``WriteDisturbed`` unless every table of a release can be moved; for many tables in one job."""
        parts = [
            f"SELECT '{name}' AS t, name AS r, snapshot_id AS s FROM {name}.refs "
            f"WHERE name IN ('main', '{entry['branch']}')"
            for name, entry in tables.items()
        ]
        found = self._spark.sql(" UNION ALL ".join(parts)).collect() if parts else []
        heads: dict[str, dict[str, int]] = {name: {} for name in tables}
        for row in found:
            heads[row.t][row.r] = row.s
        for name, entry in tables.items():
            _require_unmoved(name, heads[name], entry["branch"], entry["snapshot"], entry["base"])

    def fast_forward(self, name: str, branch: str, snapshot: int, base: int) -> None:
        """Move ``main`` from the recorded base to the audited snapshot; a repeat after a kill finds it done.

        Raises ``WriteDisturbed`` when the branch no longer ends in the audited snapshot or ``main`` has moved
        elsewhere.
        """
        failure: Exception | None = None
        for _ in range(3):
            refs = self._spark.sql(f"SELECT name, snapshot_id FROM {name}.refs WHERE name IN ('main', '{branch}')")
            heads = {row[0]: row[1] for row in refs.collect()}
            _require_unmoved(name, heads, branch, snapshot, base)
            if heads["main"] == snapshot:
                return
            try:
                moved = self._spark.sql(f"CALL {CATALOG}.system.fast_forward('{name}', 'main', '{branch}')").collect()[
                    0
                ]
                if moved.updated_ref == snapshot:
                    return
            except (
                Exception
            ) as error:  # Ref operations are not retried by Iceberg: check everything again and re-issue.
                failure = error
        raise WriteDisturbed(f"{name}: main could not be moved to {snapshot}: {failure}") from failure

    def current_views(self, pipeline: str, days: Mapping[str, str]) -> None:
        """Create missing views ``<table>_current``: settled rows, plus live rows of business days that are not settled
        yet.

        ``days`` names each settled table's column of the business day. A table that only one tier has needs no view.
        """
        if not days:
            return
        tables, views = self._names("TABLES", "tableName", pipeline), self._names("VIEWS", "viewName", pipeline)
        for settled, day in days.items():
            live, view = f"{settled}_live", f"{settled}_current"
            if {settled, live} <= tables and view not in views:
                closed = f"SELECT DISTINCT `{day}` FROM {settled} WHERE `{day}` IS NOT NULL"
                self._spark.sql(
                    f"CREATE VIEW IF NOT EXISTS {view} AS SELECT * FROM {settled} UNION ALL "
                    f"SELECT * FROM {live} WHERE `{day}` NOT IN ({closed})"
                )

    def compact(self, name: str) -> None:
        """Rewrite small files of ``main`` into one per partition."""
        short = name.split(".", 1)[1]
        self._spark.sql(
            f"CALL {CATALOG}.system.rewrite_data_files(table => '{short}', "
            "options => map('min-input-files', '2', 'rewrite-all', 'true'))"
        ).collect()

    def _names(self, kind: str, column: str, pipeline: str) -> set[str]:
        found = self._spark.sql(f"SHOW {kind} IN {CATALOG}.{pipeline}").collect()
        return {f"{CATALOG}.{pipeline}.{row[column]}" for row in found}


def _require_unmoved(name: str, heads: Mapping[str, int], branch: str, snapshot: int, base: int) -> None:
    """A table can be released when its branch ends in the audited snapshot and ``main`` is where the build found it, or
    there already.
    """
    main = heads.get("main")
    if main == snapshot:
        return
    if heads.get(branch) != snapshot:
        raise WriteDisturbed(f"{name}: branch {branch} ends in {heads.get(branch)}, but the receipt proves {snapshot}.")
    if main != base:
        raise WriteDisturbed(
            f"{name}: main has moved from {base} to {main} since the stage was built; "
            "clear the stage so that it is built again."
        )
