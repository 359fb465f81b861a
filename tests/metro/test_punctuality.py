"""Punctuality: what counts, what counts against, and how much the window matters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from expectations.metro import planned_calls
from spark_jobs.common.window import Window
from spark_jobs.metro.params import NIGHTLY, OtpRule
from spark_jobs.metro.punctuality import transform
from tests.frames import frame, listed
from tests.metro.clock import DAY, at

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
PARAMS = replace(
    NIGHTLY,
    otp_rules=(OtpRule("departures", early_s=-60, late_s=180), OtpRule("end_station", -600, 239, ("TERMINAL",))),
    sensitivity_early_s=(-60,),
    sensitivity_late_s=(180, 300),
)


def call(sequence: int, status: str = "RUN", deviation_s: float | None = None, **more: Any) -> dict[str, Any]:
    common = {"service_date": DAY, "trip_id": "t", "stop_sequence": sequence, "route_id": "1", "direction_id": 0}
    common |= {"planned_departure_ts": at("07:00"), "stop_role": "INTERMEDIATE", "timepoint": True}
    return common | {"status": status, "deviation_dep_s": deviation_s} | more


def build(spark: SparkSession, *calls: dict[str, Any]) -> tuple[DataFrame, DataFrame, DataFrame]:
    return transform(frame(spark, planned_calls.TABLE, calls), window=NIGHT, params=PARAMS)


def test_cancelled_departures_count_against_and_gaps_and_open_verdicts_do_not(spark: SparkSession) -> None:
    daily, _, _ = build(
        spark,
        call(1, deviation_s=0.0),
        call(2, "RUN_OTHER_PLATFORM", 180.0),
        call(3, deviation_s=181.0),
        call(4, "CANCELLED"),
        call(5, "PART_CANCELLED"),
        call(6, "NOT_OBSERVED"),
        call(7, "PENDING"),
        call(8, deviation_s=0.0, timepoint=False),
    )
    counts = ("planned", "run", "on_time", "cancelled", "not_observed", "pending", "punctuality", "regularity")
    assert listed(daily, *counts) == [(5, 3, 2, 2, 1, 1, 0.4, 0.6)]


def test_a_rule_judges_only_its_kind_of_stop(spark: SparkSession) -> None:
    daily, _, _ = build(spark, call(1, deviation_s=0.0), call(2, deviation_s=200.0, stop_role="TERMINAL"))
    assert listed(daily, "otp_rule", "planned", "on_time") == [("departures", 2, 1), ("end_station", 1, 1)]


def test_a_departure_belongs_to_the_quarter_of_an_hour_it_was_planned_in(spark: SparkSession) -> None:
    late = call(2, deviation_s=900.0, planned_departure_ts=at("07:14:59"))
    _, quarters, _ = build(
        spark, call(1, deviation_s=0.0), late, call(3, deviation_s=0.0, planned_departure_ts=at("07:15"))
    )
    assert listed(quarters, "slot_start", "planned", "on_time") == [(at("07:00"), 2, 1), (at("07:15"), 1, 1)]


def test_the_grid_shows_what_a_wider_window_gains(spark: SparkSession) -> None:
    _, _, grid = build(spark, call(1, deviation_s=0.0), call(2, deviation_s=240.0))
    assert listed(grid, "early_s", "late_s", "planned", "on_time", "punctuality") == [
        (-60, 180, 2, 1, 0.5),
        (-60, 300, 2, 2, 1.0),
    ]


def test_a_mean_between_two_milliseconds_is_the_same_in_every_order(spark: SparkSession) -> None:
    """As sums of doubles these gave 585.700 and 585.701."""
    deviations = [-14.905, 1223.525, -126.129, 1260.311]
    for order in (deviations, sorted(deviations)):
        calls = frame(spark, planned_calls.TABLE, [call(n, deviation_s=d) for n, d in enumerate(order, 1)]).coalesce(1)
        daily, quarters, _ = transform(calls, window=NIGHT, params=PARAMS)
        assert listed(daily, "deviation_mean_s") == listed(quarters, "deviation_mean_s") == [(585.701,)]


def test_departures_all_still_open_have_no_punctuality(spark: SparkSession) -> None:
    daily, _, _ = build(spark, call(1, "PENDING"))
    assert listed(daily, "planned", "pending", "punctuality") == [(0, 1, None)]
