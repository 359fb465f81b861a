"""Cells: every live segment with a pixel, counted or not."""

import pyarrow as pa

from spark_jobs.audience.cells import Live, cells_of
from spark_jobs.audience.pairs import COUNTED

BY_SEGMENT = [("s", "a", None, 30, 30), ("s", "b", None, 10, 10), ("s", "c", None, 5, 5)]
BY_GROUP = [("g", "G", None, 35, 35), ("g", "ungrouped", None, 5, 5)]
OF_PIXEL = [("p", None, "x", 20, 20), ("sp", "a", "x", 7, 9), ("gp", "G", "x", 8, 8)]


def table(rows: list[tuple[str, str | None, str | None, int, int]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(COUNTED.names, row, strict=True)) for row in rows], schema=COUNTED)


def cells(owner_of: dict[str, str]) -> list[dict[str, object]]:
    live = Live.of(table(BY_SEGMENT + BY_GROUP), {"a": "G", "b": "G", "c": ""})
    return cells_of(table(OF_PIXEL), live, owner_of).to_pylist()


def test_a_segment_that_no_visitor_is_in_has_a_cell_all_the_same() -> None:
    told = {row["segment_id"]: (row["matched_users"], row["matched_any_order"]) for row in cells({"x": "A"})}
    assert told == {"a": (7, 9), "b": (0, 0), "c": (0, 0)}


def test_counts_of_segment_group_and_pixel_stand_in_every_cell() -> None:
    told = [(row["group_id"], row["group_users"], row["segment_users"], row["group_total"]) for row in cells({})]
    assert told == [("G", 8, 30, 35), ("G", 8, 10, 35), ("ungrouped", 0, 5, 5)]
    assert {row["pixel_users"] for row in cells({})} == {20}


def test_a_pixel_that_is_listed_no_more_belongs_to_nobody() -> None:
    assert {row["advertiser_id"] for row in cells({})} == {"unknown"}
    assert {row["advertiser_id"] for row in cells({"x": "A"})} == {"A"}
