"""The tables of inventory, and the rules of their suites: each can be broken."""

from typing import TYPE_CHECKING, Any

import pytest

import expectations.inventory as contracts
from spark_jobs import inventory
from spark_jobs.common.audit import audit
from tests.contract_breaks import broken_by, scope
from tests.inventory.contract_rows import VALID

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.ALL}


def test_the_pipeline_has_exactly_these_tables() -> None:
    assert [table.name for table in contracts.LANDING] == [
        "material_master",
        "monthly_demand",
        "movements",
        "lead_times",
        "bom",
    ]
    assert {table.name for table in contracts.LAKE} == set(inventory.TABLES)
    assert len(contracts.LAKE) == len(inventory.TABLES) == 17


# -- rules that need the whole scope: rows that break every rule of the table's suite at once, its row count apart

SAME: dict[str, Any] = {"location_id": "L", "material_id": "M"}
SEGMENT: dict[str, Any] = {"segment": "lumpy/H", "method": "exact", "target": 0.9}
BROKEN_SCOPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "materials": (SAME, SAME),
    "demand_months": (SAME, SAME),
    "demand_movements": ({"document_id": "D"}, {"document_id": "D"}),
    "receipts": (SAME | {"order_id": "O"}, SAME | {"order_id": "O"}),
    "installed_parts": (SAME | {"equipment_id": "E"}, SAME | {"equipment_id": "E"}),
    "histories": (SAME | {"price": 0.0}, SAME | {"has_master": False, "currency": "NOK"}),
    "inv_backtest": (
        SAME | {"method": "exact", "target": 0.9},
        SAME | {"method": "exact", "target": 0.9},
    ),
    # Twice the same segment, both picked, neither near its target.
    "inv_backtest_segments": (SEGMENT, SEGMENT),
    "inv_recommendation": (SAME | {"status": "failed"}, SAME),
    "inv_reorder_points": (
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 5.0},
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 4.0},
    ),
    "inv_ltd_quantiles": (SAME | {"q": 0.9, "value": 5.0}, SAME | {"q": 0.9, "value": 4.0}),
    "inv_run_audit": ({"stage": "s"}, {"stage": "s"}),
    "inv_rationalise": (SAME, SAME),
    "inv_stock_policy": (SAME, SAME),
    "inv_budget": ({"location_id": "L", "criticality": "H"}, {"location_id": "L", "criticality": "H"}),
    "inv_ltd_distribution": (SAME | {"units": 1.0}, SAME | {"units": 1.0}),
    "inv_convergence": (SAME | {"iterations": 100}, SAME | {"iterations": 100}),
}


def test_every_table_of_the_lake_has_a_scope_that_breaks_it() -> None:
    assert set(BROKEN_SCOPES) == {table.name for table in contracts.LAKE}


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_every_rule_of_a_suite_fails_on_a_scope_that_breaks_it(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    broken = broken_by(spark, table, VALID.get(name, {}), BROKEN_SCOPES[name])
    assert broken == {rule.name for rule in table.suite_rules()} - {"has_rows"}


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_valid_rows_pass_the_suite(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    assert all(rule["success"] for rule in audit(table, name, scope(spark, table, VALID.get(name, {}), ({}, {}))))


@pytest.mark.spark
@pytest.mark.parametrize("name", ["materials", "histories", "inv_recommendation", "inv_reorder_points"])
def test_a_table_without_rows_is_told(name: str, spark: "SparkSession") -> None:
    nothing = spark.createDataFrame([], TABLES[name].ddl())
    verdicts = {rule["rule"]: rule["success"] for rule in audit(TABLES[name], name, nothing)}
    assert verdicts["has_rows"] is False
