"""What a visit's times must be consistent with: the track since the stop before, and where else its vehicle was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.metro.params import MetroParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def with_run_times(visits: DataFrame) -> DataFrame:
    """run_s and vehicle_left_ts of each visit; none at a run's first and of a train not seen before.

    A train that reverses shows its other end first: a train is known by the least of its vehicles. What has been coupled
    or taken apart in between is compared where that one is the same.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    run = W.partitionBy("service_date", "run_id").orderBy("visit_seq")
    since = F.unix_micros("arrival_ts") - F.unix_micros(F.lag("departure_ts").over(run))
    train = F.array_min(F.split("vehicle_consist", r"\|"))
    before = W.partitionBy(train).orderBy("anchor_ts", "run_id", "visit_seq").rowsBetween(W.unboundedPreceding, -1)
    left = F.when(F.col("vehicle_consist").isNotNull(), F.last("departure_ts", ignorenulls=True).over(before))
    return visits.withColumns({"run_s": since / 1e6, "vehicle_left_ts": left})


def shortest_run_s(params: MetroParams) -> Column:
    """From standstill to standstill over ``way_m``: d/v + v/2·(1/a + 1/b), and √(2d·(1/a + 1/b)) where the way is too
    short to reach line speed.
    """
    from pyspark.sql import functions as F

    way_m, speed_ms = F.col("way_m"), params.line_speed_ms
    s_per_ms = 1 / params.acceleration_ms2 + 1 / params.braking_ms2
    cruising = way_m / speed_ms + speed_ms / 2 * s_per_ms
    return F.when(way_m >= speed_ms**2 / 2 * s_per_ms, cruising).otherwise(F.sqrt(2 * way_m * s_per_ms))
