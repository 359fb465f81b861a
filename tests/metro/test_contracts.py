"""Every rule of every contract can be broken, and says so by its own name."""

from typing import TYPE_CHECKING, Any

import pytest

import expectations.metro as contracts
from expectations.contract import Table
from expectations.suites import stale
from spark_jobs.common.audit import audit
from tests.contract_breaks import first_broken
from tests.metro.rows import frame

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.ALL}

# What makes a random row of a table valid beyond its columns' own statements.
VALID: dict[str, dict[str, Any]] = {
    "signal_reading": {"metric": "CURRENT_A", "value_num": 2.5, "value_str": None},
    "signal_readings": {"metric": "CURRENT_A", "value_num": 2.5, "value_str": None},
    "infra_section": {"length_m": 140, "stop_mark_m": 115.0},
    "stop_times": {"arrival_time": "08:00:00", "departure_time": "25:25:00"},
    "movements": {"section_known": True},
    "kpi_daily": {"planned": 10, "run": 8, "cancelled": 2, "on_time": 7},
    "kpi_15min": {"planned": 10, "run": 8, "cancelled": 2, "on_time": 7},
    "otp_sensitivity": {"planned": 10, "on_time": 7},
}

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    ("movement_event", "not_from_the_future"): {"event_ts": "ingest_ts + INTERVAL 6 SECONDS"},
    ("movement_event", "not_too_late"): {"event_ts": "ingest_ts - INTERVAL 8 DAYS"},
    ("signal_reading", "not_from_the_future"): {"reading_ts": "ingest_ts + INTERVAL 6 SECONDS"},
    ("signal_reading", "not_too_late"): {"reading_ts": "ingest_ts - INTERVAL 8 DAYS"},
    ("signal_reading", "value_fits_metric"): {"metric": "'STATE'"},
    ("infra_section", "stop_mark_inside"): {"stop_mark_m": "length_m + 1D"},
    ("infra_section", "platform_has_stop_mark"): {"stop_mark_m": "CAST(NULL AS DOUBLE)"},
    ("infra_section", "validity_in_order"): {"valid_to": "date_sub(valid_from, 1)"},
    ("stop_times", "arrival_is_clock"): {"arrival_time": "'8 o''clock'"},
    ("stop_times", "departure_is_clock"): {"departure_time": "'08:61:00'"},
    ("calendar", "dates_in_order"): {"end_date": "date_sub(start_date, 1)"},
    ("observed_visit", "has_a_time"): {
        "arrival_ts": "CAST(NULL AS TIMESTAMP)",
        "departure_ts": "CAST(NULL AS TIMESTAMP)",
    },
    ("observed_visit", "in_order"): {"departure_ts": "arrival_ts - INTERVAL 1 SECOND"},
    ("timetable", "arrival_first"): {"planned_arrival_ts": "planned_departure_ts + INTERVAL 1 SECOND"},
    ("movements", "known_section"): {"section_known": "false"},
    ("visits", "in_order"): {"departure_ts": "arrival_ts - INTERVAL 1 SECOND"},
    ("visits", "dwell"): {
        "departure_ts": "arrival_ts + INTERVAL 4 SECONDS",
        "source_file": "CAST(NULL AS STRING)",
        "at_terminal": "false",
        "revenue": "true",
    },
    ("stop_visits", "in_order"): {"actual_departure_time": "actual_arrival_time - INTERVAL 1 SECOND"},
    ("trips_performed", "in_order"): {"actual_trip_end": "actual_trip_start - INTERVAL 1 SECOND", "visits": "2"},
    ("kpi_daily", "on_time_of_run"): {"on_time": "run + 1"},
    ("kpi_daily", "planned_adds_up"): {"planned": "planned + 1"},
    ("kpi_15min", "on_time_of_run"): {"on_time": "run + 1"},
    ("kpi_15min", "planned_adds_up"): {"planned": "planned + 1"},
    ("otp_sensitivity", "on_time_of_planned"): {"on_time": "planned + 1"},
}

ROW_RULES = [(table.name, rule.name) for table in contracts.ALL for rule in table.row_rules()]


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


def test_every_rule_that_a_contract_states_itself_has_a_row_that_breaks_it() -> None:
    stated = {(table.name, rule.name) for table in contracts.ALL for rule in table.rules if rule.condition is not None}
    assert set(BREAKS) == stated


def test_the_committed_suites_are_what_the_contracts_say() -> None:
    assert stale() == []


@pytest.fixture(scope="module")
def found(spark: "SparkSession") -> dict[tuple[str, str], str | None]:
    return first_broken(spark, contracts.ALL, VALID, BREAKS)


@pytest.mark.spark
@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_valid_row_breaks_no_rule(table: str, found: dict[tuple[str, str], str | None]) -> None:
    assert found[table, "valid"] is None


@pytest.mark.spark
@pytest.mark.parametrize(("table", "rule"), ROW_RULES, ids=lambda part: str(part))
def test_a_row_that_breaks_a_rule_is_named_after_it(
    table: str, rule: str, found: dict[tuple[str, str], str | None]
) -> None:
    assert found[table, rule] == rule


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


def scope(spark: "SparkSession", table: Table, changes: tuple[dict[str, Any], ...]) -> Any:
    """Random valid rows with these changes, times given as ISO text."""
    from datetime import datetime

    rows = table.random_rows(len(changes))
    timed = [
        {k: datetime.fromisoformat(v) if str(v).endswith("Z") else v for k, v in change.items()} for change in changes
    ]
    return frame(
        spark, table, [row | VALID.get(table.name, {}) | change for row, change in zip(rows, timed, strict=True)]
    )


@pytest.mark.spark
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_every_rule_of_a_suite_fails_on_a_scope_that_breaks_it(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    verdicts = {rule["rule"]: rule for rule in audit(table, name, scope(spark, table, BROKEN_SCOPES[name]))}
    assert all(rule["exception"] is None for rule in verdicts.values())
    stated = {rule.name for rule in table.rules if rule.expectation is not None} - SATISFIED.get(name, set())
    assert {rule for rule, verdict in verdicts.items() if not verdict["success"]} == stated


@pytest.mark.spark
def test_too_few_matched_runs_are_told(spark: "SparkSession") -> None:
    nothing = {"planned_trip_id": None, "match_method": None, "scheduled_stop_sequence": None, "deviation_dep_s": None}
    matched = {
        "planned_trip_id": "t",
        "scheduled_stop_sequence": 3,
        "match_method": "ASSIGNMENT",
        "deviation_dep_s": 12.0,
    }
    rows = scope(spark, TABLES["stop_visits"], (nothing | {"status": "EXTRA"}, matched | {"status": "SCHEDULED"}))
    verdicts = {rule["rule"]: rule["success"] for rule in audit(TABLES["stop_visits"], "stop_visits", rows)}
    assert not verdicts["matched_share"]
    assert verdicts["whole_pair"] and verdicts["deviation"]
