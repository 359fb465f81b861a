"""Punctuality: how many planned departures left on time, by day and by quarter of an hour, line and direction.

Reads `planned_calls` of this run. Writes `kpi_daily`, `kpi_15min` and `otp_sensitivity`. Cancelled departures count
against; departures in a gap of the data are left out and counted; those still pending do not count yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import kpi_15min, kpi_daily, otp_sensitivity, planned_calls
from spark_jobs.common.exact import exact_mean
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SLOT_S = 900


def transform(calls: DataFrame, *, window: Window, params: MetroParams) -> tuple[DataFrame, DataFrame, DataFrame]:
    """Key figures of the window's days of service."""
    judged = computed_once(judged_calls(calls, window, params))
    ruled = by_rule(judged, params)
    daily = measured(ruled, ["service_date", "route_id", "direction_id"])
    quarters = measured(
        ruled.withColumn("slot_start", slot_start()), ["service_date", "slot_start", "route_id", "direction_id"]
    )
    grid = sensitivity(judged, params)
    return (
        daily.select(*kpi_daily.TABLE.column_names),
        quarters.select(*kpi_15min.TABLE.column_names),
        grid.select(*otp_sensitivity.TABLE.column_names),
    )


def judged_calls(calls: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """Calls at timepoints, with what each counts as: ``ran``, ``counts`` (has a verdict)."""
    from pyspark.sql import functions as F

    of_days = calls.where(F.col("timepoint") & F.col("service_date").isin(service_days(window, params)))
    ran = F.col("status").isin("RUN", "RUN_OTHER_PLATFORM")
    return of_days.withColumns({"ran": ran, "counts": ran | F.col("status").isin("CANCELLED", "PART_CANCELLED")})


def by_rule(calls: DataFrame, params: MetroParams) -> DataFrame:
    """Each call once for every punctuality rule that judges it."""
    from pyspark.sql import functions as F

    rules = [
        F.struct(
            F.lit(rule.name).alias("otp_rule"),
            F.lit(rule.early_s).alias("early_s"),
            F.lit(rule.late_s).alias("late_s"),
            F.array(*[F.lit(role) for role in rule.stop_roles]).alias("stop_roles"),
        )
        for rule in params.otp_rules
    ]
    ruled = calls.withColumn("rule", F.explode(F.array(*rules))).select("*", "rule.*")
    return ruled.where(F.array_contains("stop_roles", F.col("stop_role")))


def measured(calls: DataFrame, key: list[str]) -> DataFrame:
    """Counts and shares by ``key`` and rule."""
    from pyspark.sql import functions as F

    ran = F.when(F.col("ran"), F.col("deviation_dep_s"))
    counted = calls.groupBy(*key, "otp_rule", "early_s", "late_s").agg(
        F.count_if("counts").alias("planned"),
        F.count_if("ran").alias("run"),
        F.count_if(F.col("ran") & on_time()).alias("on_time"),
        F.count_if(F.col("counts") & ~F.col("ran")).alias("cancelled"),
        F.count_if(F.col("status") == "NOT_OBSERVED").alias("not_observed"),
        F.count_if(F.col("status") == "PENDING").alias("pending"),
        exact_mean(ran, 3).alias("deviation_mean_s"),
        F.median(ran).alias("deviation_median_s"),
        F.percentile(ran, F.lit(0.9)).alias("deviation_p90_s"),
    )
    return counted.withColumns({"punctuality": share("on_time"), "regularity": share("run")})


def sensitivity(calls: DataFrame, params: MetroParams) -> DataFrame:
    """Punctuality by line under every pair of limits, over the calls that the first rule judges."""
    from pyspark.sql import functions as F

    judged = calls.where(F.col("stop_role").isin(*params.otp_rules[0].stop_roles))
    grid = judged.withColumn("early_s", F.explode(F.array(*[F.lit(s) for s in params.sensitivity_early_s])))
    grid = grid.withColumn("late_s", F.explode(F.array(*[F.lit(s) for s in params.sensitivity_late_s])))
    counted = grid.groupBy("service_date", "route_id", "early_s", "late_s").agg(
        F.count_if("counts").alias("planned"), F.count_if(F.col("ran") & on_time()).alias("on_time")
    )
    return counted.withColumn("punctuality", share("on_time"))


def on_time() -> Column:
    """The deviation lies within the limits of the row."""
    from pyspark.sql import functions as F

    return F.col("deviation_dep_s").between(F.col("early_s"), F.col("late_s"))


def share(part: str) -> Column:
    """Part of the planned departures; null where none was planned."""
    from pyspark.sql import functions as F

    return F.try_divide(F.col(part), F.col("planned"))


def slot_start() -> Column:
    """Start of the quarter of an hour of the planned departure."""
    from pyspark.sql import functions as F

    return F.timestamp_seconds(F.floor(F.unix_seconds("planned_departure_ts") / SLOT_S) * SLOT_S)


STAGE = Stage(
    pipeline="metro",
    name="punctuality",
    reads=(FromRun(planned_calls.TABLE, "matching"),),
    writes=(
        Write(kpi_daily.TABLE, scope=service_days),
        Write(kpi_15min.TABLE, scope=service_days),
        Write(otp_sensitivity.TABLE, scope=service_days),
    ),
    transform=transform,
)
