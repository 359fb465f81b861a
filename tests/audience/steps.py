"""The stages' transforms one after the other on landed files, without a lake: what each hands on is split as a build does."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from expectations.audience import pixel_dim, pixel_events, pixel_visits, segment_adds, segment_dim, segment_events
from expectations.contract import Table
from simulators import audience as simulator
from spark_jobs.audience import days, dimensions, events, udb
from spark_jobs.audience.params import AudienceParams
from spark_jobs.common.arrival import read_arrival, valid_rows
from spark_jobs.common.disposition import DROPPED
from spark_jobs.common.landing import Landing
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Spans = dict[str, tuple[int, int]]
FIRST = date(2024, 1, 1)


def simulated(folder: Path, *options: str) -> Path:
    """The landing zone of a simulated world that begins on ``FIRST``; its truth lies beside it."""
    parser = argparse.ArgumentParser()
    simulator.add_arguments(parser)
    landing, truth = folder / "landing", folder / "truth"
    told = ["--landing", str(landing), "--truth", str(truth), "--first-day", FIRST.isoformat(), *options]
    simulator.simulate(parser.parse_args(told))
    return landing


def window_of(first: date, last: date) -> Window:
    """From the start of one UTC day to the end of another."""
    midnight = datetime.min.time()
    end = datetime.combine(last, midnight, UTC) + timedelta(days=1)
    return Window(datetime.combine(first, midnight, UTC), end)


class Steps:
    """The events of a landing zone, and what becomes of them day by day."""

    def __init__(self, spark: SparkSession, landing: Path, window: Window, staging: Path) -> None:
        self.spark, self.params = spark, AudienceParams()
        self._landing, self._staging = Landing(landing, staging), staging
        reach = dimensions.landed_so_far(window, self.params)
        entries = [self._landed(contract.TABLE, reach) for contract in (segment_dim, pixel_dim)]
        self.segments, self.pixels = (
            kept.where(f"{DROPPED} IS NULL").drop(DROPPED)
            for kept in dimensions.transform(*entries, window=window, params=self.params)
        )
        happened = [self._landed(contract.TABLE, window) for contract in (segment_events, pixel_events)]
        told = events.transform(*happened, self.segments, self.pixels, window=window, params=self.params)
        self.adds, self.visits = (
            published(rows, contract.TABLE).localCheckpoint()
            for rows, contract in zip(told, (segment_adds, pixel_visits), strict=True)
        )

    def _landed(self, table: Table, window: Window) -> DataFrame:
        return valid_rows(read_arrival(self.spark, self._landing.take(table, window, by_arrival=True)))

    def state(self, before: DataFrame | None, window: Window) -> DataFrame:
        """The user database at the end of the window; nothing before it when ``before`` is None."""
        if before is None:
            before = self.spark.createDataFrame([], udb.udb.TABLE.ddl())
        (of_days,) = days.transform(self.adds, self.visits, window=window, params=self.params)
        (after,) = udb.transform(of_days, before, window=window, params=self.params)
        return after.localCheckpoint()


def published(rows: DataFrame, table: Table) -> DataFrame:
    """What a build would publish of an output."""
    kept = rows.where(f"{DROPPED} IS NULL").drop(DROPPED)
    return kept.where(f"({table.first_broken_rule_sql()}) IS NULL")


def listed_state(state: DataFrame) -> dict[str, tuple[Spans, Spans]]:
    """By user: segments and pixels by first and last instant."""
    return {
        row.user_id: tuple(
            {name: (span.min, span.max) for name, span in held.items()} for held in (row.segments, row.pixels)
        )
        for row in state.collect()
    }
