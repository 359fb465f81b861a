"""States: tables that each day carries on from the day before. Which snapshot holds a state at an instant, and whether it
still rests on the days before it: a day that is run again leaves the later ones standing on what it was.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, select

from spark_jobs.common.ledger import releases
from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Release
from spark_jobs.common.outcome import Blocked

Before = tuple[datetime, int] | None


def at(connection: Connection, pipeline: str, tier: str, table: str, moment: datetime) -> int:
    """The snapshot that holds the state at ``moment``, which is where a window ended.

    Raises ``Blocked`` when no released window ends there, or when one before it has been run again since.
    """
    newest = _newest_by_end(connection, pipeline, tier)
    if moment not in newest:
        raise Blocked(
            f"There is no state of {pipeline} at {_said(moment)}: the day before it is not released. Run that day first, "
            f"or let a state begin with this day by state_from={moment:%Y-%m-%d}."
        )
    _require_fresh(connection, pipeline, newest, table, moment)
    return newest[moment].snapshots[table]


def _require_fresh(
    connection: Connection, pipeline: str, newest: dict[datetime, Release], table: str, moment: datetime
) -> None:
    rested, at = _rested_on(connection, newest, table), moment
    while (before := rested.get((newest[at].run_key, newest[at].snapshots[table]))) is not None:
        earlier, snapshot = before
        if earlier not in newest or newest[earlier].snapshots[table] != snapshot:
            raise Blocked(
                f"The state of {pipeline} at {_said(moment)} rests on an older run of the days up to {_said(earlier)}; "
                f"run the days from there up to {_said(moment)} again, in order."
            )
        at = earlier


def _rested_on(connection: Connection, newest: dict[datetime, Release], table: str) -> dict[tuple[str, int], Before]:
    """By run and snapshot that it wrote: the instant and the snapshot of the state that it went on from."""
    c = s.receipt.c
    wrote, read = c.document["tables"][table]["snapshot"], c.document["inputs"]
    of_runs = c.run_key.in_([release.run_key for release in newest.values()])
    found: dict[tuple[str, int], Before] = {}
    for run_key, snapshot, inputs in connection.execute(
        select(c.run_key, wrote, read).where(of_runs, wrote.is_not(None))
    ):
        states = [entry for entry in inputs if entry.get("table") == table and entry.get("state_at")]
        before = [(datetime.fromisoformat(e["state_at"]), e["snapshot"]) for e in states if e["snapshot"] is not None]
        found[run_key, snapshot] = before[0] if before else None
    return found


def _newest_by_end(connection: Connection, pipeline: str, tier: str) -> dict[datetime, Release]:
    """The newest release of each end of a window."""
    newest: dict[datetime, Release] = {}
    for release in releases.find(connection, pipeline, tier):
        newest.setdefault(release.window.end.astimezone(UTC), release)
    return newest


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
