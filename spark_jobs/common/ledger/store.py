"""Every statement that the platform sends to the ledger."""

import os
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.pool import NullPool

from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Attempt, Receipt, Release, Run, Verdict
from spark_jobs.common.ledger.verdicts import judge
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.window import Window

LEASE_SECONDS = 90
LONGEST_LIVE_WINDOW = timedelta(hours=2)
_RUN_COLUMNS = (s.run.c.run_key, s.run.c.pipeline, s.run.c.cadence, s.run.c.tier, s.run.c.window_start, s.run.c.window_end, s.run.c.explicit)


class LeaseHeld(RuntimeError):
    """Another run of the pipeline and tier is writing; try again later."""


class Ledger:
    """The ledger behind one database URL. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def from_environment(cls) -> "Ledger":
        """The ledger that ``SIGNALBOX_LEDGER_URL`` names."""
        url = os.environ.get("SIGNALBOX_LEDGER_URL")
        if not url:
            raise RuntimeError("SIGNALBOX_LEDGER_URL is not set; it names the ledger's PostgreSQL database (see docs/operate.md).")
        # Forked task processes must not share connections, so none are pooled.
        return cls(create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10}))

    def migrate(self) -> None:
        """Bring the database to the newest schema; safe to repeat and to run twice at once."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('signalbox.ledger.migrate'))"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    # -- runs and windows -------------------------------------------------------------------------------------------------

    def open_run(self, pipeline: str, cadence: str, run_key: str, interval: Window | None, explicit: Window | None = None) -> Run:
        """Find the run, or fix its window for good on the first call.

        A live run without explicit times takes over where the newest released live window ended, at most two hours. Raises ``Settled``
        when a live run's window is released already, unless explicit times name exactly the newest one.
        """
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:k))"), {"k": f"{pipeline}/{cadence}"})
            known = connection.execute(select(*_RUN_COLUMNS).where(s.run.c.run_key == run_key)).one_or_none()
            run = Run(*known) if known else self._plan_run(connection, pipeline, cadence, run_key, interval, explicit)
            if run.tier == "live":
                self._refuse_released(connection, run)
            if known is None:
                connection.execute(insert(s.run).values({**run.__dict__, "explicit": int(run.explicit)}))
            return run

    def _plan_run(
        self, connection: Connection, pipeline: str, cadence: str, run_key: str, interval: Window | None, explicit: Window | None
    ) -> Run:
        tier = "live" if cadence == "live" else "settled"
        window = explicit or interval
        if window is None:
            raise ValueError("The run has no data interval: give both window_start and window_end.")
        if explicit is None and tier == "live":
            newest = self._newest_window(connection, pipeline, tier)
            start = newest.end if newest else window.start
            if start >= window.end:
                raise Settled(f"The live window up to {window.end:%Y-%m-%d %H:%M}Z is released already; the newest released one is {newest}.")
            window = Window(start, min(window.end, start + LONGEST_LIVE_WINDOW))
        return Run(run_key, pipeline, cadence, tier, window.start, window.end, explicit is not None)

    def _refuse_released(self, connection: Connection, run: Run) -> None:
        newest = self._newest_window(connection, run.pipeline, run.tier)
        if newest is None or run.window.start >= newest.end:
            return
        if run.explicit and run.window == newest:
            return
        raise Settled(
            f"The live window {run.window} lies before the end of the newest released one, {newest}; nothing to do. "
            "A closed day is rebuilt by the nightly DAG, an older live window only in a private lake."
        )

    def _newest_window(self, connection: Connection, pipeline: str, tier: str) -> Window | None:
        row = connection.execute(
            select(s.release.c.window_start, s.release.c.window_end)
            .where(s.release.c.pipeline == pipeline, s.release.c.tier == tier)
            .order_by(s.release.c.window_end.desc(), s.release.c.release_id.desc())
            .limit(1)
        ).one_or_none()
        return Window(*row) if row else None

    def run(self, run_key: str) -> Run:
        with self._engine.begin() as connection:
            return Run(*connection.execute(select(*_RUN_COLUMNS).where(s.run.c.run_key == run_key)).one())

    def close_run(self, run_key: str) -> None:
        """Give the run's lease back, whatever came of the run."""
        with self._engine.begin() as connection:
            connection.execute(update(s.run).where(s.run.c.run_key == run_key).values(closed_at=func.now()))
            connection.execute(update(s.lease).where(s.lease.c.run_key == run_key).values(expires_at=func.now()))

    # -- leases and attempts ----------------------------------------------------------------------------------------------

    def begin(self, run: Run, step: str) -> Attempt:
        """Take or find the run's lease and start a new attempt at a step; from now on older attempts at it cannot publish."""
        with self._engine.begin() as connection:
            token = self._take_lease(connection, run)
            tries = select(func.count()).where(s.attempt.c.run_key == run.run_key, s.attempt.c.step == step).scalar_subquery()
            number = (connection.execute(select(tries)).scalar() or 0) + 1
            attempt_id = connection.execute(
                insert(s.attempt).values({"run_key": run.run_key, "step": step, "try": number, "token": token}).returning(s.attempt.c.attempt_id)
            ).scalar_one()
            return Attempt(attempt_id, run, step, number, token)

    def _take_lease(self, connection: Connection, run: Run) -> int:
        expires = func.now() + timedelta(seconds=LEASE_SECONDS)
        free = insert_lease = upsert(s.lease).values(
            pipeline=run.pipeline, tier=run.tier, run_key=run.run_key, token=s.lease_token.next_value(), expires_at=expires
        )
        expired = s.lease.c.expires_at < func.now()
        same_run = s.lease.c.run_key == insert_lease.excluded.run_key
        # A token lives as long as its lease: a lease that lapsed comes back with a new one, so the old writer stays fenced out.
        token = text("CASE WHEN lease.run_key = excluded.run_key AND lease.expires_at >= now() THEN lease.token ELSE excluded.token END")
        statement = free.on_conflict_do_update(
            index_elements=["pipeline", "tier"],
            set_={"run_key": insert_lease.excluded.run_key, "token": token, "expires_at": insert_lease.excluded.expires_at},
            where=expired | same_run,
        ).returning(s.lease.c.token)
        taken = connection.execute(statement).scalar_one_or_none()
        if taken is None:
            holder = connection.execute(
                select(s.lease.c.run_key, s.lease.c.expires_at).where(s.lease.c.pipeline == run.pipeline, s.lease.c.tier == run.tier)
            ).one()
            raise LeaseHeld(f"Run {holder.run_key} writes the {run.tier} tier of {run.pipeline} until {holder.expires_at:%H:%M:%S}Z at least.")
        return taken

    def renew(self, attempt: Attempt) -> bool:
        """Push the lease's expiry on; False when it is no longer this attempt's."""
        with self._engine.begin() as connection:
            return bool(
                connection.execute(
                    update(s.lease)
                    .where(
                        s.lease.c.pipeline == attempt.run.pipeline,
                        s.lease.c.tier == attempt.run.tier,
                        s.lease.c.run_key == attempt.run.run_key,
                        s.lease.c.token == attempt.token,
                    )
                    .values(expires_at=func.now() + timedelta(seconds=LEASE_SECONDS))
                ).rowcount
            )

    def require_current(self, attempt: Attempt) -> None:
        """Raise ``Settled`` unless the attempt holds the lease and is the newest at its step."""
        with self._engine.begin() as connection:
            self._require_current(connection, attempt)

    def _require_current(self, connection: Connection, attempt: Attempt) -> None:
        held = connection.execute(
            select(s.lease.c.run_key, s.lease.c.token, s.lease.c.expires_at > func.now())
            .where(s.lease.c.pipeline == attempt.run.pipeline, s.lease.c.tier == attempt.run.tier)
            .with_for_update()
        ).one()
        newest = connection.execute(
            select(func.max(s.attempt.c.attempt_id)).where(s.attempt.c.run_key == attempt.run.run_key, s.attempt.c.step == attempt.step)
        ).scalar_one()
        if tuple(held) != (attempt.run.run_key, attempt.token, True) or newest != attempt.attempt_id:
            raise Settled(f"Attempt {attempt.number} at {attempt.step} was superseded: a newer attempt or run holds the lease. It changes nothing.")

    # -- receipts and verdicts --------------------------------------------------------------------------------------------

    def write_receipt(self, attempt: Attempt, document: dict[str, Any]) -> int:
        """Append a receipt; only the newest attempt under a living lease may."""
        with self._engine.begin() as connection:
            self._require_current(connection, attempt)
            return connection.execute(
                insert(s.receipt)
                .values(attempt_id=attempt.attempt_id, run_key=attempt.run.run_key, stage=attempt.step, document=document)
                .returning(s.receipt.c.receipt_id)
            ).scalar_one()

    def receipt(self, run_key: str, stage: str) -> Receipt | None:
        """The receipt of the stage's newest attempt, if that attempt has written one."""
        with self._engine.begin() as connection:
            return self._receipt(connection, run_key, stage)

    def _receipt(self, connection: Connection, run_key: str, stage: str) -> Receipt | None:
        newest = (
            select(func.max(s.attempt.c.attempt_id)).where(s.attempt.c.run_key == run_key, s.attempt.c.step == stage).scalar_subquery()
        )
        columns = (s.receipt.c.receipt_id, s.receipt.c.attempt_id, s.receipt.c.run_key, s.receipt.c.stage, s.receipt.c.document)
        row = connection.execute(select(*columns).where(s.receipt.c.attempt_id == newest)).one_or_none()
        return Receipt(*row) if row else None

    def first_receipt(self, pipeline: str, tier: str, window: Window, stage: str) -> Receipt | None:
        """The receipt with which this window was first released."""
        with self._engine.begin() as connection:
            columns = (s.receipt.c.receipt_id, s.receipt.c.attempt_id, s.receipt.c.run_key, s.receipt.c.stage, s.receipt.c.document)
            released = (
                select(s.release.c.run_key)
                .where(
                    s.release.c.pipeline == pipeline,
                    s.release.c.tier == tier,
                    s.release.c.window_start == window.start,
                    s.release.c.window_end == window.end,
                )
                .order_by(s.release.c.release_id)
                .limit(1)
                .scalar_subquery()
            )
            query = select(*columns).where(s.receipt.c.run_key == released, s.receipt.c.stage == stage).order_by(s.receipt.c.receipt_id.desc())
            row = connection.execute(query.limit(1)).one_or_none()
            return Receipt(*row) if row else None

    def checkpoint(self, run_key: str, stage: str) -> Verdict:
        """Judge the newest attempt's receipt and record the verdict."""
        with self._engine.begin() as connection:
            verdict = judge(stage, self._receipt(connection, run_key, stage))
            connection.execute(
                insert(s.verdict).values(
                    run_key=run_key, stage=stage, receipt_id=verdict.receipt_id, status=verdict.status, sentence=verdict.sentence
                )
            )
            return verdict

    def require_passed(self, run_key: str, stages: tuple[str, ...]) -> dict[str, Receipt]:
        """The receipts of stages whose checkpoints passed, or were overridden; raises ``Blocked`` for the first that did not.

        This is why marking a task successful by hand publishes nothing.
        """
        with self._engine.begin() as connection:
            return {stage: self._passed(connection, run_key, stage) for stage in stages}

    def _passed(self, connection: Connection, run_key: str, stage: str) -> Receipt:
        receipt = self._receipt(connection, run_key, stage)
        if receipt is None:
            raise Blocked(f"Stage {stage} has no receipt for its newest attempt in this run; clear it so that it is built and checked.")
        bound = (s.verdict.c.run_key == run_key) & (s.verdict.c.receipt_id == receipt.receipt_id)
        newest = select(s.verdict.c.status, s.verdict.c.sentence).where(bound).order_by(s.verdict.c.verdict_id.desc()).limit(1)
        verdict = connection.execute(newest).one_or_none()
        overridden = connection.execute(select(s.override.c.override_id).where(s.override.c.receipt_id == receipt.receipt_id)).first()
        if overridden is None and (verdict is None or verdict.status not in ("pass", "warn")):
            why = verdict.sentence if verdict else f"Stage {stage}: its checkpoint has not judged the newest receipt."
            raise Blocked(f"The checkpoint of {stage} did not pass. {why}")
        return receipt

    def override(self, run_key: str, stage: str, admin: str, reason: str) -> None:
        """Let a blocked receipt through, on record. Needs a receipt, an admin and a reason."""
        if not admin.strip() or not reason.strip():
            raise ValueError("An override needs the admin's name and a reason.")
        with self._engine.begin() as connection:
            receipt = self._receipt(connection, run_key, stage)
            if receipt is None:
                raise ValueError(f"Stage {stage} of {run_key} has no receipt: there is nothing to override.")
            connection.execute(
                insert(s.override).values(run_key=run_key, stage=stage, receipt_id=receipt.receipt_id, admin=admin, reason=reason)
            )

    # -- releases ---------------------------------------------------------------------------------------------------------

    def write_release(self, attempt: Attempt, snapshots: dict[str, int]) -> Release:
        """Record the release; a repeat with the same snapshots finds the first one."""
        run = attempt.run
        with self._engine.begin() as connection:
            self._require_current(connection, attempt)
            newest = self._releases(connection, run.pipeline, run.tier, run.run_key)
            if newest and newest[0].snapshots == snapshots:
                return newest[0]
            connection.execute(
                insert(s.release).values(
                    pipeline=run.pipeline,
                    tier=run.tier,
                    run_key=run.run_key,
                    token=attempt.token,
                    window_start=run.window_start,
                    window_end=run.window_end,
                    snapshots=snapshots,
                )
            )
            return self._releases(connection, run.pipeline, run.tier, run.run_key)[0]

    def releases(self, pipeline: str, tier: str, run_key: str | None = None) -> list[Release]:
        """Releases, newest first."""
        with self._engine.begin() as connection:
            return self._releases(connection, pipeline, tier, run_key)

    def _releases(self, connection: Connection, pipeline: str, tier: str, run_key: str | None) -> list[Release]:
        c = s.release.c
        query = select(c.release_id, c.pipeline, c.tier, c.run_key, c.window_start, c.window_end, c.snapshots, c.released_at)
        query = query.where(c.pipeline == pipeline, c.tier == tier).order_by(c.release_id.desc())
        rows = connection.execute(query.where(c.run_key == run_key) if run_key else query)
        return [Release(r[0], r[1], r[2], r[3], Window(r[4], r[5]), r[6], r[7]) for r in rows]

    def unserved(self, pipeline: str, tier: str, run_key: str) -> list[Release]:
        """The run's newest release and older ones of the tier that were never served, newest first; none once a newer one is served.

        The run's own release comes again when it is the newest served one: serving twice is serving once.
        """
        with self._engine.begin() as connection:
            served = set(connection.execute(select(s.serving.c.release_id)).scalars())
            every = self._releases(connection, pipeline, tier, None)
            own = next((release for release in every if release.run_key == run_key), None)
            if own is None:
                raise Blocked(f"Run {run_key} has no release: there is nothing to serve.")
            overlapping = [r for r in every if r.release_id > own.release_id and r.release_id in served and (tier == "live" or _overlap(r, own))]
            if overlapping:
                return []
            return [own] + [r for r in every if r.release_id < own.release_id and r.release_id not in served]

    def receipt_scopes(self, run_key: str) -> dict[str, str]:
        """The SQL condition of the rows that a run replaced, by lake table."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(s.receipt.c.document).where(s.receipt.c.run_key == run_key).order_by(s.receipt.c.receipt_id)
            ).scalars()
            return {name: entry["scope"] for document in rows for name, entry in document["tables"].items()}

    def mark_served(self, attempt: Attempt, releases: list[Release], rows: dict[str, int]) -> None:
        """Record that PostgreSQL shows these releases."""
        with self._engine.begin() as connection:
            for release in releases:
                connection.execute(upsert(s.serving).values(release_id=release.release_id, rows=rows).on_conflict_do_nothing())

    def now(self) -> datetime:
        """The database's clock, the only one that leases go by."""
        with closing(self._engine.connect()) as connection:
            return connection.execute(select(func.now())).scalar_one()


def _overlap(one: Release, other: Release) -> bool:
    return one.window.start < other.window.end and other.window.start < one.window.end
