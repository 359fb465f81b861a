"""Readings: what the signalling assets measured, each reading once.

Reads `signal_reading`, three million rows a day; writes `signal_readings`. Every reading is published, quarantined, or
left out with a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import signal_reading, signal_readings
from spark_jobs.common.disposition import DROPPED, DUPLICATE, drop_outside, drop_where
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import arrived_by, recent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(readings: DataFrame, *, window: Window, params: MetroParams) -> tuple[DataFrame]:
    """Readings with `_dropped` marks."""
    scoped = arrived_in_scope(readings, window, params)
    marked = without_repeats(scoped)
    return (marked.select(*signal_readings.TABLE.column_names, DROPPED),)


def arrived_in_scope(readings: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """Mark what had not arrived yet, and what was measured outside of the scope that the run replaces."""
    from pyspark.sql import functions as F

    arrived = drop_where(readings, F.col("ingest_ts") >= F.lit(arrived_by(window, params).end), "not_yet_arrived")
    return drop_outside(arrived, "reading_ts", recent(window, params))


def without_repeats(readings: DataFrame) -> DataFrame:
    """Mark readings sent again: all but the first to arrive.

    Hashes of the ids are counted first, and only rows whose hash is there twice are compared: sorting millions of
    whole rows to find a handful of repeats costs ten times as much.
    """
    from pyspark.sql import functions as F

    origin = F.struct("ingest_ts", "source_file", "source_row")
    hashed = readings.withColumn("_hash", F.xxhash64("reading_id"))
    fresh = hashed.where(f"{DROPPED} IS NULL")
    twice = fresh.groupBy("_hash").count().where("count > 1").select("_hash")
    rivals = fresh.join(F.broadcast(twice), on="_hash", how="left_semi")
    first = rivals.groupBy("reading_id").agg(F.min(origin).alias("_first"))
    judged = hashed.join(F.broadcast(first), on="reading_id", how="left")
    return drop_where(judged, F.col("_first").isNotNull() & (origin != F.col("_first")), DUPLICATE)


STAGE = Stage(
    pipeline="metro",
    name="readings",
    reads=(Landed(signal_reading.TABLE),),
    writes=(Write(signal_readings.TABLE, scope=recent, balances="signal_reading"),),
    transform=transform,
    read_window=recent,
)
