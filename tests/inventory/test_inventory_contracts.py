"""The tables of inventory, and the rules of their suites: each can be broken."""

from typing import TYPE_CHECKING, Any

import pytest

import expectations.inventory as contracts
from expectations.contract import Table
from spark_jobs.common.audit import audit
from tests.frames import frame
from tests.inventory.contract_rows import VALID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.ALL}


def test_the_pipeline_has_exactly_these_tables() -> None:
    assert [table.name for table in contracts.LANDING] == ["material_master", "monthly_demand"]
    assert [table.name for table in contracts.LAKE] == [
        "histories",
        "materials",
        "inv_recommendation",
        "inv_reorder_points",
    ]


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
