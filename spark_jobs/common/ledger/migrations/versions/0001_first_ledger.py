"""The first ledger: runs, leases, attempts, receipts, verdicts, overrides, releases, servings."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _moment(name: str, nullable: bool = False, now: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=sa.func.now() if now else None)


def _serial(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, sa.Identity(), primary_key=True)


def _run_key(index: bool = False) -> sa.Column[Any]:
    return sa.Column("run_key", sa.String, sa.ForeignKey("run.run_key"), nullable=False, index=index)


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("lease_token")))
    op.create_table(
        "run",
        sa.Column("run_key", sa.String, primary_key=True),
        sa.Column("pipeline", sa.String, nullable=False),
        sa.Column("cadence", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        _moment("window_start"),
        _moment("window_end"),
        sa.Column("explicit", sa.Integer, nullable=False, server_default="0"),
        _moment("opened_at", now=True),
        _moment("closed_at", nullable=True),
    )
    op.create_table(
        "lease",
        sa.Column("pipeline", sa.String, primary_key=True),
        sa.Column("tier", sa.String, primary_key=True),
        sa.Column("run_key", sa.String, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        _moment("expires_at"),
    )
    op.create_table(
        "attempt",
        _serial("attempt_id"),
        _run_key(index=True),
        sa.Column("step", sa.String, nullable=False),
        sa.Column("try", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        _moment("started_at", now=True),
    )
    op.create_table(
        "receipt",
        _serial("receipt_id"),
        sa.Column("attempt_id", sa.BigInteger, sa.ForeignKey("attempt.attempt_id"), nullable=False, unique=True),
        _run_key(index=True),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("document", JSONB, nullable=False),
        _moment("written_at", now=True),
    )
    op.create_table(
        "verdict",
        _serial("verdict_id"),
        _run_key(index=True),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("receipt_id", sa.BigInteger, sa.ForeignKey("receipt.receipt_id")),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        _moment("given_at", now=True),
    )
    op.create_table(
        "override",
        _serial("override_id"),
        _run_key(),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("receipt_id", sa.BigInteger, sa.ForeignKey("receipt.receipt_id"), nullable=False),
        sa.Column("admin", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        _moment("given_at", now=True),
    )
    op.create_table(
        "release",
        _serial("release_id"),
        sa.Column("pipeline", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        _run_key(),
        sa.Column("token", sa.BigInteger, nullable=False),
        _moment("window_start"),
        _moment("window_end"),
        sa.Column("snapshots", JSONB, nullable=False),
        _moment("released_at", now=True),
    )
    op.create_table(
        "serving",
        sa.Column("release_id", sa.BigInteger, sa.ForeignKey("release.release_id"), primary_key=True),
        sa.Column("rows", JSONB, nullable=False),
        _moment("served_at", now=True),
    )


def downgrade() -> None:
    for table in ("serving", "release", "override", "verdict", "receipt", "attempt", "lease", "run"):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(sa.Sequence("lease_token")))
