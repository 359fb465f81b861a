"""The rule that no two rows share a key, in each of its forms, judged by Great Expectations."""

from typing import TYPE_CHECKING, Any

import pytest

from expectations.contract import Column, Replace, Table, state, whole
from spark_jobs.common.audit import audit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark
COLUMNS = (Column("pixel", "string", "one part"), Column("segment", "string", "the other", nullable=True))
# Of a handful of rows, and of millions, which are found by hash first.
FORMS = [(whole(), ("pixel",)), (whole(), ("pixel", "segment")), (state(), ("pixel",)), (state(), ("pixel", "segment"))]


def judged(spark: "SparkSession", replace: Replace, key: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Any:
    table = Table("toy", "cells", "Cells.", key, COLUMNS, replace, may_be_empty=True)
    (rule,) = audit(table, "lake.toy.cells", spark.createDataFrame(rows, table.ddl()))
    assert (rule["rule"], rule["exception"]) == (f"unique:{','.join(key)}", None)
    return rule


@pytest.mark.parametrize(("replace", "key"), FORMS)
def test_a_key_that_stands_twice_breaks_the_rule_and_is_named(
    spark: "SparkSession", replace: Replace, key: tuple[str, ...]
) -> None:
    rule = judged(spark, replace, key, [("p1", "s1"), ("p2", "s1"), ("p3", "s2"), ("p2", "s1")])
    assert not rule["success"]
    assert "p2" in rule["observed"] and "p1" not in rule["observed"] and "p3" not in rule["observed"]


@pytest.mark.parametrize(("replace", "key"), FORMS)
def test_keys_that_differ_in_one_part_are_no_repeat(
    spark: "SparkSession", replace: Replace, key: tuple[str, ...]
) -> None:
    rows = [("p1", "s1"), ("p1", "s2"), ("p2", "s1")] if len(key) > 1 else [("p1", "s1"), ("p2", "s1")]
    assert judged(spark, replace, key, rows)["success"]


@pytest.mark.parametrize("replace", [whole(), state()])
def test_rows_without_a_whole_key_are_left_to_the_rule_that_it_is_given(
    spark: "SparkSession", replace: Replace
) -> None:
    assert judged(spark, replace, ("pixel", "segment"), [("p1", None), ("p1", None), ("p1", "s1")])["success"]
