"""The lease: one writing run per pipeline and tier, by the database's clock, with a fencing token.

All tasks of a run share its lease; who lost it, or whose step was begun anew, cannot publish. Giving the lease back
changes the token, so that nothing which was left behind can renew it.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Attempt, Run
from spark_jobs.common.outcome import Settled, TryAgain

LEASE_SECONDS = 90


class LeaseHeld(TryAgain):
    """Another run of the pipeline and tier is writing; try again later."""


def take(connection: Connection, run: Run) -> int:
    """Take the lease, or find it in the run's own hands; returns its token, raises ``LeaseHeld``."""
    wanted = upsert(s.lease).values(
        pipeline=run.pipeline, tier=run.tier, run_key=run.run_key, token=s.lease_token.next_value(), expires_at=_later()
    )
    new, own = wanted.excluded, s.lease.c.run_key == wanted.excluded.run_key
    statement = wanted.on_conflict_do_update(
        index_elements=["pipeline", "tier"],
        set_={
            "run_key": new.run_key,
            "token": case((own, s.lease.c.token), else_=new.token),
            "expires_at": new.expires_at,
        },
        where=own | (s.lease.c.expires_at <= func.now()),
    ).returning(s.lease.c.token)
    taken = connection.execute(statement).scalar_one_or_none()
    if taken is None:
        columns = (s.lease.c.run_key, s.lease.c.expires_at)
        holder = connection.execute(select(*columns).where(_lease_of(run))).one()
        raise LeaseHeld(
            f"Run {holder.run_key} writes the {run.tier} tier of {run.pipeline} "
            f"until {holder.expires_at:%H:%M:%S}Z at least."
        )
    return int(taken)


def renew(connection: Connection, attempt: Attempt) -> bool:
    """Push the expiry on; False when the lease is no longer this attempt's."""
    held = (s.lease.c.run_key == attempt.run.run_key) & (s.lease.c.token == attempt.token)
    renewed = connection.execute(update(s.lease).where(_lease_of(attempt.run), held).values(expires_at=_later()))
    return bool(renewed.rowcount)


def give_back(connection: Connection, run_key: str) -> None:
    """End the run's lease, under a token that nobody has."""
    connection.execute(
        update(s.lease)
        .where(s.lease.c.run_key == run_key)
        .values(expires_at=func.now(), token=s.lease_token.next_value())
    )


def holders(connection: Connection) -> list[str]:
    """The runs that hold a lease now: at work, or between two of their steps."""
    return list(connection.execute(select(s.lease.c.run_key).where(s.lease.c.expires_at > func.now())).scalars())


def require_current(connection: Connection, attempt: Attempt) -> None:
    """Raise ``Settled`` unless the lease is the attempt's and the attempt the newest at its step; then the lease is
    good for a while.

    The row stays locked until the transaction ends: what is written in it is written by the holder.
    """
    held = renew(connection, attempt)
    of_step = (s.attempt.c.run_key == attempt.run.run_key) & (s.attempt.c.step == attempt.step)
    newest = connection.execute(select(func.max(s.attempt.c.attempt_id)).where(of_step)).scalar_one()
    if not held or newest != attempt.attempt_id:
        raise Settled(
            f"Attempt {attempt.number} at {attempt.step} was superseded: its run has ended, "
            "or a newer attempt or run holds the lease. It changes nothing."
        )


def _later() -> ColumnElement[datetime]:
    return func.now() + timedelta(seconds=LEASE_SECONDS)


def _lease_of(run: Run) -> ColumnElement[bool]:
    return (s.lease.c.pipeline == run.pipeline) & (s.lease.c.tier == run.tier)
