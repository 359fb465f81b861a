"""Seconds between a train's standstill and the OCCUPY messages around it: from geometry, and learnt from the trains'
doors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro.visits import LEAST_RUN_SHARE
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.run_times import shortest_run_s

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

PLATFORM = ["stop_id", "units", "direction_id"]


def braking_s(params: MetroParams) -> Column:
    """From the front's entry into the platform section to standstill at the stop mark: s = ½·b·t²."""
    from pyspark.sql import functions as F

    return F.sqrt(2 * F.col("stop_mark_m") / params.braking_ms2)


def starting_s(params: MetroParams) -> Column:
    """From the start of movement to the front's entry into the next section: s = ½·a·t²."""
    from pyspark.sql import functions as F

    return F.sqrt(2 * (F.col("length_m") - F.col("stop_mark_m")) / params.acceleration_ms2)


def clearing_s(params: MetroParams) -> Column:
    """From the start of movement until the rear has left the platform section."""
    from pyspark.sql import functions as F

    units = F.when(F.col("units") > 0, F.col("units")).otherwise(params.units_if_unknown)
    train_m = units * params.unit_length_m
    return F.sqrt(2 * (F.col("length_m") - F.col("stop_mark_m") + train_m) / params.acceleration_ms2)


def learn_departures(traced: DataFrame, doors: DataFrame, params: MetroParams) -> DataFrame:
    """PLATFORM, off_dep_s and samples where enough visits show their last door closing, if the params say learn.

    off_dep = (n·median + k·geometric) / (n + k): few visits stay near geometry.
    """
    from pyspark.sql import functions as F

    wanted = F.lit(params.learn)
    closings = doors.where(wanted & (F.col("event_type") == "Door closed")).select(
        "vehicle_id", F.col("event_timestamp").alias("closed_ts")
    )
    seen = traced.where(wanted & (F.col("left_by") == "OCCUPY") & F.col("vehicle_id").isNotNull())
    during = (F.col("closed_ts") >= F.col("entered_ts")) & (
        F.col("closed_ts") <= F.col("left_ts") + F.expr("INTERVAL 5 SECONDS")
    )
    pairs = seen.join(closings, on="vehicle_id", how="inner").where(during)
    last = pairs.groupBy(
        "service_date", "run_id", "visit_seq", *PLATFORM, "left_ts", starting_s(params).alias("geometric_s")
    )
    samples = last.agg(F.max("closed_ts").alias("closed_ts"))
    off_s = (F.unix_micros("left_ts") - F.unix_micros("closed_ts")) / 1e6
    learnt = samples.groupBy("service_date", *PLATFORM).agg(
        F.median(off_s).alias("median_s"), F.count("*").alias("samples"), F.first("geometric_s").alias("geometric_s")
    )
    prior = params.offset_prior_visits
    shrunk = (F.col("samples") * F.col("median_s") + prior * F.col("geometric_s")) / (F.col("samples") + prior)
    return learnt.where(F.col("samples") >= params.offset_min_visits).select(
        "service_date", *PLATFORM, shrunk.alias("off_dep_s"), "samples"
    )


def with_times(traced: DataFrame, learnt: DataFrame, params: MetroParams) -> DataFrame:
    """arrival_ts, departure_ts, time_quality and sigma_s of each visit."""
    from pyspark.sql import functions as F

    offsets = learnt.select("service_date", *PLATFORM, "off_dep_s")
    visits = traced.join(F.broadcast(offsets), on=["service_date", *PLATFORM], how="left")
    left_by = F.col("left_by")
    off_s = F.when(left_by == "RELEASE", clearing_s(params)).otherwise(F.coalesce("off_dep_s", starting_s(params)))
    quality = F.when(F.col("left_ts").isNull(), "MISSING").when(left_by == "INTERPOLATED", "INTERPOLATED")
    quality = quality.when((left_by == "OCCUPY") & F.col("off_dep_s").isNotNull(), "CALIBRATED").otherwise("MEASURED")
    sigma = F.when(F.col("time_quality") == "MEASURED", params.sigma_measured_s).when(
        F.col("time_quality") == "CALIBRATED", params.sigma_calibrated_s
    )
    times = {
        "arrival_ts": _later("entered_ts", braking_s(params)),
        "departure_ts": _later("left_ts", -off_s),
        "time_quality": quality,
    }
    timed = visits.withColumns(times).withColumn(
        "sigma_s", sigma.when(F.col("time_quality") == "INTERPOLATED", params.sigma_interpolated_s)
    )
    timed = timed.withColumn("min_run_s", shortest_run_s(params))
    return smoothed(timed, params) if params.smooth else timed


def smoothed(visits: DataFrame, params: MetroParams) -> DataFrame:
    """Put in order what measuring errors have put out of it: arrival ≤ departure, and the next arrival no sooner than a
    train can be there.

    A train that was stopping has stopped for some seconds: where arrival and departure lie too close, the arrival
    gives way.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    run = W.partitionBy("service_date", "run_id").orderBy("visit_seq")
    latest_arrival = F.when(F.col("stopping"), F.col("departure_ts") - F.expr("INTERVAL 5 SECONDS")).otherwise(
        F.col("departure_ts")
    )
    stopping = F.unix_millis("departure_ts") - F.unix_millis("arrival_ts") > -5000
    visits = visits.withColumn(
        "stopping", stopping & ~F.coalesce(F.col("destination_code").isin(*params.depot_destinations), F.lit(False))
    )
    left = F.unix_micros(F.lag("departure_ts").over(run))
    soonest = F.timestamp_micros(left + F.ceil(LEAST_RUN_SHARE * F.col("min_run_s") * 1e6))
    return visits.withColumn("arrival_ts", F.least(F.greatest("arrival_ts", soonest), latest_arrival))


def _later(column: str, seconds: Column) -> Column:
    from pyspark.sql import functions as F

    return F.timestamp_micros(F.unix_micros(column) + F.round(seconds * 1e6).cast("bigint"))
