"""Staging: the next version of a mart that is swapped, loaded beside the published one, proven and judged.

All of it happens before the transaction of the swap, in a table that only the serving role may read. Each attempt has a
stage of its own: a writer that wakes up late writes into its own, which the attempt after it has dropped.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spark_jobs.common import faults, relations
from spark_jobs.common.ledger import Attempt, Release
from spark_jobs.common.mart import Mart, Swap, named, quoted
from spark_jobs.common.outcome import Blocked, TryAgain
from spark_jobs.common.publish_log import PublishLog, Version
from spark_jobs.common.tally import Tally

_log = logging.getLogger(__name__)
_LOCK_TIMEOUT = "2s"
# What a stage knows of its run beside the columns of the contract; a contract may bring its own.
_OWN_COLUMNS = {"run_id": "text NOT NULL", "published_at": "timestamptz NOT NULL"}


@dataclass(frozen=True)
class Staged:
    """A version that waits for its swap in ``table``; None when readers see it already.

    ``grants`` are those that the database gives to every new table: what the first version of a mart goes by.
    ``forced`` says why it is published although it was refused.
    """

    mart: Mart
    swap: Swap
    version: Version
    started_at: datetime
    table: str | None = None
    grants: tuple[tuple[str, str, str], ...] = ()
    forced: str = ""


def stage(
    uri: str, attempt: Attempt, mart: Mart, swap: Swap, release: Release, batches: Iterable[Any], rows: int, force: str
) -> Staged:
    """Load ``batches`` (Arrow tables with ``rows`` rows in all) into a new stage.

    Raises ``TryAgain`` when the stage does not hold what was sent, ``Blocked`` when it is too unlike the published
    version and ``force`` gives no reason to publish it all the same; the refusal is logged.
    """
    from adbc_driver_postgresql import dbapi

    schema, started_at = attempt.run.pipeline, datetime.now(UTC)
    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        log = PublishLog(cursor, schema, swap.log, mart.name)
        log.ensure()
        published = relations.exists(cursor, schema, mart.name)
        if published and (shown := log.versions()) and shown[0].release_id == release.release_id:
            _log.info("%s shows release %d already.", mart.name, release.release_id)
            return Staged(mart, swap, shown[0], started_at)
        relations.drop_unheld(cursor, schema, _older_stages(cursor, schema, mart, attempt))
        table = f"{mart.name}_stage_{attempt.attempt_id}"
        grants = _create(cursor, schema, mart, table, attempt, release)
        tally = _fill(cursor, schema, mart, swap, table, batches, rows)
        version = Version(release.run_key, release.release_id, tally.rows, tally.checksum)
        refused = _refusal(cursor, schema, mart, swap, table, tally.rows) if published else ""
        if refused and not force:
            log.append("refuse", version, started_at, reason=refused)
            raise Blocked(
                f"Mart {mart.name} is not published: {refused}. Readers keep the version before. "
                "If the new rows are right, serve again with --force-publish REASON."
            )
        if refused:
            _log.warning("%s is published by force (%s) although %s.", mart.name, force, refused)
        forced = f"{force} (refused because {refused})" if refused else ""
        return Staged(mart, swap, version, started_at, table, tuple(grants), forced)


def _older_stages(cursor: Any, schema: str, mart: Mart, attempt: Attempt) -> list[str]:
    """The stages that this attempt and those before it have left."""
    stages = relations.like(cursor, schema, rf"{mart.name}_stage_\d+")
    return [name for name in stages if int(name.rpartition("_")[2]) <= attempt.attempt_id]


def _create(
    cursor: Any, schema: str, mart: Mart, table: str, attempt: Attempt, release: Release
) -> list[tuple[str, str, str]]:
    """Make the stage and take from everyone else what the database grants on new tables; returns what that was."""
    known = mart.table.column_names
    own = "".join(f", {name} {kind}" for name, kind in _OWN_COLUMNS.items() if name not in known)
    full = named(schema, table)
    cursor.execute("BEGIN")
    # It is written once and vacuumed once, here: a vacuum that comes by itself would only stand in the swap's way.
    cursor.execute(
        f"CREATE TABLE {full} (tier text NOT NULL, release_id bigint NOT NULL{own}, {mart.columns_sql()}) "
        "WITH (autovacuum_enabled = false)"
    )
    grants = relations.grants(cursor, schema, table)
    relations.set_grants(cursor, schema, table, [])
    values = {
        "tier": _text(attempt.run.tier),
        "release_id": str(release.release_id),
        "run_id": _text(release.run_key),
        "published_at": "now()",
    }
    for name, value in values.items():
        if name not in known:
            cursor.execute(f"ALTER TABLE {full} ALTER COLUMN {name} SET DEFAULT {value}")
    cursor.execute("COMMIT")
    return grants


def _fill(cursor: Any, schema: str, mart: Mart, swap: Swap, table: str, batches: Iterable[Any], rows: int) -> Tally:
    """Load, index, read back and compare; the rows pass through in batches and are never in memory together."""
    import pyarrow as pa

    sent, full = Tally(mart.table), named(schema, table)
    stream = (batch for rows in batches for batch in sent.take(rows).to_batches())
    reader = pa.RecordBatchReader.from_batches(sent.schema, stream)
    cursor.adbc_ingest(table, reader, mode="append", db_schema_name=schema)
    faults.point("mid_stage")
    if unique := mart.unique_sql():
        cursor.execute(f"ALTER TABLE {full} ADD CONSTRAINT {quoted(f'{table}_key')} {unique}")
    if swap.index:
        columns = ", ".join(quoted(column) for column in swap.index)
        cursor.execute(f"CREATE INDEX {quoted(f'{table}_idx')} ON {full} ({columns})")
    stored = Tally(mart.table)
    cursor.execute(f"SELECT {', '.join(map(quoted, mart.table.column_names))} FROM {full}")
    for batch in cursor.fetch_record_batch():
        stored.take(batch)
    if (rows, sent.checksum) != (stored.rows, stored.checksum):
        raise TryAgain(
            f"Mart {mart.name}: the stage holds {stored.rows} rows (checksum {stored.checksum}) where the lake holds "
            f"{rows} ({sent.checksum}); nothing was published."
        )
    cursor.execute(f"VACUUM (ANALYZE) {full}")
    return stored


def _refusal(cursor: Any, schema: str, mart: Mart, swap: Swap, table: str, rows: int) -> str:
    """Why the staged version is too unlike the published one; empty when it is not."""
    cursor.execute(f"SELECT count(*) FROM {named(schema, mart.name)}")
    before: int = cursor.fetchone()[0]
    if rows < swap.min_rows_share * before:
        return f"it has {rows:,} rows, less than {swap.min_rows_share:.0%} of the {before:,} that are published"
    if swap.watched is None:
        return ""
    medians = []
    for name in (table, mart.name):
        cursor.execute(
            f"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY {quoted(swap.watched)}) FROM {named(schema, name)} "
            f"WHERE {swap.watched_where}"
        )
        medians.append(cursor.fetchone()[0])
    now, then = medians
    if then is None or now == then:
        return ""
    if now is None or abs(now - then) > swap.max_median_change_share * abs(then):
        said = "gone" if now is None else f"{now:g}"
        limit = f"{swap.max_median_change_share:.0%}"
        return f"the median of {swap.watched} is {said} where {then:g} is published, a change of more than {limit}"
    return ""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
