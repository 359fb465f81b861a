"""The tables of inventory: valid rows break no rule of their suites."""

from typing import TYPE_CHECKING

import pytest

import expectations.inventory as contracts
from spark_jobs import inventory
from spark_jobs.common.audit import audit
from tests.contract_breaks import scope
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


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.parametrize("name", sorted(inventory.TABLES))
def test_valid_rows_pass_the_suite(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    assert all(rule["success"] for rule in audit(table, name, scope(spark, table, VALID.get(name, {}), ({}, {}))))
