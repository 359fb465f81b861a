"""The one-to-one matching of visits with planned calls as one frame: group, solve, prove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from spark_jobs.common.window import Window
from spark_jobs.metro.assignment import MATCH_COLUMNS, match_group
from spark_jobs.metro.params import MetroParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

GROUP = ["service_date", "corridor_group", "direction_id"]
_VISIT = [
    "run_id", "visit_seq", "line_id", "stop_id", "station_id", "train_number", "vehicle_id", "revenue", "arrival_ts",
    "departure_ts", "anchor_ts",
]  # fmt: skip
_CALL = [
    "trip_id", "stop_sequence", "route_id", "stop_id", "station_id", "planned_departure_ts", "stop_role", "run_number",
    "block_id", "change", "outage",
]  # fmt: skip
_PIN = ["pin_trip_id", "pin_method"]


def matches(visits: DataFrame, calls: DataFrame, pins: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """service_date + MATCH_COLUMNS: each visit and each call in exactly one row.

    ``pins`` (service_date, run_id, pin_trip_id, pin_method) hold on to what earlier windows decided. While the day
    goes on, the clock is the window's end.
    """
    now = None if params.day_over else pd.Timestamp(window.end)
    pinned = visits.select(*GROUP, *_VISIT).join(pins, on=["service_date", "run_id"], how="left")
    planned = calls.select(*GROUP, *_CALL)

    def solve(key: tuple[Any, ...], actual: pd.DataFrame, planned: pd.DataFrame) -> pd.DataFrame:
        held = actual[["run_id", *_PIN]].dropna().set_axis(["run_id", "trip_id", "method"], axis=1)
        return match_group(actual.drop(columns=_PIN), planned, held, params, now).assign(service_date=key[0])

    spread = [frame.repartition(params.match_tasks, *GROUP).groupBy(*GROUP) for frame in (pinned, planned)]
    solved = spread[0].cogroup(spread[1]).applyInPandas(solve, schema=f"{MATCH_COLUMNS}, service_date date")
    return one_to_one(solved)


def one_to_one(matches: DataFrame) -> DataFrame:
    """The same rows; evaluating them fails when a visit or a planned call is there twice."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    guarded = matches
    for side, key in (("visit", ["run_id", "visit_seq"]), ("planned call", ["trip_id", "stop_sequence"])):
        place = F.row_number().over(W.partitionBy("service_date", *key).orderBy("match_method"))
        twice = F.col(key[0]).isNotNull() & (F.col("_place") > 1)
        said = F.concat(F.lit(f"A {side} is matched twice: "), F.concat_ws(" ", *key))
        guarded = guarded.withColumn("_place", place)
        guarded = guarded.withColumn(key[0], F.when(twice, F.raise_error(said)).otherwise(F.col(key[0]))).drop("_place")
    return guarded
