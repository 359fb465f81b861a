"""Proofs: the receipts that builds have written, and whether the checkpoint of a stage has passed."""

from sqlalchemy import Connection, func, select

from spark_jobs.common.ledger import schema as s
from spark_jobs.common.ledger.records import Receipt
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.window import Window

_RECEIPT = (
    s.receipt.c.receipt_id,
    s.receipt.c.attempt_id,
    s.receipt.c.run_key,
    s.receipt.c.stage,
    s.receipt.c.document,
)


def newest_receipt(connection: Connection, run_key: str, stage: str) -> Receipt | None:
    """The receipt of the stage's newest attempt, if that attempt has written one."""
    of_step = (s.attempt.c.run_key == run_key) & (s.attempt.c.step == stage)
    newest = select(func.max(s.attempt.c.attempt_id)).where(of_step).scalar_subquery()
    row = connection.execute(select(*_RECEIPT).where(s.receipt.c.attempt_id == newest)).one_or_none()
    return Receipt(*row) if row else None


def receipts(connection: Connection, run_key: str, also_superseded: bool) -> list[Receipt]:
    """The run's receipts, oldest first; unless asked for, without those that a newer attempt has superseded."""
    newest = select(func.max(s.attempt.c.attempt_id)).where(s.attempt.c.run_key == run_key).group_by(s.attempt.c.step)
    query = select(*_RECEIPT).where(s.receipt.c.run_key == run_key).order_by(s.receipt.c.receipt_id)
    rows = connection.execute(query if also_superseded else query.where(s.receipt.c.attempt_id.in_(newest)))
    return [Receipt(*row) for row in rows]


def first_receipt(connection: Connection, pipeline: str, tier: str, window: Window, stage: str) -> Receipt | None:
    """The receipt with which a window was first released."""
    c = s.release.c
    of_window = (c.window_start == window.start) & (c.window_end == window.end)
    released = (
        select(c.run_key).where(c.pipeline == pipeline, c.tier == tier, of_window).order_by(c.release_id).limit(1)
    )
    query = select(*_RECEIPT).where(s.receipt.c.run_key == released.scalar_subquery(), s.receipt.c.stage == stage)
    row = connection.execute(query.order_by(s.receipt.c.receipt_id.desc()).limit(1)).one_or_none()
    return Receipt(*row) if row else None


def newest_blocked(connection: Connection, pipeline: str) -> Receipt | None:
    """The receipt that a checkpoint of the pipeline blocked last."""
    of_pipeline = select(s.run.c.run_key).where(s.run.c.pipeline == pipeline)
    blocked = (s.verdict.c.status == "block") & s.verdict.c.run_key.in_(of_pipeline)
    query = select(*_RECEIPT).join(s.verdict, s.verdict.c.receipt_id == s.receipt.c.receipt_id).where(blocked)
    row = connection.execute(query.order_by(s.verdict.c.verdict_id.desc()).limit(1)).one_or_none()
    return Receipt(*row) if row else None


def passed(connection: Connection, run_key: str, stage: str) -> Receipt:
    """The stage's newest receipt; raises ``Blocked`` unless that very receipt has passed, or was overridden."""
    receipt = newest_receipt(connection, run_key, stage)
    if receipt is None:
        raise Blocked(
            f"Stage {stage} has no receipt for its newest attempt in this run; "
            "clear it so that it is built and checked."
        )
    bound = (s.verdict.c.run_key == run_key) & (s.verdict.c.receipt_id == receipt.receipt_id)
    query = select(s.verdict.c.status, s.verdict.c.sentence).where(bound).order_by(s.verdict.c.verdict_id.desc())
    verdict = connection.execute(query.limit(1)).one_or_none()
    by_hand = select(s.override.c.override_id).where(s.override.c.receipt_id == receipt.receipt_id)
    if connection.execute(by_hand).first() is None and (verdict is None or verdict.status not in ("pass", "warn")):
        why = verdict.sentence if verdict else f"Stage {stage}: its checkpoint has not judged the newest receipt."
        raise Blocked(f"The checkpoint of {stage} did not pass. {why}")
    return receipt
