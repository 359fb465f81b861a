"""The tables of metro, and the rules of their suites: each can be broken."""

from typing import TYPE_CHECKING, Any

import pytest

import expectations.metro as contracts
from spark_jobs.common.audit import audit
from tests.contract_breaks import broken_by, scope
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


# -- rules that need the whole scope

# Two rows that break every rule of the suite of a table (after its key and row count) at once.
BROKEN_SCOPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "timetable": (
        {"trip_id": "t", "stop_sequence": 1, "planned_departure_s": 600},
        {"trip_id": "t", "stop_sequence": 2, "planned_departure_s": 500},
    ),
    "movements": ({"ingest_ts": "2024-03-12T09:00:00Z"}, {"ingest_ts": "2024-03-12T09:00:00Z"}),
    "visits": (
        {
            "vehicle_id": "v",
            "source_file": None,
            "anchor_ts": "2024-03-12T06:00:00Z",
            "departure_ts": "2024-03-12T06:10:00Z",
        },
        {
            "vehicle_id": "v",
            "source_file": None,
            "anchor_ts": "2024-03-12T06:05:00Z",
            "arrival_ts": "2024-03-12T06:05:30Z",
        },
    ),
    "stop_visits": (
        {
            "planned_trip_id": "t",
            "scheduled_stop_sequence": 1,
            "deviation_dep_s": 2500.0,
            "match_method": None,
            "time_quality": "MISSING",
        },
        {"planned_trip_id": "t", "scheduled_stop_sequence": 1, "deviation_dep_s": -2500.0, "time_quality": "MISSING"},
    ),
    "planned_calls": (
        {"run_id": "r", "visit_seq": 1, "status": "CANCELLED", "deviation_dep_s": 2500.0},
        {"run_id": "r", "visit_seq": 1, "status": "RUN", "deviation_dep_s": 0.0},
    ),
}
SATISFIED = {"stop_visits": {"matched_share"}}  # it takes unmatched runs: see the test of its own


@pytest.mark.spark
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_every_rule_of_a_suite_fails_on_a_scope_that_breaks_it(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    stated = {rule.name for rule in table.rules if rule.expectation is not None} - SATISFIED.get(name, set())
    assert broken_by(spark, table, VALID.get(name, {}), BROKEN_SCOPES[name]) == stated


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
