"""What one attempt at one stage works with, and what it has learnt so far for its receipt."""

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spark_jobs.common.lake import Lake
from spark_jobs.common.landing import Arrival, Landing
from spark_jobs.common.ledger import Attempt, Ledger, Receipt, Run
from spark_jobs.common.stage import Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_log = logging.getLogger(__name__)


@dataclass
class Work:
    """One attempt at one stage.

    ``landed`` holds the landing frames with their bookkeeping; ``tables``, ``balance``, ``rules`` and ``phases`` go
    into the receipt.
    """

    spark: "SparkSession"
    ledger: Ledger
    landing: Landing
    stage: Stage
    run: Run
    params: Any
    attempt: Attempt
    lake: Lake = field(init=False)
    upstream: dict[str, Receipt] = field(default_factory=dict)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    landed: dict[str, "DataFrame"] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    balance: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lake = Lake(self.spark)

    @property
    def branch(self) -> str:
        digest = hashlib.sha256(self.run.run_key.encode()).hexdigest()[:10]
        return f"run_{digest}_{self.attempt.attempt_id}"

    @property
    def properties(self) -> dict[str, str]:
        """What each commit says about where it came from."""
        attempt = str(self.attempt.attempt_id)
        return {
            "signalbox.run": self.run.run_key,
            "signalbox.attempt": attempt,
            "signalbox.stage": self.stage.name,
            "signalbox.day": self.run.window.last_day.isoformat(),
        }

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the build; the receipt lists the seconds of each."""
        began = time.monotonic()
        yield
        self.phases[name] = round(self.phases.get(name, 0.0) + time.monotonic() - began, 2)
        _log.info("%s %s: %s %.1f s", self.run.pipeline, self.stage.name, name, time.monotonic() - began)
