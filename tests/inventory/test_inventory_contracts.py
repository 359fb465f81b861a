"""Every rule of every contract of inventory can be broken, and says so by its own name."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import expectations.inventory as contracts
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
    "monthly_demand": {"month": date(2024, 3, 1)},
    "inv_reorder_points": {"ci_low": 3.0, "reorder_point": 4.0, "ci_high": 5.0, "reason": "Said."},
    "inv_recommendation": {
        "n_periods": 12,
        "n_nonzero": 3,
        "rop_lo": 3.0,
        "rop": 4.0,
        "rop_hi": 5.0,
        "ltd_mean": 1.5,
        "safety_stock": 2.5,
        "status": "computed",
        "reason": "Said.",
    },
}

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    ("monthly_demand", "first_of_month"): {"month": "date_add(month, 1)"},
    ("inv_reorder_points", "point_in_interval"): {"reorder_point": "ci_high + 1D"},
    ("inv_reorder_points", "point_or_reason"): {
        "reorder_point": "CAST(NULL AS DOUBLE)",
        "reason": "CAST(NULL AS STRING)",
    },
    ("inv_recommendation", "nonzero_of_periods"): {"n_nonzero": "n_periods + 1"},
    ("inv_recommendation", "rop_in_interval"): {"rop": "rop_lo - 1D"},
    ("inv_recommendation", "rop_unless_failed"): {"rop": "CAST(NULL AS DOUBLE)"},
    ("inv_recommendation", "failed_with_reason"): {"status": "'failed'", "reason": "CAST(NULL AS STRING)"},
    ("inv_recommendation", "safety_stock_adds_up"): {"safety_stock": "rop - ltd_mean + 1D"},
}

ROW_RULES = [(table.name, rule.name) for table in contracts.ALL for rule in table.row_rules()]


def test_the_pipeline_has_exactly_these_tables() -> None:
    assert [table.name for table in contracts.LANDING] == ["material_master", "monthly_demand"]
    assert [table.name for table in contracts.LAKE] == [
        "histories",
        "materials",
        "inv_recommendation",
        "inv_reorder_points",
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


# -- rules that need the whole scope: rows that break every rule of the table's suite at once, its row count apart

SAME = {"location_id": "L", "material_id": "M"}
BROKEN_SCOPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "histories": (SAME, SAME),
    "materials": (SAME | {"price": 0.0}, SAME),
    "inv_recommendation": (SAME | {"status": "failed"}, SAME),
    "inv_reorder_points": (
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 5.0},
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 4.0},
    ),
}


def scope(spark: "SparkSession", table: Table, changes: tuple[dict[str, Any], ...]) -> Any:
    rows = table.random_rows(len(changes))
    return frame(spark, table, [row | VALID.get(table.name, {}) | new for row, new in zip(rows, changes, strict=True)])


@pytest.mark.spark
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_every_rule_of_a_suite_fails_on_a_scope_that_breaks_it(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    verdicts = {rule["rule"]: rule for rule in audit(table, name, scope(spark, table, BROKEN_SCOPES[name]))}
    assert all(rule["exception"] is None for rule in verdicts.values())
    assert {rule for rule, verdict in verdicts.items() if verdict["success"]} <= {"has_rows"}
    assert set(verdicts) - {"has_rows"} == {rule.name for rule in table.suite_rules()} - {"has_rows"}


@pytest.mark.spark
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_valid_rows_pass_the_suite(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    assert all(rule["success"] for rule in audit(table, name, scope(spark, table, ({}, {}))))


@pytest.mark.spark
@pytest.mark.parametrize("name", ["materials", "inv_recommendation", "inv_reorder_points"])
def test_a_table_without_rows_is_told(name: str, spark: "SparkSession") -> None:
    nothing = spark.createDataFrame([], TABLES[name].ddl())
    verdicts = {rule["rule"]: rule["success"] for rule in audit(TABLES[name], name, nothing)}
    assert verdicts["has_rows"] is False
