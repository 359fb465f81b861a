"""Index: how much more, or less, common each segment is among the visitors of each pixel than in its group.

Reads `udb`, the one of the day before for its size, the run's events, `segments` and `pixels`; writes `air_index`, of its
rows by day the ones that are shown in `air_trend`, and `air_run_audit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from expectations.audience import (
    air_index,
    air_run_audit,
    air_trend,
    pixel_visits,
    pixels,
    segment_adds,
    segments,
    statuses,
    udb,
)
from spark_jobs.audience.cells import Live, cells_of
from spark_jobs.audience.counts import groups_on, user_counts
from spark_jobs.audience.estimates import estimated, exact, sampled, theta_of
from spark_jobs.audience.pairs import GROUP, GROUP_PIXEL, PIXEL, SEGMENT, SEGMENT_PIXEL
from spark_jobs.audience.params import THETA, AudienceParams
from spark_jobs.audience.run_audit import run_audit
from spark_jobs.audience.statistics import judged
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Stage, StateBefore, Write
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(
    users: DataFrame,
    before: DataFrame,
    adds: DataFrame,
    visits: DataFrame,
    told: DataFrame,
    owned: DataFrame,
    *,
    window: Window,
    params: AudienceParams,
) -> tuple[DataFrame, ...]:
    """The index, what of it is shown from day to day, and one row on the day."""
    from pyspark.sql import functions as F

    group_of = {row.segment_id: row.group_id for row in groups_on(told, window.last_day).collect()}
    owner_of = {row.pixel_id: row.advertiser_id for row in owned.select("pixel_id", "advertiser_id").collect()}
    theta = theta_of(users, params.lg_k) if params.mode == THETA else None
    counts = computed_once(user_counts(sampled(users, theta) if theta else users, group_of, params))
    live = Live.of(counts.where(F.col("what").isin(SEGMENT, GROUP)).toArrow(), group_of)
    index = computed_once(indexed(counts, live, owner_of, theta, window, params))
    trend = index.where(F.col("status").isin(*statuses.SHOWN)).select(*air_trend.TABLE.column_names)
    return index, trend, run_audit(users, before, adds, visits, counts, theta or 1.0, window)


def indexed(
    counts: DataFrame,
    live: Live,
    owner_of: Mapping[str, str],
    theta: float | None,
    window: Window,
    params: AudienceParams,
) -> DataFrame:
    """All cells of a pixel together, because significance is judged among them."""
    from pyspark.sql import functions as F

    kinds = {column.name: column.type for column in air_index.TABLE.columns}
    answer = ", ".join(f"{name} {kind}" for name, kind in kinds.items() if name != "ds")

    # Spark reads the types of what it is given, and cannot read those of a partial.
    def judge(counted: pa.Table) -> pa.Table:
        return _judged(cells_of(counted, live, owner_of), theta, params)

    of_pixels = counts.where(F.col("what").isin(SEGMENT_PIXEL, GROUP_PIXEL, PIXEL))
    told = of_pixels.groupBy("pixel_id").applyInArrow(judge, answer)
    return told.withColumn("ds", F.lit(window.last_day)).select(*air_index.TABLE.column_names)


def _judged(cells: pa.Table, theta: float | None, params: AudienceParams) -> pa.Table:
    told = estimated(cells, theta, params.min_estimated_side, params.min_sampled_overlap) if theta else exact(cells)
    judged_cells = judged(told, params.min_expected, params.min_uniques, theta or 1.0)
    return judged_cells.select([name for name in air_index.TABLE.column_names if name != "ds"])


STAGE = Stage(
    pipeline="audience",
    name="index",
    reads=(
        FromRun(udb.TABLE, "udb"),
        StateBefore(udb.TABLE),
        FromRun(segment_adds.TABLE, "events"),
        FromRun(pixel_visits.TABLE, "events"),
        FromRun(segments.TABLE, "dimensions"),
        FromRun(pixels.TABLE, "dimensions"),
    ),
    writes=(
        Write(air_index.TABLE),
        Write(air_trend.TABLE, lambda window, params: [window.last_day]),
        Write(air_run_audit.TABLE, lambda window, params: [window.last_day]),
    ),
    transform=transform,
)
