"""Every rule of every pipeline's contracts can be broken, and says so by its own name.

What a pipeline's contracts state beyond their columns and keys is broken by `tests/<slug>/contract_rows.py`.
"""

import importlib
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from expectations.contract import Table
from expectations.suites import stale
from spark_jobs.common import pipelines
from spark_jobs.common.audit import audit
from tests.contract_breaks import broken_by, first_broken
from tests.house.schedules import SCHEDULES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SLUGS = pipelines.slugs()


def contracts(slug: str) -> tuple[Table, ...]:
    return importlib.import_module(f"expectations.{slug}").ALL


def rows(slug: str) -> ModuleType:
    return importlib.import_module(f"tests.{slug}.contract_rows")


ROW_RULES = [(slug, table.name, rule.name) for slug in SLUGS for table in contracts(slug) for rule in table.row_rules()]
SUITES = [(slug, table) for slug in SLUGS for table in contracts(slug) if not table.landing]


@cache
def found(spark: "SparkSession", slug: str) -> dict[tuple[str, str], str | None]:
    return first_broken(spark, contracts(slug), rows(slug).VALID, rows(slug).BREAKS)


def test_the_pipelines_are_exactly_these() -> None:
    assert sorted(SCHEDULES) == SLUGS


def test_the_committed_suites_are_what_the_contracts_say() -> None:
    assert stale() == []


@pytest.mark.parametrize("slug", SLUGS)
def test_every_rule_that_a_contract_states_itself_has_a_row_that_breaks_it(slug: str) -> None:
    stated = {
        (table.name, rule.name) for table in contracts(slug) for rule in table.rules if rule.condition is not None
    }
    assert set(rows(slug).BREAKS) == stated


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(("slug", "table"), [(slug, table.name) for slug in SLUGS for table in contracts(slug)])
def test_a_valid_row_breaks_no_rule(spark: "SparkSession", slug: str, table: str) -> None:
    assert found(spark, slug)[table, "valid"] is None


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(("slug", "table", "rule"), ROW_RULES)
def test_a_row_that_breaks_a_rule_is_named_after_it(spark: "SparkSession", slug: str, table: str, rule: str) -> None:
    assert found(spark, slug)[table, rule] == rule


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize(("slug", "table"), SUITES, ids=[table.name for _, table in SUITES])
def test_rows_that_break_every_rule_of_a_suite_are_told_each_rule(
    spark: "SparkSession", slug: str, table: Table
) -> None:
    """All but its row count, which they cannot break; that no rows are told is a test of its own."""
    changes = rows(slug).SCOPES.get(table.name, ({},))
    broken = broken_by(spark, table, rows(slug).VALID.get(table.name, {}), changes)
    assert broken == {rule.name for rule in table.suite_rules()} - {"has_rows"}


@pytest.mark.long
@pytest.mark.spark
@pytest.mark.parametrize("table", [t for _, t in SUITES if not t.may_be_empty], ids=lambda table: table.name)
def test_a_table_without_rows_is_told(spark: "SparkSession", table: Table) -> None:
    nothing = spark.createDataFrame([], table.ddl())
    assert {rule["rule"]: rule["success"] for rule in audit(table, table.name, nothing)}["has_rows"] is False
