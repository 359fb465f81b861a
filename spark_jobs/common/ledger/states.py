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
    every = releases.find(connection, pipeline, tier)
    newest = _newest_by_end(every)
    if moment not in newest:
        raise Blocked(
            f"There is no state of {pipeline} at {_said(moment)}: the day before it is not released. Run that day first, "
            f"or let a state begin with this day by state_from={moment:%Y-%m-%d}."
        )
    _require_fresh(connection, every, newest, table, moment)
    return newest[moment].snapshots[table]


def _require_fresh(
    connection: Connection, every: list[Release], newest: dict[datetime, Release], table: str, moment: datetime
) -> None:
    """Walk back over the windows that the state rests on: each must be the newest that there is of its days."""
    rested, at, rests_on = _rested_on(connection, newest, table), moment, newest[moment].snapshots[table]
    while True:
        release = newest.get(at)
        if release is None or release.snapshots[table] != rests_on or _run_again(release, every):
            raise Blocked(
                f"The state of {newest[moment].pipeline} at {_said(moment)} rests on an older run of the days up to {_said(at)}; "
                f"run the days from there up to {_said(moment)} again, in order."
            )
        before = rested.get((release.run_key, rests_on))
        if before is None:
            return
        at, rests_on = before


def _run_again(release: Release, every: list[Release]) -> bool:
    """Whether some of its days have been run since in a window that ends on another day: nobody goes on from that one's end."""
    window = release.window
    return any(
        newer.release_id > release.release_id
        and newer.window.end != window.end
        and newer.window.start < window.end
        and window.start < newer.window.end
        for newer in every
    )


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


def _newest_by_end(every: list[Release]) -> dict[datetime, Release]:
    """The newest release of each end of a window."""
    newest: dict[datetime, Release] = {}
    for release in every:
        newest.setdefault(release.window.end.astimezone(UTC), release)
    return newest


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
