"""The swap: a table that was loaded beside a mart takes its place, in the transaction of the caller.

Readers see the old version or the new one and never an error. The locks that shut them out come last in a transaction, are
held for renames alone, and are taken as a reader takes them: views first, then the tables. The wait for the first is
bounded by ``lock_timeout``, because readers queue behind it. From then on we hold what readers may wait for while we wait
for them: that ends before PostgreSQL looks for deadlocks (``deadlock_timeout``), since it would pick a reader to fail.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

from spark_jobs.common import faults, relations
from spark_jobs.common.mart import named
from spark_jobs.common.publish_log import PublishLog
from spark_jobs.common.staging import Staged

_log = logging.getLogger(__name__)
LOCK_TIMEOUT = "2s"
# Pauses of 2, 4, 8, 16 and 30 s: a report that holds a mart for half a minute is waited for.
RETRIES = 5
_PAUSES = wait_exponential(multiplier=2, max=30) + wait_random(0, 0.5)
# PostgreSQL's codes of a lock timeout and of a deadlock.
_WORTH_ANOTHER_TRY = ("55P03", "40P01")
# A writer that is stopped while it shuts readers out must not do so for long.
_LONGEST_PAUSE = "5s"
_SHARE_OF_DEADLOCK_TIMEOUT = 0.8


def patient() -> Retrying:
    """Attempts at a transaction, with growing pauses, while somebody holds a lock that stands in its way."""
    return Retrying(
        retry=retry_if_exception(lambda error: getattr(error, "sqlstate", None) in _WORTH_ANOTHER_TRY),
        wait=_PAUSES,
        stop=stop_after_attempt(1 + RETRIES),
        before_sleep=_say_why,
        reraise=True,
    )


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause_s = state.next_action.sleep if state.next_action else 0.0
    first = str(error).partition("\n")[0]
    _log.warning(
        "Somebody holds what must change; nothing did. Next try in %.0f s. PostgreSQL says: %s", pause_s, first
    )


def publish(cursor: Any, schema: str, staged: list[Staged], attempts: int) -> dict[str, int]:
    """Swap staged versions in, with their rows in the publish log; returns rows by mart, of those shown already too."""
    waiting = {one.mart.name: one.table for one in staged if one.table}
    default_grants = {one.mart.name: list(one.grants) for one in staged}
    if waiting:
        exchange(cursor, schema, waiting, default_grants, drop_previous=True)
    for one in staged:
        if not one.table:
            continue
        for name, made_by in one.mart.views_sql(schema).items():
            if not relations.exists(cursor, schema, name):
                cursor.execute(made_by)
        PublishLog(cursor, schema, one.swap.log, one.mart.name).append(
            "publish", one.version, one.started_at, attempts=attempts, forced=bool(one.forced), reason=one.forced
        )
    return {one.mart.name: one.version.rows for one in staged}


def exchange(
    cursor: Any,
    schema: str,
    incoming: Mapping[str, str],
    default_grants: Mapping[str, list[tuple[str, str, str]]] | None = None,
    drop_previous: bool = False,
) -> None:
    """Put tables (by mart) in the places of marts; what was there becomes ``<mart>_prev``, views and grants stay.

    ``default_grants`` are for marts that are published for the first time. With ``drop_previous`` what was ``<mart>_prev`` until
    then is dropped: not before, so that there is a version to go back to until the next one is there.
    """
    take_turn(cursor, schema, incoming)
    cursor.execute("SET LOCAL search_path = ''")
    cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_LONGEST_PAUSE}'")
    published = [mart for mart in sorted(incoming) if relations.exists(cursor, schema, mart)]
    _lock(cursor, schema, published, sorted(incoming.values()))
    if drop_previous:
        relations.drop_unheld(cursor, schema, [table for mart in published for table in _retired(cursor, schema, mart)])
    views = relations.views_on(cursor, schema, published) if published else []
    for mart, table in incoming.items():
        known = mart in published
        grants = relations.grants(cursor, schema, mart) if known else (default_grants or {}).get(mart, [])
        if known:
            relations.rename(cursor, schema, mart, _retired_name(cursor, schema, mart))
        relations.rename(cursor, schema, table, mart)
        relations.set_grants(cursor, schema, mart, grants)
        faults.point("mid_swap")
    for view in views:
        cursor.execute(view.replace_sql)


def take_turn(cursor: Any, schema: str, marts: Iterable[str]) -> None:
    """Wait until nobody else publishes or takes back these marts; readers wait for nobody here."""
    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    for mart in sorted(marts):
        cursor.execute("SELECT pg_catalog.pg_advisory_xact_lock(hashtextextended($1, 0))", (named(schema, mart),))


def previous(cursor: Any, schema: str, mart: str) -> str | None:
    """The version that readers of a mart saw before: of those that are kept, the one with the highest number."""
    return max(_retired(cursor, schema, mart), key=_number, default=None)


def _retired(cursor: Any, schema: str, mart: str) -> list[str]:
    return relations.like(cursor, schema, rf"{mart}_prev(_\d+)?")


def _retired_name(cursor: Any, schema: str, mart: str) -> str:
    """``<mart>_prev``; with a number above all others when an older one is still there because somebody reads it."""
    last = previous(cursor, schema, mart)
    return f"{mart}_prev_{_number(last) + 1}" if last else f"{mart}_prev"


def _number(name: str) -> int:
    last = name.rpartition("_")[2]
    return int(last) if last.isdigit() else 1


def _lock(cursor: Any, schema: str, marts: list[str], incoming: list[str]) -> None:
    """Shut readers out, or raise PostgreSQL's lock timeout."""
    for table in incoming:
        cursor.execute(lock_sql(schema, table))
    if not marts:
        return
    cursor.execute("SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'deadlock_timeout'")
    patience_s = _SHARE_OF_DEADLOCK_TIMEOUT * cursor.fetchone()[0] / 1000
    views = relations.views_on(cursor, schema, marts)
    until = None
    for statement in [*(view.lock_sql for view in views), *(lock_sql(schema, mart) for mart in marts)]:
        if until is not None:
            cursor.execute(f"SET LOCAL lock_timeout = '{max(1, int(1000 * (until - time.monotonic())))}ms'")
        cursor.execute(statement)
        until = until or time.monotonic() + patience_s


def lock_sql(schema: str, table: str) -> str:
    return f"LOCK TABLE {named(schema, table)} IN ACCESS EXCLUSIVE MODE"
