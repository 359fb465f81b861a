"""The tables of audience, and what some rules of their suites do not do."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest

import expectations.audience as contracts
from spark_jobs import audience
from spark_jobs.common.audit import audit, share_rules
from tests.audience.contract_rows import VALID
from tests.contract_breaks import scope

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = {table.name: table for table in contracts.LAKE}


def test_the_pipeline_has_exactly_these_tables() -> None:
    assert set(TABLES) == set(audience.TABLES)


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
