"""Releases: which sets of snapshots may be seen, which of them PostgreSQL shows, and which were cut off half way."""

from sqlalchemy import Connection, insert, select

from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Release, Run
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.window import Window


def find(connection: Connection, pipeline: str, tier: str, run_key: str | None = None) -> list[Release]:
    """Releases, newest first."""
    c = s.release.c
    query = select(
        c.release_id, c.pipeline, c.tier, c.run_key, c.window_start, c.window_end, c.snapshots, c.released_at
    ).where(c.pipeline == pipeline, c.tier == tier)
    rows = connection.execute((query.where(c.run_key == run_key) if run_key else query).order_by(c.release_id.desc()))
    return [Release(r[0], r[1], r[2], r[3], Window(r[4], r[5]), r[6], r[7]) for r in rows]


def record(connection: Connection, run: Run, token: int, snapshots: dict[str, int]) -> Release:
    """The run's release; a repeat with the same snapshots finds the first one.

    Tables that only some runs touch (quarantine) keep the snapshot that the release before named.
    """
    for known in find(connection, run.pipeline, run.tier, run.run_key)[:1]:
        if snapshots.items() <= known.snapshots.items():
            return known
    before = find(connection, run.pipeline, run.tier)[:1]
    carried = {name: snapshot for release in before for name, snapshot in release.snapshots.items()}
    connection.execute(
        insert(s.release).values(
            pipeline=run.pipeline,
            tier=run.tier,
            run_key=run.run_key,
            token=token,
            window_start=run.window_start,
            window_end=run.window_end,
            snapshots={**carried, **snapshots},
        )
    )
    return find(connection, run.pipeline, run.tier, run.run_key)[0]


def unserved(connection: Connection, pipeline: str, tier: str, run_key: str) -> list[Release]:
    """The run's newest release, then older ones of the tier that were never served; none when a newer one has replaced
    its rows.

    The run's own release comes again when it is the newest served one: serving twice is serving once.
    """
    every = find(connection, pipeline, tier)
    served = set(connection.execute(select(s.serving.c.release_id)).scalars())
    shown = [release for release in every if release.release_id in served]
    own = next((release for release in every if release.run_key == run_key), None)
    if own is None:
        raise Blocked(f"Run {run_key} has no release: there is nothing to serve.")
    if any(_replaced(own, newer) for newer in shown):
        return []
    older = [release for release in every if release.release_id < own.release_id and release.release_id not in served]
    return [own, *(release for release in older if not any(_replaced(release, newer) for newer in shown))]


def latest(connection: Connection, pipeline: str, tier: str) -> Release:
    """The release of the latest day: of those whose window ends last, the newest."""
    return max(find(connection, pipeline, tier), key=lambda release: (release.window.end, release.release_id))


def _replaced(release: Release, newer: Release) -> bool:
    """Whether a newer release covers the rows of this one. Live windows follow each other, so there every newer one
    does.
    """
    if newer.release_id <= release.release_id:
        return False
    overlaps = newer.window.start < release.window.end and release.window.start < newer.window.end
    return release.tier == "live" or overlaps


def interrupted(connection: Connection, run: Run) -> list[str]:
    """Other runs of the tier that began to release after the newest release was recorded, and recorded none themselves."""
    began = select(s.attempt.c.run_key, s.attempt.c.started_at).join(s.run, s.run.c.run_key == s.attempt.c.run_key)
    began = began.where(s.run.c.pipeline == run.pipeline, s.run.c.tier == run.tier, s.attempt.c.step == "release")
    newest = find(connection, run.pipeline, run.tier)[:1]
    if newest:
        began = began.where(s.attempt.c.started_at > newest[0].released_at)
    found = connection.execute(began.order_by(s.attempt.c.attempt_id))
    return list(dict.fromkeys(row.run_key for row in found if row.run_key != run.run_key))
