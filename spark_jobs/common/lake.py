"""All reads and writes of lake tables, and everything that is special to Iceberg's commits.

A stage writes to a branch of its own attempt; only `fast_forward` moves ``main``. Reads name a snapshot id, so that each action of a
build sees the same rows. After each write the branch's history is walked: exactly our two commits may lie on the base.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations.contract import Table

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


class WriteDisturbed(RuntimeError):
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
        self._spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{pipeline}")
        known = {row.tableName for row in self._spark.sql(f"SHOW TABLES IN {CATALOG}.{pipeline}").collect()}
        for table in tables:
            name = table_name(table, tier)
            if name.rsplit(".", 1)[1] not in known:
                self._create(table, name, tier)

    def _create(self, table: Table, name: str, tier: str) -> None:
        properties = ", ".join(f"'{key}'='{value}'" for key, value in _PROPERTIES.items())
        partitioned = f"PARTITIONED BY ({table.partitioning(tier)})" if table.partitioning(tier) else ""
        comment = table.meaning.replace("'", "''")
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {name} ({table.ddl()}) USING iceberg {partitioned} COMMENT '{comment}' TBLPROPERTIES ({properties})"
        )
        if not self._ids(f"SELECT snapshot_id FROM {name}.refs WHERE name = 'main'"):
            self._spark.table(name).limit(0).writeTo(name).append()

    def missing_columns(self, table: Table, tier: str) -> list[str]:
        """Columns of the contract that the stored table lacks; a migration must add them before a build."""
        stored = set(self._spark.table(table_name(table, tier)).columns)
        return [name for name in table.column_names if name not in stored]

    def heads(self, names: Iterable[str], ref: str = "main") -> dict[str, int]:
        """The snapshot that a ref of each table points to, in one job; a table without the ref is left out."""
        parts = [f"SELECT '{name}' AS t, snapshot_id AS s FROM {name}.refs WHERE name = '{ref}'" for name in sorted(set(names))]
        return {row.t: row.s for row in self._spark.sql(" UNION ALL ".join(parts)).collect()} if parts else {}

    def exists(self, name: str) -> bool:
        return self._spark.catalog.tableExists(name)

    def read(self, name: str, snapshot: int) -> "DataFrame":
        """The rows of one snapshot, whatever happens to the table meanwhile."""
        return self._spark.read.option("versionAsOf", snapshot).table(name)

    def branch(self, name: str, branch: str, base: int) -> None:
        """Open an attempt's branch on the recorded base."""
        self._spark.sql(f"ALTER TABLE {name} CREATE BRANCH `{branch}` AS OF VERSION {base}")

    def replace(self, name: str, branch: str, base: int, scope: str, frame: "DataFrame", properties: dict[str, str]) -> Written:
        """Replace the rows of ``scope`` (a SQL condition) by ``frame``: a DELETE and an append, proved by walking from head to base."""
        target = f"{name}.branch_{branch}"
        self._spark.sql(f"DELETE FROM {target} WHERE {scope}")
        writer = frame.writeTo(target)
        for key, value in properties.items():
            writer = writer.option(f"snapshot-property.{key}", value)
        writer.append()
        return self._walk(name, branch, base, properties)

    def _walk(self, name: str, branch: str, base: int, properties: dict[str, str]) -> Written:
        rows = self._spark.sql(f"SELECT snapshot_id, parent_id, operation, summary FROM {name}.snapshots").collect()
        snapshots = {row.snapshot_id: row for row in rows}
        head = self.heads([name], branch).get(name)
        chain: list[Any] = []
        at = head
        while at is not None and at != base and at in snapshots and len(chain) < 3:
            chain.append(snapshots[at])
            at = snapshots[at].parent_id
        appended = chain[0].summary if chain else {}
        if head is None or at != base or len(chain) != 2 or any(appended.get(key) != value for key, value in properties.items()):
            raise WriteDisturbed(f"{name}: branch {branch} holds {len(chain)} commits on base {base} where a delete and an append belong.")
        return Written(name, branch, base, head, int(appended.get("added-records", 0)))

    def fast_forward(self, name: str, branch: str, snapshot: int, base: int) -> None:
        """Move ``main`` from the recorded base to the audited snapshot; a repeat after a kill finds it done.

        Raises ``WriteDisturbed`` when the branch no longer ends in the audited snapshot or ``main`` has moved elsewhere.
        """
        for _ in range(3):
            heads = {ref: self.heads([name], ref).get(name) for ref in ("main", branch)}
            if heads["main"] == snapshot:
                return
            if heads[branch] != snapshot:
                raise WriteDisturbed(f"{name}: branch {branch} ends in {heads[branch]}, but the receipt proves {snapshot}.")
            if heads["main"] != base:
                raise WriteDisturbed(f"{name}: main has moved from {base} to {heads['main']} since the stage was built; clear it to build it again.")
            try:
                self._spark.sql(f"CALL {CATALOG}.system.fast_forward('{name}', 'main', '{branch}')")
            except Exception as error:  # Ref operations are not retried by Iceberg: check everything again and re-issue.
                last = error
        raise WriteDisturbed(f"{name}: main could not be moved to {snapshot}: {last}")

    def current_view(self, table: Table, settled_by: str) -> None:
        """``<table>_current``: settled rows, plus live rows of scopes (``settled_by`` column) that are not settled yet."""
        settled, live = table_name(table, "settled"), table_name(table, "live")
        self._spark.sql(
            f"CREATE VIEW IF NOT EXISTS {settled}_current AS SELECT * FROM {settled} UNION ALL "
            f"SELECT * FROM {live} WHERE {settled_by} NOT IN (SELECT DISTINCT {settled_by} FROM {settled})"
        )

    def compact(self, name: str) -> None:
        """Rewrite small files of ``main`` into one per partition."""
        short = name.split(".", 1)[1]
        self._spark.sql(
            f"CALL {CATALOG}.system.rewrite_data_files(table => '{short}', options => map('min-input-files', '2', 'rewrite-all', 'true'))"
        ).collect()

    def _ids(self, query: str) -> list[int]:
        return [row[0] for row in self._spark.sql(query).collect()]
