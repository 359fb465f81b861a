"""What the ledger hands out."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from spark_jobs.common.window import Window


@dataclass(frozen=True)
class Run:
    """One run of a pipeline: the window it answers for and the tier it writes."""

    run_key: str
    pipeline: str
    cadence: str
    tier: str
    window_start: datetime
    window_end: datetime
    explicit: bool = False

    @property
    def window(self) -> Window:
        return Window(self.window_start, self.window_end)


@dataclass(frozen=True)
class Attempt:
    """One try at one step of a run, with the lease's fencing token under which it works."""

    attempt_id: int
    run: Run
    step: str
    number: int
    token: int


@dataclass(frozen=True)
class Receipt:
    """What one build attempt read, wrote and proved."""

    receipt_id: int
    attempt_id: int
    run_key: str
    stage: str
    document: dict[str, Any]

    @property
    def snapshots(self) -> dict[str, int]:
        """Snapshot id by lake table."""
        return {name: entry["snapshot"] for name, entry in self.document["tables"].items()}


@dataclass(frozen=True)
class Verdict:
    """A checkpoint's judgement of a receipt."""

    status: str
    sentence: str
    rules: list[dict[str, Any]] = field(default_factory=list)
    receipt_id: int | None = None

    @property
    def passed(self) -> bool:
        return self.status in ("pass", "warn")


@dataclass(frozen=True)
class Release:
    """A set of table snapshots that belong together and may be seen."""

    release_id: int
    pipeline: str
    tier: str
    run_key: str
    window: Window
    snapshots: dict[str, int]
    released_at: datetime
