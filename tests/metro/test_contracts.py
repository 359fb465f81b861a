"""The tables of metro, and how much may be unmatched."""

from typing import TYPE_CHECKING

import pytest

import expectations.metro as contracts
from spark_jobs.common.audit import audit
from tests.contract_breaks import scope
from tests.metro.contract_rows import VALID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.ALL}


def test_the_pipeline_has_exactly_these_tables() -> None:
    assert sorted(table.name for table in contracts.LANDING) == [
        "calendar",
        "calendar_dates",
        "infra_section",
        "movement_event",
        "observed_visit",
        "passenger_event",
        "plan_change",
        "routes",
        "signal_reading",
        "stop_times",
        "stops",
        "trips",
    ]
    assert sorted(table.name for table in contracts.LAKE) == [
        "clock_offsets",
        "departure_offsets",
        "kpi_15min",
        "kpi_daily",
        "match_state",
        "movements",
        "otp_sensitivity",
        "planned_calls",
        "signal_readings",
        "stop_visits",
        "timetable",
        "trips_performed",
        "visits",
    ]


@pytest.mark.spark
def test_too_few_matched_runs_are_told(spark: "SparkSession") -> None:
    nothing = {"planned_trip_id": None, "match_method": None, "scheduled_stop_sequence": None, "deviation_dep_s": None}
    matched = {
        "planned_trip_id": "t",
        "scheduled_stop_sequence": 3,
        "match_method": "ASSIGNMENT",
        "deviation_dep_s": 12.0,
    }
    rows = scope(
        spark,
        TABLES["stop_visits"],
        VALID.get("stop_visits", {}),
        (nothing | {"status": "EXTRA"}, matched | {"status": "SCHEDULED"}),
    )
    verdicts = {rule["rule"]: rule["success"] for rule in audit(TABLES["stop_visits"], "stop_visits", rows)}
    assert not verdicts["matched_share"]
    assert verdicts["whole_pair"] and verdicts["deviation"]
