"""What landed of a material and does not count, in words; and that its hash follows the words."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from expectations.inventory import (
    demand_months,
    demand_movements,
    installed_parts,
    materials,
    monthly_demand,
    movements,
    receipts,
)
from spark_jobs.inventory import histories
from spark_jobs.inventory.left_out import left_out, with_ends
from tests.frames import frame, listed
from tests.inventory.parts import NIGHT, PARAMS, month, move, part, refused

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]
DAY = date(2024, 3, 4)
Rows = list[dict[str, Any]]
BAD = (monthly_demand, movements, demand_movements)


def found(
    spark: "SparkSession",
    months: Rows | None = None,
    moves: Rows | None = None,
    bad_months: Rows | None = None,
    bad_moves: Rows | None = None,
    other_units: Rows | None = None,
) -> "DataFrame":
    good = frame(spark, demand_months.TABLE, months or []), frame(spark, demand_movements.TABLE, moves or [])
    rows = zip(BAD, (bad_months, bad_moves, other_units), strict=True)
    return left_out(*good, *[refused(spark, table.TABLE, some or []) for table, some in rows])


def test_movements_that_do_not_count_are_told_by_kind(spark: "SparkSession") -> None:
    told = found(
        spark,
        moves=[move("a", DAY, 1.0, bookings=2), move("a", DAY, 2.0, bookings=1), move("b", DAY, 1.0, bookings=1)],
        other_units=[move("a", DAY, 3.0, rule="same_unit"), move("a", DAY, 4.0, rule="same_unit")],
        bad_moves=[
            move("a", DAY, -1.0, movement_type="issue", rule="sign_of_type"),
            move("a", DAY, 5.0, rule="posting_date:type") | {"posting_date": "some day"},
            move("c", DAY, 5.0, rule="qty:number"),
        ],
    )
    assert listed(told, "material_id", "left_out") == [
        (
            "a",
            "movements booked again (1), movements in another unit (2), movements with the wrong sign (1),"
            " unreadable movements (1)",
        ),
        ("c", "unreadable movements (1)"),
    ]


def test_months_that_do_not_count_are_told_by_kind(spark: "SparkSession") -> None:
    told = found(
        spark,
        months=[month("a", 2, 1.0)],
        bad_months=[
            *[month("a", n, -1.0, rule="qty:minimum") for n in (1, 3)],
            month("a", 4, 1.0, rule="month:type") | {"month": "April"},
            month("b", 3, 1.0, rule="qty:type") | {"qty": "two"},
        ],
    )
    assert listed(told, "material_id", "left_out", "refused_months") == [
        ("a", "months below 0 (2), unreadable months (1)", [date(2024, 1, 1), date(2024, 3, 1)]),
        ("b", "unreadable months (1)", [date(2024, 3, 1)]),
    ]


def test_months_at_an_end_of_the_history_are_told_because_they_leave_no_gap(spark: "SparkSession") -> None:
    ends = "first_month date, last_month date, left_out string, refused_months array<date>"
    first, last, said = date(2024, 2, 1), date(2024, 4, 1), "months below 0 (1)"
    rows = [
        ("before", first, last, said, [date(2024, 1, 1)]),
        ("both", first, last, said, [date(2024, 1, 1), date(2024, 3, 1), date(2024, 5, 1)]),
        ("between", first, last, said, [date(2024, 3, 1)]),
        ("unknown", None, None, said, [date(2024, 3, 1)]),
        ("whole", first, last, None, None),
    ]
    told = with_ends(spark.createDataFrame(rows, f"material_id string, {ends}"))
    assert listed(told, "material_id", "left_out") == [
        ("before", f"{said}; 1 of the months at an end of the history"),
        ("between", said),
        ("both", f"{said}; 2 of the months at an end of the history"),
        ("unknown", said),
        ("whole", None),
    ]


def test_what_another_file_tells_as_it_should_be_is_not_left_out(spark: "SparkSession") -> None:
    told = found(
        spark,
        months=[month("a", 1, 1.0)],
        moves=[move("b", DAY, 1.0, document_id="1", bookings=1)],
        bad_months=[month("a", 1, -1.0, rule="qty:minimum")],
        bad_moves=[move("b", DAY, -1.0, document_id="1", rule="sign_of_type")],
    )
    assert listed(told, "material_id") == []


def test_a_row_that_two_files_tell_wrong_is_left_out_once(spark: "SparkSession") -> None:
    wrong = [
        move("a", DAY, -1.0, document_id="1", movement_type="issue", uom=uom, rule="sign_of_type")
        for uom in ("EA", "KG")
    ]
    nameless = {"location_id": "L1", "material_id": "a", "rule": "document_id:present"}
    told = found(spark, bad_moves=[*wrong, nameless, nameless])
    assert listed(told, "left_out") == [("movements with the wrong sign (1), unreadable movements (1)",)]


def test_the_hash_changes_with_what_is_left_out_of_a_material_and_not_of_another(spark: "SparkSession") -> None:
    def hashes(months: Rows) -> dict[str, int]:
        rows = {materials: [part(name) for name in "abc"], demand_months: [month(name, 2, 1.0) for name in "abc"]}
        tables = (materials, demand_months, demand_movements, receipts, installed_parts)
        good = [frame(spark, table.TABLE, rows.get(table, [])) for table in tables]
        bad = [refused(spark, table.TABLE, some) for table, some in zip(BAD, (months, [], []), strict=True)]
        (known,) = histories.transform(*good, *bad, window=NIGHT, params=PARAMS)
        return {row.material_id: row.input_hash for row in known.collect()}

    before, after = hashes([]), hashes([month("a", 1, -1.0, rule="qty:minimum")])
    assert [name for name in "abc" if before[name] != after[name]] == ["a"]
