"""Serving: the marts of a release, replaced in PostgreSQL inside one transaction; readers see the old rows or the new
ones.

A mart carries the columns of one lake table, the tier and the release that each row came from. Both tiers share it; the
view ``<mart>_current`` shows settled days and, for days not settled yet, live rows.
"""

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from tenacity import retry, retry_if_exception_message, stop_after_attempt, wait_random_exponential

from expectations.contract import Table
from spark_jobs.common import faults
from spark_jobs.common.lake import Lake, table_name
from spark_jobs.common.ledger import Attempt, Ledger, Release, Run
from spark_jobs.common.ledger.renewal import renewed
from spark_jobs.common.outcome import Settled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)
_LOCK_TIMEOUT = "5s"
_LONGEST_PAUSE = "60s"
_POSTGRES = {
    "string": "text",
    "int": "integer",
    "bigint": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "array<string>": "text[]",
    "array<double>": "double precision[]",
}


@dataclass(frozen=True)
class Mart:
    """A table of the serving database: a lake table under a name of its own. ``day`` is the column that tells settled
    days from live ones.
    """

    name: str
    table: Table
    day: str = "service_date"


def serve(spark: "SparkSession", ledger: Ledger, run: Run, marts: tuple[Mart, ...]) -> dict[str, int]:
    """Bring PostgreSQL up to the run's release; returns rows per mart.

    Releases of the tier that were never served (their run died here) are covered too. Raises ``Settled`` when a newer
    release is served.
    """
    with renewed(ledger, ledger.begin(run, "serve")) as attempt:
        pending = ledger.unserved(run.pipeline, run.tier, run.run_key)
        if not pending:
            raise Settled(
                f"A newer release of {run.pipeline} ({run.tier}) is served already; this run's rows would be older."
            )
        scopes = [ledger.receipt_scopes(release.run_key) for release in pending]
        newest, lake, loads = pending[0], Lake(spark), []
        for mart in marts:
            name = table_name(mart.table, run.tier)
            scope = " OR ".join(f"({scope[name]})" for scope in scopes if name in scope)
            if scope:
                rows = lake.read(name, newest.snapshots[name]).where(scope).select(*mart.table.column_names)
                loads.append((mart, scope, rows.toArrow()))
        ledger.require_current(attempt)
        counts = _publish(marts_uri(), attempt, newest, loads)
        faults.point("before_served_row")
        ledger.mark_served(pending, counts)
        _log.info("%s %s: served %s", run.pipeline, run.window, counts)
        return counts


def marts_uri() -> str:
    """libpq's form of ``SIGNALBOX_MARTS_URL``."""
    url = os.environ.get("SIGNALBOX_MARTS_URL")
    if not url:
        raise RuntimeError("SIGNALBOX_MARTS_URL is not set; it names the serving database (see docs/operate.md).")
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


@retry(
    retry=retry_if_exception_message(match=r"(?s).*(lock timeout|deadlock detected).*"),
    wait=wait_random_exponential(max=10),
    stop=stop_after_attempt(5),
    reraise=True,
)
def _publish(uri: str, attempt: Attempt, release: Release, loads: list[tuple[Mart, str, Any]]) -> dict[str, int]:
    """One transaction: stage each mart's rows, delete the scope, insert, count."""
    from adbc_driver_postgresql import dbapi

    counts, run = {}, attempt.run
    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        # A writer that is stopped in mid-transaction must not keep its locks.
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_LONGEST_PAUSE}'")
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{run.pipeline}"')
        _take_turn(cursor, attempt, release)
        for mart, scope, rows in loads:
            _ensure_mart(cursor, run.pipeline, mart)
            counts[mart.name] = _replace_rows(cursor, run, release, mart, scope, rows)
            faults.point("mid_serve")
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
    """Create the mart and its current view; DDL runs only when they are missing, so that no lock is taken on a served
    table.
    """
    cursor.execute(f'SELECT to_regclass(\'"{pipeline}"."{mart.name}"\') IS NULL')
    if not cursor.fetchone()[0]:
        return
    columns = ", ".join(f'"{column.name}" {_POSTGRES[column.type]}' for column in mart.table.columns)
    full = f'"{pipeline}"."{mart.name}"'
    key = ", ".join(f'"{column}"' for column in mart.table.key)
    unique = f", UNIQUE (tier, {key})" if key else ""
    cursor.execute(f"CREATE TABLE {full} (tier text NOT NULL, release_id bigint NOT NULL, {columns}{unique})")
    cursor.execute(
        f'CREATE VIEW "{pipeline}"."{mart.name}_current" AS SELECT * FROM {full} m '
        f"WHERE tier = 'settled' OR NOT EXISTS "
        f'(SELECT 1 FROM {full} s WHERE s.tier = \'settled\' AND s."{mart.day}" = m."{mart.day}")'
    )


def _replace_rows(cursor: Any, run: Run, release: Release, mart: Mart, scope: str, rows: Any) -> int:
    full, staged = f'"{run.pipeline}"."{mart.name}"', f"staged_{mart.name}"
    listed = ", ".join(f'"{name}"' for name in mart.table.column_names)
    typed = ", ".join(f'"{column.name}"::{_POSTGRES[column.type]}' for column in mart.table.columns)
    cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{staged}"')
    cursor.adbc_ingest(staged, rows, mode="create", temporary=True)
    where = scope.replace("`", '"').replace("TIMESTAMP '", "TIMESTAMPTZ '")
    cursor.execute(f"DELETE FROM {full} WHERE tier = '{run.tier}' AND ({where})")
    cursor.execute(
        f"INSERT INTO {full} (tier, release_id, {listed}) "
        f"SELECT '{run.tier}', {release.release_id}, {typed} FROM pg_temp.\"{staged}\""
    )
    cursor.execute(f"SELECT count(*) FROM {full} WHERE tier = '{run.tier}' AND ({where})")
    count: int = cursor.fetchone()[0]
    if count != rows.num_rows:
        raise RuntimeError(
            f"Mart {mart.name} holds {count} rows of this scope where the lake holds {rows.num_rows}; "
            "nothing was committed."
        )
    return count
