"""Every statement that the platform sends to the ledger."""

import math
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.pool import NullPool

from spark_jobs.common.ledger import leases, proofs, releases, states, windows
from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Attempt, Receipt, Release, Run, Verdict
from spark_jobs.common.ledger.verdicts import judge
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.window import Window

_RUN_COLUMNS = (
    s.run.c.run_key,
    s.run.c.pipeline,
    s.run.c.cadence,
    s.run.c.tier,
    s.run.c.window_start,
    s.run.c.window_end,
    s.run.c.explicit,
)


class Ledger:
    """The ledger behind one database URL. Every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def from_environment(cls) -> "Ledger":
        """The ledger that ``SIGNALBOX_LEDGER_URL`` names."""
        url = os.environ.get("SIGNALBOX_LEDGER_URL")
        if not url:
            raise ValueError(
                "SIGNALBOX_LEDGER_URL is not set; it names the ledger's PostgreSQL database (see docs/operate.md)."
            )
        return cls.at(url)

    @classmethod
    def at(cls, url: str) -> "Ledger":
        """The ledger behind a SQLAlchemy URL."""
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

    # -- runs and windows ------------------------------------------------------------------------------------

    def open_run(
        self, pipeline: str, cadence: str, run_key: str, interval: Window | None, explicit: Window | None = None
    ) -> Run:
        """Find the run, or fix its window for good on the first call.

        A live run without explicit times takes over where the newest released live window ended, at most two hours.
        Raises ``Settled`` when a live run's window is released already, unless explicit times name exactly the newest
        one.
        """
        with self._engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:k))"), {"k": f"{pipeline}/{cadence}"})
            known = connection.execute(select(*_RUN_COLUMNS).where(s.run.c.run_key == run_key)).one_or_none()
            run = Run(*known) if known else windows.plan_run(connection, pipeline, cadence, run_key, interval, explicit)
            windows.refuse_released(connection, run)
            if known is None:
                connection.execute(insert(s.run).values({**run.__dict__, "explicit": int(run.explicit)}))
            return run

    def require_unreleased(self, run: Run) -> None:
        """Raise ``Settled`` when another run has released the live window meanwhile."""
        with self._engine.begin() as connection:
            windows.refuse_released(connection, run)

    def run(self, run_key: str) -> Run:
        """The run of this key; ``Blocked`` when none of its stages was ever built."""
        with self._engine.begin() as connection:
            known = connection.execute(select(*_RUN_COLUMNS).where(s.run.c.run_key == run_key)).one_or_none()
        if known is None:
            raise Blocked(f"The ledger knows no run {run_key}: none of its stages was built.")
        return Run(*known)

    def close_run(self, run_key: str) -> None:
        """Give the run's lease back, whatever came of the run."""
        with self._engine.begin() as connection:
            connection.execute(update(s.run).where(s.run.c.run_key == run_key).values(closed_at=func.now()))
            leases.give_back(connection, run_key)

    # -- leases and attempts ---------------------------------------------------------------------------------

    def writing_runs(self) -> list[str]:
        """Runs of any pipeline that write now, or are between two of their steps."""
        with self._engine.begin() as connection:
            return leases.holders(connection)

    def take_turn(self, run: Run) -> None:
        """Take the run's lease before its first step, or find it in the run's hands; raises ``LeaseHeld``."""
        with self._engine.begin() as connection:
            leases.take(connection, run)

    def begin(self, run: Run, step: str) -> Attempt:
        """Take or find the run's lease and start a new attempt at a step; from now on older attempts at it cannot
        publish.
        """
        with self._engine.begin() as connection:
            token = leases.take(connection, run)
            tries = (
                select(func.count())
                .where(s.attempt.c.run_key == run.run_key, s.attempt.c.step == step)
                .scalar_subquery()
            )
            number = (connection.execute(select(tries)).scalar() or 0) + 1
            attempt_id = connection.execute(
                insert(s.attempt)
                .values({"run_key": run.run_key, "step": step, "try": number, "token": token})
                .returning(s.attempt.c.attempt_id)
            ).scalar_one()
            return Attempt(attempt_id, run, step, number, token)

    def renew(self, attempt: Attempt) -> bool:
        """Push the lease's expiry on; False when it is no longer this attempt's."""
        with self._engine.begin() as connection:
            return leases.renew(connection, attempt)

    def require_current(self, attempt: Attempt) -> None:
        """Raise ``Settled`` unless the attempt holds the lease and is the newest at its step."""
        with self._engine.begin() as connection:
            leases.require_current(connection, attempt)

    # -- receipts and verdicts -------------------------------------------------------------------------------

    def write_receipt(self, attempt: Attempt, document: dict[str, Any]) -> int:
        """Append a receipt; only the newest attempt under a living lease may."""
        with self._engine.begin() as connection:
            leases.require_current(connection, attempt)
            receipt_id: int = connection.execute(
                insert(s.receipt)
                .values(
                    attempt_id=attempt.attempt_id,
                    run_key=attempt.run.run_key,
                    stage=attempt.step,
                    document=_storable(document),
                )
                .returning(s.receipt.c.receipt_id)
            ).scalar_one()
            return receipt_id

    def receipt(self, run_key: str, stage: str) -> Receipt | None:
        """The receipt of the stage's newest attempt, if that attempt has written one."""
        with self._engine.begin() as connection:
            return proofs.newest_receipt(connection, run_key, stage)

    def receipts(self, run_key: str, also_superseded: bool = False) -> list[Receipt]:
        """The run's receipts, oldest first: of each stage the one that ``receipt`` finds, or all ever written."""
        with self._engine.begin() as connection:
            return proofs.receipts(connection, run_key, also_superseded)

    def first_receipt(self, pipeline: str, tier: str, window: Window, stage: str) -> Receipt | None:
        """The receipt with which this window was first released."""
        with self._engine.begin() as connection:
            return proofs.first_receipt(connection, pipeline, tier, window, stage)

    def newest_blocked(self, pipeline: str) -> Receipt | None:
        """The receipt that a checkpoint of the pipeline blocked last."""
        with self._engine.begin() as connection:
            return proofs.newest_blocked(connection, pipeline)

    def checkpoint(self, run_key: str, stage: str) -> Verdict:
        """Judge the newest attempt's receipt and record the verdict."""
        with self._engine.begin() as connection:
            verdict = judge(stage, proofs.newest_receipt(connection, run_key, stage))
            if connection.execute(select(s.run.c.run_key).where(s.run.c.run_key == run_key)).first() is None:
                return verdict  # Nothing was built, so there is no run to record it for.
            values = {"receipt_id": verdict.receipt_id, "status": verdict.status, "sentence": verdict.sentence}
            connection.execute(insert(s.verdict).values(run_key=run_key, stage=stage, **values))
            return verdict

    def require_passed(self, run_key: str, stages: tuple[str, ...]) -> dict[str, Receipt]:
        """The receipts of stages whose checkpoints passed, or were overridden; ``Blocked`` for the first that did not.

        This is why marking a task successful by hand publishes nothing.
        """
        with self._engine.begin() as connection:
            return {stage: proofs.passed(connection, run_key, stage) for stage in stages}

    def override(self, run_key: str, stage: str, admin: str, reason: str) -> None:
        """Let a blocked receipt through, on record. Needs a receipt, an admin and a reason."""
        if not admin.strip() or not reason.strip():
            raise ValueError("An override needs the admin's name and a reason.")
        with self._engine.begin() as connection:
            receipt = proofs.newest_receipt(connection, run_key, stage)
            if receipt is None:
                raise ValueError(f"Stage {stage} of {run_key} has no receipt: there is nothing to override.")
            connection.execute(
                insert(s.override).values(
                    run_key=run_key, stage=stage, receipt_id=receipt.receipt_id, admin=admin, reason=reason
                )
            )

    # -- releases --------------------------------------------------------------------------------------------

    def write_release(self, attempt: Attempt, snapshots: dict[str, int], of: Run | None = None) -> Release:
        """Record the release of the attempt's run, or of a run that was cut off; a repeat finds the first one."""
        with self._engine.begin() as connection:
            leases.require_current(connection, attempt)
            return releases.record(connection, of or attempt.run, attempt.token, snapshots)

    def releases(self, pipeline: str, tier: str, run_key: str | None = None) -> list[Release]:
        """Releases, newest first."""
        with self._engine.begin() as connection:
            return releases.find(connection, pipeline, tier, run_key)

    def state_at(self, pipeline: str, tier: str, table: str, moment: datetime) -> int:
        """The snapshot of a state at the instant where a window ended; ``Blocked`` when there is none, or a stale one."""
        with self._engine.begin() as connection:
            return states.at(connection, pipeline, tier, table, moment)

    def latest_release(self, pipeline: str, tier: str) -> Release:
        """The release of the latest day, which need not be the newest: an old day may have been run again."""
        with self._engine.begin() as connection:
            return releases.latest(connection, pipeline, tier)

    def interrupted(self, run: Run) -> list[str]:
        """Keys of other runs whose release may have been cut off half way."""
        with self._engine.begin() as connection:
            return releases.interrupted(connection, run)

    def unserved(self, pipeline: str, tier: str, run_key: str) -> list[Release]:
        """What ``run_key`` has to serve: its release and older ones that were never served; none once a newer one is."""
        with self._engine.begin() as connection:
            return releases.unserved(connection, pipeline, tier, run_key)

    def receipt_scopes(self, run_key: str) -> dict[str, str]:
        """The SQL condition of the rows that a run replaced, by lake table."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(s.receipt.c.document).where(s.receipt.c.run_key == run_key).order_by(s.receipt.c.receipt_id)
            ).scalars()
            return {name: entry["scope"] for document in rows for name, entry in document["tables"].items()}

    def mark_served(self, served: Iterable[Release], rows: dict[str, int]) -> None:
        """Record that PostgreSQL shows these releases."""
        with self._engine.begin() as connection:
            for release in served:
                values = {"release_id": release.release_id, "rows": rows}
                connection.execute(upsert(s.serving).values(values).on_conflict_do_nothing())

    # -- jobs on a cluster -----------------------------------------------------------------------------------

    def write_ending(self, job: str, outcome: Blocked | Settled) -> None:
        """Record why a job on a cluster did not do its work; the last word counts."""
        values = {"exit_code": outcome.exit_code, "sentence": str(outcome).replace("\0", "\N{REPLACEMENT CHARACTER}")}
        statement = upsert(s.ending).values({"job": job, **values})
        with self._engine.begin() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["job"], set_=values))

    def ending(self, job: str) -> Blocked | Settled | None:
        """What the job was ended by, if it was blocked or had nothing to do."""
        query = select(s.ending.c.exit_code, s.ending.c.sentence).where(s.ending.c.job == job)
        with self._engine.begin() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            return None
        return Settled(found.sentence) if found.exit_code == Settled.exit_code else Blocked(found.sentence)


def _storable(value: Any) -> Any:
    """A document as PostgreSQL's JSON can hold it: text without NUL, numbers that are numbers."""
    if isinstance(value, dict):
        return {_storable(key): _storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
