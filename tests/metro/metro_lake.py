"""The metro pipeline on a lake of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from spark_jobs.common.lake import table_name
from spark_jobs.common.receipt import content_hash
from spark_jobs.common.window import Window
from spark_jobs.metro import STAGES
from tests.metro.clock import at
from tests.pipeline_lake import PipelineLake, own_session

WITHOUT_READINGS = tuple(stage for stage in STAGES if stage != "readings")
# Stages that decide nothing for good: what a window writes is what its messages say.
WITHOUT_PINS = ("timetable", "movements", "signal_readings", "visits")
# What matching decides and what is counted of it, each with the time that a row is about.
DECIDED = {
    "stop_visits": "anchor_ts",
    "planned_calls": "planned_departure_ts",
    "trips_performed": "coalesce(actual_trip_start, actual_trip_end)",
    "kpi_15min": "slot_start",
}
# By which pass and at what cost a pair was found is what was known then: windows of other lengths knew other things.
HOW_FOUND = ("match_method", "match_cost_s")


class MetroLake(PipelineLake):
    """Live windows and nights, and what readers see of them."""

    def live(self, start: str, end: str) -> None:
        """Live windows of five minutes, one after the other, each asked for by its times."""
        for begin in pd.date_range(at(start), at(end), freq="5min", inclusive="left"):
            moment = begin.to_pydatetime()
            self.run("live", Window(moment, moment + timedelta(minutes=5)))

    def scheduled_live(self, end: str) -> None:
        """What the scheduler starts at the end of an interval of five minutes."""
        self.run("live", interval=Window(at(end) - timedelta(minutes=5), at(end)))

    def decided(self, about: Window) -> dict[str, tuple[int, str]]:
        """Pairs, verdicts, trips and punctuality that live tables have of this time."""
        between = f"BETWEEN TIMESTAMP '{about.start}' AND TIMESTAMP '{about.end - timedelta(microseconds=1)}'"
        return {name: self.content((name,), f"{time} {between}", HOW_FOUND)[name] for name, time in DECIDED.items()}

    def content(
        self, names: Iterable[str], where: str = "true", without: tuple[str, ...] = (), tier: str = "live"
    ) -> dict[str, tuple[int, str]]:
        """Rows and content hash of a tier's tables as readers of ``main`` see them."""
        found, tables = {}, self.tables()
        for name in names:
            table = tables[name]
            rows = self.spark.table(table_name(table, tier)).where(where)
            judged = replace(table, columns=tuple(c for c in table.columns if c.name not in without), key=(), rules=())
            found[name] = (rows.count(), content_hash(rows, judged))
        return found

    def settled(self, name: str, where: str) -> pd.DataFrame:
        """Rows of a settled table on ``main``."""
        return self.spark.table(f"lake.metro.{name}").where(where).toPandas()


@contextmanager
def metro_lake(
    spark: SparkSession, folder: Path, landing: Path, stages: tuple[str, ...] = STAGES
) -> Iterator[MetroLake]:
    """A lake in ``folder`` over these landing files."""
    with own_session(spark, folder) as (session, ledger):
        yield MetroLake(session, ledger, "metro", folder, landing, stages)
