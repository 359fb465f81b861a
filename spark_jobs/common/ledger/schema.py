"""The ledger's tables, as SQLAlchemy sees them. What the database has is made by the migrations beside this module."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
lease_token = Sequence("lease_token", metadata=metadata)


def _moment(name: str, **kwargs: Any) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), **kwargs)


run = Table(
    "run",
    metadata,
    Column("run_key", String, primary_key=True),
    Column("pipeline", String, nullable=False),
    Column("cadence", String, nullable=False),
    Column("tier", String, nullable=False),
    _moment("window_start", nullable=False),
    _moment("window_end", nullable=False),
    Column("explicit", Integer, nullable=False, server_default="0"),
    _moment("opened_at", nullable=False, server_default=func.now()),
    _moment("closed_at"),
)

lease = Table(
    "lease",
    metadata,
    Column("pipeline", String, primary_key=True),
    Column("tier", String, primary_key=True),
    Column("run_key", String, nullable=False),
    Column("token", BigInteger, nullable=False),
    _moment("expires_at", nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("attempt_id", BigInteger, Identity(), primary_key=True),
    Column("run_key", String, ForeignKey("run.run_key"), nullable=False, index=True),
    Column("step", String, nullable=False),
    Column("try", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    _moment("started_at", nullable=False, server_default=func.now()),
)

receipt = Table(
    "receipt",
    metadata,
    Column("receipt_id", BigInteger, Identity(), primary_key=True),
    Column("attempt_id", BigInteger, ForeignKey("attempt.attempt_id"), nullable=False, unique=True),
    Column("run_key", String, ForeignKey("run.run_key"), nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("document", JSONB, nullable=False),
    _moment("written_at", nullable=False, server_default=func.now()),
)

verdict = Table(
    "verdict",
    metadata,
    Column("verdict_id", BigInteger, Identity(), primary_key=True),
    Column("run_key", String, ForeignKey("run.run_key"), nullable=False, index=True),
    Column("stage", String, nullable=False),
    Column("receipt_id", BigInteger, ForeignKey("receipt.receipt_id")),
    Column("status", String, nullable=False),
    Column("sentence", Text, nullable=False),
    _moment("given_at", nullable=False, server_default=func.now()),
)

override = Table(
    "override",
    metadata,
    Column("override_id", BigInteger, Identity(), primary_key=True),
    Column("run_key", String, ForeignKey("run.run_key"), nullable=False),
    Column("stage", String, nullable=False),
    Column("receipt_id", BigInteger, ForeignKey("receipt.receipt_id"), nullable=False),
    Column("admin", String, nullable=False),
    Column("reason", Text, nullable=False),
    _moment("given_at", nullable=False, server_default=func.now()),
)

release = Table(
    "release",
    metadata,
    Column("release_id", BigInteger, Identity(), primary_key=True),
    Column("pipeline", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("run_key", String, ForeignKey("run.run_key"), nullable=False),
    Column("token", BigInteger, nullable=False),
    _moment("window_start", nullable=False),
    _moment("window_end", nullable=False),
    Column("snapshots", JSONB, nullable=False),
    _moment("released_at", nullable=False, server_default=func.now()),
)

serving = Table(
    "serving",
    metadata,
    Column("release_id", BigInteger, ForeignKey("release.release_id"), primary_key=True),
    Column("rows", JSONB, nullable=False),
    _moment("served_at", nullable=False, server_default=func.now()),
)

ending = Table(
    "ending",
    metadata,
    Column("job", String, primary_key=True),
    Column("exit_code", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
    _moment("ended_at", nullable=False, server_default=func.now()),
)
