"""The publish log: every publish, refusal and rollback of the marts of a pipeline that are swapped."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from spark_jobs.common.mart import named

_COLUMNS = {
    "run_id": "text NOT NULL",
    "release_id": "bigint NOT NULL",
    "mart": "text NOT NULL",
    "started_at": "timestamptz NOT NULL",
    "finished_at": "timestamptz NOT NULL",
    "attempts": "integer NOT NULL",
    "rows": "bigint NOT NULL",
    "checksum": "text NOT NULL",
    "action": "text NOT NULL CHECK (action IN ('publish', 'refuse', 'rollback'))",
    "forced": "boolean NOT NULL",
    "reason": "text NOT NULL",
}


Action = Literal["publish", "refuse", "rollback"]


@dataclass(frozen=True)
class Version:
    """A version of a mart, as the log knows it."""

    run_id: str
    release_id: int
    rows: int
    checksum: str


class PublishLog:
    """The log as one mart writes it, inside the transactions of its caller."""

    def __init__(self, cursor: Any, schema: str, log: str, mart: str) -> None:
        self._cursor, self._mart, self._full = cursor, mart, named(schema, log)

    def ensure(self) -> None:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
        self._cursor.execute("SELECT to_regclass($1) IS NULL", (self._full,))
        if self._cursor.fetchone()[0]:
            self._cursor.execute(
                f"CREATE TABLE {self._full} (entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {columns})"
            )

    def append(
        self,
        action: Action,
        version: Version,
        started_at: datetime,
        *,
        attempts: int = 1,
        forced: bool = False,
        reason: str = "",
    ) -> None:
        """Say what is done; ``finished_at`` is the database's time of now."""
        listed = ", ".join(f'"{name}"' for name in _COLUMNS)
        self._cursor.execute(
            f"INSERT INTO {self._full} ({listed}) VALUES ($1, $2, $3, $4, clock_timestamp(), $5, $6, $7, $8, $9, $10)",
            (
                version.run_id,
                version.release_id,
                self._mart,
                started_at,
                attempts,
                version.rows,
                version.checksum,
                action,
                forced,
                reason.replace("\0", " "),
            ),
        )

    def versions(self) -> list[Version]:
        """What readers of the mart have been shown, newest first: what they see now, and what they saw before."""
        self._cursor.execute(
            f"SELECT run_id, release_id, rows, checksum FROM {self._full} "
            "WHERE mart = $1 AND action <> 'refuse' ORDER BY entry_id DESC LIMIT 2",
            (self._mart,),
        )
        return [Version(*row) for row in self._cursor.fetchall()]
