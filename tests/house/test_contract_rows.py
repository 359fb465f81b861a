"""Every row rule of every pipeline's contracts can be broken, and says so by its own name.

What a pipeline's contracts state beyond their columns is broken by `tests/<slug>/contract_rows.py`.
"""

import importlib
from functools import cache
from typing import TYPE_CHECKING

import pytest

from expectations.contract import Table
from expectations.suites import stale
from spark_jobs.common import pipelines
from tests.contract_breaks import first_broken
from tests.house.schedules import SCHEDULES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SLUGS = pipelines.slugs()


def contracts(slug: str) -> tuple[Table, ...]:
    return importlib.import_module(f"expectations.{slug}").ALL


ROW_RULES = [(slug, table.name, rule.name) for slug in SLUGS for table in contracts(slug) for rule in table.row_rules()]


@cache
def found(spark: "SparkSession", slug: str) -> dict[tuple[str, str], str | None]:
    rows = importlib.import_module(f"tests.{slug}.contract_rows")
    return first_broken(spark, contracts(slug), rows.VALID, rows.BREAKS)


def test_the_pipelines_are_exactly_these() -> None:
    assert sorted(SCHEDULES) == SLUGS


def test_the_committed_suites_are_what_the_contracts_say() -> None:
    assert stale() == []


@pytest.mark.parametrize("slug", SLUGS)
def test_every_rule_that_a_contract_states_itself_has_a_row_that_breaks_it(slug: str) -> None:
    stated = {
        (table.name, rule.name) for table in contracts(slug) for rule in table.rules if rule.condition is not None
    }
    assert set(importlib.import_module(f"tests.{slug}.contract_rows").BREAKS) == stated


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
