"""Both sides of the matching as tables: visits with their planned call, planned calls with their visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

VISIT = ["service_date", "run_id", "visit_seq"]
CALL = ["service_date", "trip_id", "stop_sequence"]


def visits_with_call(
    matches: DataFrame, visits: DataFrame, calls: DataFrame, scope: Window, window: Window, params: MetroParams
) -> DataFrame:
    """One row for each visit of the scope, in the columns of `stop_visits`."""
    from pyspark.sql import functions as F

    judged = matches.where("run_id IS NOT NULL").withColumn("status", F.col("actual_status"))
    planned = with_headway(calls, "planned_departure_ts", "planned_headway_s").select(
        *CALL, "route_id", "planned_departure_s", "planned_departure_ts", "planned_arrival_ts", "planned_headway_s",
        "stop_role", "timepoint", "plan_version", F.col("stop_id").alias("planned_stop_id"),
    )  # fmt: skip
    seen = (
        with_headway(visits, "departure_ts", "headway_s")
        .join(judged, on=VISIT, how="inner")
        .join(planned, on=CALL, how="left")
    )
    seen = seen.where(_inside("anchor_ts", scope)).withColumn("deviation_dep_s", deviation_s(params))
    rule = params.otp_rules[0]
    return seen.withColumns(
        {
            "on_time": F.col("deviation_dep_s").between(rule.early_s, rule.late_s),
            "trip_id_performed": F.col("run_id"),
            "trip_stop_sequence": F.col("visit_seq"),
            "planned_trip_id": F.col("trip_id"),
            "scheduled_stop_sequence": F.col("stop_sequence"),
            "route_id": F.coalesce("route_id", "line_id"),
            "schedule_arrival_time": F.col("planned_arrival_ts"),
            "schedule_departure_time": F.col("planned_departure_ts"),
            "actual_arrival_time": F.col("arrival_ts"),
            "actual_departure_time": F.col("departure_ts"),
            "dwell": F.round((F.unix_millis("departure_ts") - F.unix_millis("arrival_ts")) / 1000).cast("int"),
            "schedule_relationship": _relationship(),
            "match_revision": F.lit(0),
            "departure_load": F.lit(None).cast("int"),
            "apc_coverage": F.lit(None).cast("double"),
            "loaded_at": F.lit(window.end),
        }
    )


def calls_with_verdict(
    matches: DataFrame, visits: DataFrame, calls: DataFrame, scope: Window, window: Window, params: MetroParams
) -> DataFrame:
    """One row for each planned call of the scope, in the columns of `planned_calls`."""
    from pyspark.sql import functions as F

    judged = matches.where("trip_id IS NOT NULL").withColumn("status", F.col("planned_status"))
    times = visits.select(*VISIT, "arrival_ts", "departure_ts")
    joined = (
        calls.where(_inside("planned_departure_ts", scope))
        .join(judged, on=CALL, how="inner")
        .join(times, on=VISIT, how="left")
    )
    return joined.withColumns({"deviation_dep_s": deviation_s(params), "loaded_at": F.lit(window.end)})


def deviation_s(params: MetroParams) -> Column:
    """Departure less planned departure; where a trip ends nothing departs, so there the arrival."""
    from pyspark.sql import functions as F

    departed, arrived = _apart_s("departure_ts"), _apart_s("arrival_ts")
    ends = (F.col("stop_role") == "TERMINAL") & (F.abs(arrived) <= params.max_pair_dev_s)
    return F.when(ends, arrived).otherwise(F.coalesce(departed, arrived))


def with_headway(frame: DataFrame, column: str, name: str) -> DataFrame:
    """Seconds since the train before from the same platform; visits or calls of one time in the order of their keys."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    order = VISIT if "run_id" in frame.columns else CALL
    platform = W.partitionBy("service_date", "stop_id", "direction_id", F.col(column).isNull()).orderBy(column, *order)
    return frame.withColumn(name, (F.unix_millis(column) - F.lag(F.unix_millis(column)).over(platform)) / 1000)


def _apart_s(column: str) -> Column:
    from pyspark.sql import functions as F

    return (F.unix_millis(column) - F.unix_millis("planned_departure_ts")) / 1000


def _relationship() -> Column:
    from pyspark.sql import functions as F

    status = F.col("actual_status")
    return (
        F.when(status.isin("SCHEDULED", "SHORT_TURN"), "Scheduled")
        .when(status == "UNMATCHED", "Missing")
        .otherwise("Added")
    )


def _inside(column: str, scope: Window) -> Column:
    from pyspark.sql import functions as F

    return (F.col(column) >= F.lit(scope.start)) & (F.col(column) < F.lit(scope.end))
