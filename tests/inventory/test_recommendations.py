"""The stages of inventory on literal rows in Spark."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from expectations.inventory import histories as histories_table
from expectations.inventory import material_master, materials, monthly_demand
from spark_jobs.common.window import Window
from spark_jobs.inventory import histories, recommendations
from spark_jobs.inventory.params import InventoryParams, with_overrides
from tests.frames import frame, listed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

NIGHT = Window.parse("2024-06-01T00:00:00+00:00", "2024-06-02T00:00:00+00:00")
PARAMS = with_overrides(InventoryParams(), ["iterations=500", "targets=.5,.9"])


def month(material: str, n: int, qty: float, **more: Any) -> dict[str, Any]:
    return {"location_id": "L1", "material_id": material, "month": date(2024, n, 1), "qty": qty, **more}


def part(material: str, lead_time: float | None = 1.0, **more: Any) -> dict[str, Any]:
    return {"location_id": "L1", "material_id": material, "lead_time_months": lead_time, **more}


def test_of_repeated_months_and_materials_the_first_counts(spark: "SparkSession") -> None:
    demand = [month("a", 1, 3.0), month("a", 1, 4.0), month("a", 2, 0.0), month("a", 1, 3.0, location_id="L2")]
    master = [part("a", source_file="b.csv"), part("a", 9.0, source_file="a.csv")]
    found = histories.transform(
        frame(spark, monthly_demand.TABLE, demand),
        frame(spark, material_master.TABLE, master),
        window=NIGHT,
        params=PARAMS,
    )
    assert listed(found[0], "location_id", "month", "qty", "_dropped") == [
        ("L1", date(2024, 1, 1), 3.0, None),
        ("L1", date(2024, 1, 1), 4.0, "duplicate"),
        ("L1", date(2024, 2, 1), 0.0, None),
        ("L2", date(2024, 1, 1), 3.0, None),
    ]
    assert listed(found[1], "lead_time_months", "_dropped") == [(1.0, "duplicate"), (9.0, None)]


def test_a_history_is_in_order_of_time_and_gaps_are_not_padded(spark: "SparkSession") -> None:
    demand = [month("a", 5, 5.0), month("a", 1, 1.0), month("a", 2, 0.0), month("orphan", 1, 2.0)]
    whole = recommendations.whole_histories(
        frame(spark, histories_table.TABLE, demand), frame(spark, materials.TABLE, [part("a"), part("b", None)])
    )
    assert {row.material_id: (row.lead_times, row.quantities) for row in whole.collect()} == {
        "a": ([1.0], [1.0, 0.0, 5.0]),
        "b": ([], []),
        "orphan": ([], [2.0]),
    }


def solved(spark: "SparkSession", rows: list[dict[str, Any]], tasks: int) -> tuple["DataFrame", "DataFrame"]:
    parts = [part(f"m{n}", lead_time=n / 4) for n in range(12)]
    return recommendations.transform(
        frame(spark, histories_table.TABLE, rows),
        frame(spark, materials.TABLE, parts),
        window=NIGHT,
        params=with_overrides(PARAMS, [f"apply_tasks={tasks}"]),
    )


@pytest.mark.parametrize("tasks", [1, 2, 8])
def test_the_number_of_tasks_and_the_order_of_rows_change_nothing(spark: "SparkSession", tasks: int) -> None:
    rows = [month(f"m{n}", m, float((n * m) % 5)) for n in range(12) for m in range(1, 6)]
    for first, again in zip(solved(spark, rows, 4), solved(spark, rows[::-1], tasks), strict=True):
        assert listed(first, *first.columns) == listed(again, *again.columns)
        assert first.columns == again.columns


def test_every_material_gets_a_recommendation_and_a_point_for_each_target(spark: "SparkSession") -> None:
    rows = [month(f"m{n}", m, float((n * m) % 5)) for n in range(13) for m in range(1, 6)]
    told, points = solved(spark, rows, 2)
    by_material = {row.material_id: row for row in told.collect()}
    assert len(by_material) == 13
    assert (by_material["m0"].status, by_material["m0"].rop) == ("none", 0.0)
    assert by_material["m12"].reason == "The lead time is not known."
    assert {row.as_of for row in by_material.values()} == {date(2024, 6, 1)}
    assert points.count() == 26
    assert listed(points.where("item = 'm12'"), "target", "reorder_point", "reason") == [
        (0.5, None, "The lead time is not known."),
        (0.9, None, "The lead time is not known."),
    ]


def test_short_histories_are_drawn_towards_the_rates_of_their_class(spark: "SparkSession") -> None:
    rows = [month("a", m, q) for m, q in enumerate((0.0, 2.0, 0.0, 0.0, 2.0), 1)]
    rows += [month("b", m, q) for m, q in enumerate((2.0, 0.0, 2.0, 0.0), 1)]
    told, _ = recommendations.transform(
        frame(spark, histories_table.TABLE, rows),
        frame(spark, materials.TABLE, [part("a"), part("b")]),
        window=NIGHT,
        params=PARAMS,
    )
    # Both are intermittent: 3 of their 4 steps from a month without demand lead to one with, none of 3 from one with.
    p01 = {row.material_id: row.p01 for row in told.collect()}
    assert p01 == pytest.approx({"a": (2 + 2 * 0.75) / (3 + 2), "b": (1 + 2 * 0.75) / (1 + 2)})
