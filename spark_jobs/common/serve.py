"""Serving: the marts of a release, replaced in PostgreSQL inside one transaction; readers see the old rows or the new
ones.

A mart carries the columns of one lake table, the tier and the release that each row came from. Both tiers share it; the
view ``<mart>_current`` shows settled days and, for days not settled yet, live rows.

Marts that are swapped are staged before that transaction and take their places in it last: the rows of the other marts
are written while nobody waits, and readers are shut out for the renames alone.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from spark_jobs.common import faults, swap
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.ledger import Attempt, Ledger, Release, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.mart import POSTGRES, Mart, Swap, View, named
from spark_jobs.common.outcome import Settled
from spark_jobs.common.staging import Staged, stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Load", "Mart", "Swap", "View", "marts_uri", "publish", "serve"]

_log = logging.getLogger(__name__)
_LOCK_TIMEOUT = "5s"
_LONGEST_PAUSE = "60s"
_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Load:
    """Rows for one mart: a frame of a release, and the condition (Spark SQL) of the rows that it replaces."""

    mart: Mart
    release: Release
    scope: str
    rows: Any


def serve(
    spark: "SparkSession", ledger: Ledger, run: Run, marts: tuple[Mart, ...], force_publish: str = ""
) -> dict[str, int]:
    """Bring PostgreSQL up to the run's release; returns rows per mart.

    Releases of the tier that were never served (their run died here) are covered too. Raises ``Settled`` when a newer
    release is served, and ``Blocked`` when a version to be swapped in is refused and ``force_publish`` gives no reason.
    """
    with renewed(ledger, ledger.begin(run, "serve")) as attempt:
        pending = ledger.unserved(run.pipeline, run.tier, run.run_key)
        if not pending:
            raise Settled(
                f"A newer release of {run.pipeline} ({run.tier}) is served already; this run's rows would be older."
            )
        uri, loads, staged = marts_uri(), [], []
        for load in _loads(Lake(spark), ledger, pending, marts):
            if load.mart.swap is None:
                loads.append(Load(load.mart, load.release, load.scope, load.rows.toArrow()))
            else:
                rows = load.rows.count()
                batches = _in_batches(load.rows, rows)
                staged.append(
                    stage(uri, attempt, load.mart, load.mart.swap, load.release, batches, rows, force_publish)
                )
        faults.point("after_stage")
        ledger.require_current(attempt)
        counts = publish(uri, attempt, pending[0], loads, staged)
        faults.point("before_served_row")
        ledger.mark_served(pending, counts)
        _log.info("%s %s: served %s", run.pipeline, run.window, counts)
        return counts


def _loads(lake: Lake, ledger: Ledger, pending: list[Release], marts: tuple[Mart, ...]) -> Iterator[Load]:
    """What the pending releases bring to each mart. A mart that is replaced as a whole shows the newest day alone:
    another day that is run again leaves it as it is.
    """
    newest = pending[0]
    scopes = {release.release_id: ledger.receipt_scopes(release.run_key) for release in pending}
    latest = ledger.latest_release(newest.pipeline, newest.tier)
    for mart in marts:
        name = table_name(mart.table, newest.tier)
        bringing = [release for release in pending if name in scopes[release.release_id]]
        if mart.swap and newest.tier != "settled":
            continue
        if mart.whole and bringing:
            bringing = [release for release in bringing if release.release_id == latest.release_id]
            if not bringing:
                _log.warning(
                    "%s is left as it is: release %d, of a later day, covers %s.",
                    mart.name,
                    latest.release_id,
                    latest.window,
                )
        if bringing:
            release = bringing[0] if mart.whole else newest
            scope = " OR ".join(f"({scopes[other.release_id][name]})" for other in bringing)
            rows = lake.read(name, release.snapshots[name]).where(scope).select(*mart.table.column_names)
            yield Load(mart, release, scope, rows)


def _in_batches(rows: "DataFrame", count: int) -> Iterator[Any]:
    """Arrow tables of a frame's rows, a bounded number at once: each is a scan of the same snapshot."""
    from pyspark.sql import functions as F

    parts = 1 + count // _ROWS_AT_ONCE
    for part in range(parts):
        yield rows.where(F.pmod(F.xxhash64(*rows.columns), F.lit(parts)) == part).toArrow()


def marts_uri() -> str:
    """libpq's form of ``SIGNALBOX_MARTS_URL``."""
    url = os.environ.get("SIGNALBOX_MARTS_URL")
    if not url:
        raise ValueError("SIGNALBOX_MARTS_URL is not set; it names the serving database (see docs/operate.md).")
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


def publish(
    uri: str, attempt: Attempt, release: Release, loads: list[Load], staged: list[Staged] | None = None
) -> dict[str, int]:
    """Everything or nothing, tried again with growing pauses while somebody holds a lock that stands in the way."""
    for number in swap.patient():
        with number:
            counts = _commit(uri, attempt, release, loads, staged or [], number.retry_state.attempt_number)
    faults.point("after_swap")
    return counts


def _commit(
    uri: str, attempt: Attempt, release: Release, loads: list[Load], staged: list[Staged], number: int
) -> dict[str, int]:
    """One transaction: take the turn, replace the rows of each load's scope, and swap last."""
    from adbc_driver_postgresql import dbapi

    counts, run = {}, attempt.run
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        # A writer that is stopped in mid-transaction must not keep its locks.
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_LONGEST_PAUSE}'")
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{run.pipeline}"')
        _take_turn(cursor, attempt, release)
        for load in loads:
            _ensure_mart(cursor, run.pipeline, load.mart)
            counts[load.mart.name] = _replace_rows(cursor, run, load)
            faults.point("mid_serve")
        counts |= swap.publish(cursor, run.pipeline, staged, number)
        connection.commit()
    return counts


def _take_turn(cursor: Any, attempt: Attempt, release: Release) -> None:
    """Note in the marts' own database who serves; raises ``Settled`` when a later attempt has served this tier already.

    The ledger's lease cannot fence a writer that slept between its last look at the ledger and its commit here.
    """
    tier, pipeline = attempt.run.tier, attempt.run.pipeline
    cursor.execute(
        f'CREATE TABLE IF NOT EXISTS "{pipeline}".served '
        "(tier text PRIMARY KEY, attempt_id bigint NOT NULL, release_id bigint NOT NULL, "
        "served_at timestamptz NOT NULL)"
    )
    cursor.execute(
        f"INSERT INTO \"{pipeline}\".served AS s VALUES ('{tier}', {attempt.attempt_id}, {release.release_id}, now()) "
        "ON CONFLICT (tier) DO UPDATE "
        "SET attempt_id = excluded.attempt_id, release_id = excluded.release_id, served_at = now() "
        "WHERE s.attempt_id <= excluded.attempt_id RETURNING tier"
    )
    if cursor.fetchone() is None:
        raise Settled(f"A later attempt has served the {tier} tier of {pipeline} meanwhile; this one changes nothing.")


def _ensure_mart(cursor: Any, pipeline: str, mart: Mart) -> None:
    """Create the mart and its views; DDL runs only when they are missing, so that no lock is taken on a served
    table.
    """
    cursor.execute(f'SELECT to_regclass(\'"{pipeline}"."{mart.name}"\') IS NULL')
    if not cursor.fetchone()[0]:
        return
    columns = ", ".join(filter(None, [mart.columns_sql(), mart.unique_sql()]))
    cursor.execute(
        f"CREATE TABLE {named(pipeline, mart.name)} (tier text NOT NULL, release_id bigint NOT NULL, {columns})"
    )
    for made_by in mart.views_sql(pipeline).values():
        cursor.execute(made_by)


def _replace_rows(cursor: Any, run: Run, load: Load) -> int:
    mart, scope, rows = load.mart, load.scope, load.rows
    full, staged = f'"{run.pipeline}"."{mart.name}"', f"staged_{mart.name}"
    listed = ", ".join(f'"{name}"' for name in mart.table.column_names)
    typed = ", ".join(f'"{column.name}"::{POSTGRES[column.type]}' for column in mart.table.columns)
    cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{staged}"')
    cursor.adbc_ingest(staged, rows, mode="create", temporary=True)
    where = scope.replace("`", '"').replace("TIMESTAMP '", "TIMESTAMPTZ '")
    cursor.execute(f"DELETE FROM {full} WHERE tier = '{run.tier}' AND ({where})")
    cursor.execute(
        f"INSERT INTO {full} (tier, release_id, {listed}) "
        f"SELECT '{run.tier}', {load.release.release_id}, {typed} FROM pg_temp.\"{staged}\""
    )
    cursor.execute(f"SELECT count(*) FROM {full} WHERE tier = '{run.tier}' AND ({where})")
    count: int = cursor.fetchone()[0]
    if count != rows.num_rows:
        raise RuntimeError(
            f"Mart {mart.name} holds {count} rows of this scope where the lake holds {rows.num_rows}; "
            "nothing was committed."
        )
    return count
