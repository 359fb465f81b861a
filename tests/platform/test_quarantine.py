"""Rows in quarantine that came from no file: which later runs replace them."""

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.contract import Column, Replace, Table, keys, whole, window
from spark_jobs.common.quarantine import derived_rows, replaced_rows
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

START = datetime(2024, 3, 12, tzinfo=UTC)
THREE_DAYS = Window(START, START + timedelta(days=3))
MIDDLE = THREE_DAYS.by_day()[1]
COLUMNS = (
    Column("name", "string", "which"),
    Column("day", "date", "day"),
    Column("at", "timestamp", "when"),
)


def replaced_by_a_run_of_the_middle_day(spark: "SparkSession", replace: Replace, of: Window) -> set[str]:
    """The rows of a run that such a run removes; a row a day, and one of another time."""
    table = Table("toy", "derived", "Derived.", ("name",), COLUMNS, replace)
    times = {f"day {n}": START + timedelta(days=n, hours=5) for n in range(3)}
    rows: list[Any] = [(name, at.date(), at, "name:text") for name, at in times.items()]
    rows.append(("of another time", date(2024, 3, 1), START - timedelta(days=11), "name:text"))
    frame = spark.createDataFrame(rows, "name string, day date, at timestamp, _broken_rule string")
    kept = derived_rows(frame, table, "run", "stage", of)
    gone = kept.where(replaced_rows("stage", MIDDLE, None)).selectExpr("from_json(row, 'name string').name AS name")
    return {row.name for row in gone.collect()}


@pytest.mark.parametrize("replace", [keys("day"), window("at")])
def test_a_run_of_one_day_replaces_what_a_run_of_three_refused_of_that_day(
    spark: "SparkSession", replace: Replace
) -> None:
    assert replaced_by_a_run_of_the_middle_day(spark, replace, THREE_DAYS) == {"day 1"}


def test_the_same_run_again_replaces_all_that_it_refused(spark: "SparkSession") -> None:
    everything = {"day 0", "day 1", "day 2", "of another time"}
    for replace in (keys("day"), window("at"), whole()):
        assert replaced_by_a_run_of_the_middle_day(spark, replace, MIDDLE) == everything


def test_where_a_day_does_not_begin_at_midnight_rows_go_by_the_window(spark: "SparkSession") -> None:
    shifted = Window(START + timedelta(hours=3), START + timedelta(days=2, hours=3))
    assert replaced_by_a_run_of_the_middle_day(spark, keys("day"), shifted) == set()
