"""Events: each segment add and pixel visit once, on the day on which it arrived.

Reads the landing tables `segment_events` and `pixel_events` of the run's days, and `segments` and `pixels`; writes
`segment_adds` and `pixel_visits`. Events of unknown segments or pixels, or too late, go to quarantine from here.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from expectations.audience import pixel_events, pixel_visits, pixels, segment_adds, segment_events, segments
from expectations.audience.ids import bare_sql
from expectations.contract import Table
from spark_jobs.common.arrival import arrival_day
from spark_jobs.common.disposition import DROPPED, drop_later_copies, drop_where
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Landed, Stage, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.audience.params import AudienceParams


def transform(
    adds: DataFrame,
    visits: DataFrame,
    told: DataFrame,
    owned: DataFrame,
    *,
    window: Window,
    params: AudienceParams,
) -> tuple[DataFrame, DataFrame]:
    """Adds and visits with `_dropped` marks."""
    from pyspark.sql import functions as F

    kept = drop_where(adds, F.col("op") == "remove", "removal")
    return (
        once(arrived(kept, "segment_id"), told, "segment_id", segment_adds.TABLE),
        once(arrived(visits, "pixel_id"), owned, "pixel_id", pixel_visits.TABLE),
    )


def arrived(rows: DataFrame, of: str) -> DataFrame:
    """Ids without white space around them, and the day that the file's folder names."""
    from pyspark.sql import functions as F

    bare = {name: F.expr(bare_sql(name)) for name in ("event_id", "user_id", of)}
    return rows.withColumns({"arrival_day": arrival_day(), **bare})


def with_known(rows: DataFrame, dimension: DataFrame, of: str) -> DataFrame:
    """Whether the dimension listed the id when the event arrived."""
    from pyspark.sql import functions as F

    listed = F.broadcast(dimension.select(of, "listed_since").distinct())
    known = F.coalesce(F.col("listed_since") <= F.col("arrival_day"), F.lit(False))
    return rows.join(listed, on=of, how="left").withColumn("known", known)


def once(rows: DataFrame, dimension: DataFrame, of: str, table: Table) -> DataFrame:
    """The table's rows: an event that landed more than once on a day counts once, and a copy that the table refuses does not
    stand for one that it takes.
    """
    from pyspark.sql import functions as F

    event = [F.col("arrival_day"), F.col("event_id")]
    hashed = rows.withColumn("_key", F.xxhash64(*event))
    # Few events land again. They are looked for by hash, so that all others need not be moved and sorted.
    again = computed_once(hashed.groupBy("_key").count().where("count > 1").select("_key"))
    known = with_known(hashed, dimension, of)
    alone, doubtful = (known.join(F.broadcast(again), on="_key", how=how) for how in ("left_anti", "left_semi"))
    is_refused = F.expr(table.first_broken_rule_sql()).isNotNull()
    first = drop_later_copies(doubtful, [*event, is_refused], ["ts", "landing_file", "source_row"])
    return alone.unionByName(first, allowMissingColumns=True).select(*table.column_names, DROPPED)


def days_of(window: Window, params: AudienceParams) -> list[date]:
    """The UTC days that a run replaces."""
    return window.business_days("UTC", 0)


STAGE = Stage(
    pipeline="audience",
    name="events",
    reads=(
        Landed(segment_events.TABLE, by_arrival=True),
        Landed(pixel_events.TABLE, by_arrival=True),
        FromRun(segments.TABLE, "dimensions"),
        FromRun(pixels.TABLE, "dimensions"),
    ),
    writes=(
        Write(segment_adds.TABLE, days_of, balances="segment_events"),
        Write(pixel_visits.TABLE, days_of, balances="pixel_events"),
    ),
    transform=transform,
)
