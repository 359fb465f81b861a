"""The tables of audience, and the rules of their suites: each can be broken."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import expectations.audience as contracts
from spark_jobs import audience
from spark_jobs.common.audit import audit, share_rules
from tests.audience.contract_rows import DAY, VALID
from tests.contract_breaks import broken_by, scope

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.LAKE}

# Rows that break every rule of the table's suite at once, its row count apart.
EVENT: dict[str, Any] = {"arrival_day": DAY, "event_id": "e"}
CELL: dict[str, Any] = {"ds": DAY, "pixel_id": "p", "segment_id": "s"}
BROKEN_SCOPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # An entry without an end, and another of the same first day.
    "segments": ({"segment_id": "s", "valid_from": DAY, "valid_to": None},) * 2,
    "pixels": ({"pixel_id": "p"}, {"pixel_id": "p"}),
    "segment_adds": (EVENT, EVENT),
    "pixel_visits": (EVENT, EVENT),
    "user_days": ({"user_id": "u"}, {"user_id": "u"}),
    "udb": ({"user_id": "u"}, {"user_id": "u"}),
    # Two segments of one user each cannot make a group of ten.
    "air_index": (CELL | {"group_id": "G", "segment_users": 1, "group_total": 10, "is_approx": False},) * 2,
    "air_trend": (CELL, CELL),
    "air_run_audit": ({"ds": DAY, "users": 7, "users_before": 10},) * 2,
}


def test_every_table_of_the_lake_has_a_scope_that_breaks_it() -> None:
    assert set(BROKEN_SCOPES) == set(TABLES) == set(audience.TABLES)


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BROKEN_SCOPES))
def test_every_rule_of_a_suite_fails_on_a_scope_that_breaks_it(name: str, spark: "SparkSession") -> None:
    table = TABLES[name]
    broken = broken_by(spark, table, VALID.get(name, {}), BROKEN_SCOPES[name])
    assert broken == {rule.name for rule in table.suite_rules()} - {"has_rows"}


@pytest.mark.spark
def test_user_ids_that_differ_by_case_alone_are_told(spark: "SparkSession") -> None:
    rows = scope(spark, TABLES["udb"], VALID["udb"], ({"user_id": "u"}, {"user_id": "U"}))
    verdicts = {rule["rule"]: (rule["success"], rule["severity"]) for rule in audit(TABLES["udb"], "udb", rows)}
    assert verdicts["case_of_ids"] == (False, "warning")
    assert verdicts["unique:user_id"][0]


@pytest.mark.parametrize("name", ["user_days", "udb", "air_index", "air_trend", "air_run_audit"])
def test_a_single_broken_row_of_what_is_computed_blocks(name: str) -> None:
    most, _ = share_rules(name, TABLES[name], Counter({"A first instant does not lie after the last.": 1}), 10**6)
    assert (most["success"], most["severity"]) == (False, "critical")
