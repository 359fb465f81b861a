"""Ingest and histories on literal rows: what landed, each once, and one row a material."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from expectations.inventory import (
    bom,
    demand_months,
    demand_movements,
    installed_parts,
    lead_times,
    material_master,
    materials,
    monthly_demand,
    movements,
    receipts,
)
from spark_jobs.inventory import histories, ingest
from spark_jobs.inventory.params import with_overrides
from tests.frames import frame, listed
from tests.inventory.parts import NIGHT, PARAMS, month, move, part, refused

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]
LANDING = (material_master, monthly_demand, movements, lead_times, bom)
LAKE = (materials, demand_months, demand_movements, receipts, installed_parts)


def ingested(spark: "SparkSession", **rows: list[dict[str, Any]]) -> dict[str, Any]:
    frames = [frame(spark, table.TABLE, rows.get(table.TABLE.name, [])) for table in LANDING]
    found = ingest.transform(*frames, window=NIGHT, params=PARAMS)
    return {table.TABLE.name: out for table, out in zip(LAKE, found, strict=True)}


def told(spark: "SparkSession", params: Any = PARAMS, **rows: list[dict[str, Any]]) -> dict[str, "Row"]:
    frames = [frame(spark, table.TABLE, rows.get(table.TABLE.name, [])) for table in LAKE]
    nothing = [refused(spark, table.TABLE, []) for table in (monthly_demand, movements, demand_movements)]
    (found,) = histories.transform(*frames, *nothing, window=NIGHT, params=params)
    return {row.material_id: row for row in found.collect()}


def test_of_what_lands_again_the_newest_file_counts_and_of_one_file_the_first_row(spark: "SparkSession") -> None:
    found = ingested(
        spark,
        monthly_demand=[
            month("a", 1, 3.0),
            month("a", 1, 4.0),
            month("a", 2, 0.0),
            month("a", 1, 3.0, location_id="L2"),
        ],
        material_master=[
            part("a", 5.0, landing_file="2024-01-01/a.csv"),
            part("a", 9.0, landing_file="2024-02-01/a.csv"),
        ],
    )
    assert listed(found["demand_months"], "location_id", "month", "qty", "_dropped") == [
        ("L1", date(2024, 1, 1), 3.0, None),
        ("L1", date(2024, 1, 1), 4.0, "duplicate"),
        ("L1", date(2024, 2, 1), 0.0, None),
        ("L2", date(2024, 1, 1), 3.0, None),
    ]
    assert listed(found["materials"], "lead_time_months", "_dropped") == [(5.0, "duplicate"), (9.0, None)]


def test_a_movement_booked_twice_counts_once_and_stands_beside_its_materials_unit(spark: "SparkSession") -> None:
    day = date(2024, 3, 4)
    moves = [move("a", day, 2.0, document_id="1"), move("a", day, 2.0, document_id="1"), move("b", day, 1.0, uom="KG")]
    found = ingested(spark, movements=moves, material_master=[part("a", uom="EA"), part("b", uom="M")])
    rows = listed(found["demand_movements"], "material_id", "uom", "material_uom", "bookings", "_dropped")
    assert rows == [("a", None, "EA", 2, None), ("a", None, "EA", 2, "duplicate"), ("b", "KG", "M", 1, None)]


def test_a_movement_that_a_later_file_tells_again_is_not_booked_again(spark: "SparkSession") -> None:
    told_first = move("a", date(2024, 3, 4), 2.0, document_id="1", landing_file="2024-04-01/a.csv")
    found = ingested(spark, movements=[told_first, told_first | {"landing_file": "2024-05-01/a.csv"}])
    rows = listed(found["demand_movements"], "bookings", "_dropped")
    assert rows == [(1, None), (1, "duplicate")]


def test_a_history_is_in_order_of_time_and_gaps_are_not_padded(spark: "SparkSession") -> None:
    found = told(
        spark,
        demand_months=[month("a", 5, 5.0), month("a", 1, 1.0), month("a", 2, 0.0), month("orphan", 1, 2.0)],
        materials=[part("a"), part("b", None)],
    )
    assert {name: (row.lead_times, row.quantities, row.has_master) for name, row in found.items()} == {
        "a": ([1.0], [1.0, 0.0, 5.0], True),
        "b": ([], [], True),
        "orphan": ([], [2.0], False),
    }
    assert (found["a"].first_month, found["a"].last_month) == (date(2024, 1, 1), date(2024, 5, 1))
    assert [found[name].missing_months for name in ("a", "b", "orphan")] == [2, 0, 0]
    assert [found[name].months_since_issue for name in ("a", "b")] == [0, None]


def test_months_that_are_not_over_or_known_to_be_wrong_are_not_observed(spark: "SparkSession") -> None:
    params = with_overrides(PARAMS, ["unreliable_months=2024-02,2024-03"])
    rows = [month("a", n, float(n)) for n in (1, 2, 3, 4, 5, 6)]
    # The night ends on 2 June: June is not over.
    assert told(spark, params, demand_months=rows)["a"].quantities == [1.0, 4.0, 5.0]


def test_movements_become_months_with_returns_taken_off_and_transfers_left_out(spark: "SparkSession") -> None:
    moves = [
        move("a", date(2024, 1, 5), 4.0),
        move("a", date(2024, 1, 20), 2.0),
        move("a", date(2024, 3, 1), -5.0),
        move("a", date(2024, 4, 1), 7.0, movement_type="transfer"),
        move("a", date(2024, 4, 2), -9.0),
    ]
    row = told(spark, demand_movements=moves, demand_months=[month("b", 5, 1.0)])["a"]
    # Of six issued five came back and nine more of which one was still out; May is the newest month of anybody.
    assert (row.quantities, row.returns_clipped) == ([0.0] * 5, 8.0)
    assert row.first_month == date(2024, 1, 1)


def test_a_month_told_by_monthly_demand_is_not_counted_again_from_movements(spark: "SparkSession") -> None:
    moves = [move("a", date(2024, 1, 5), 4.0), move("a", date(2024, 2, 5), 6.0)]
    assert told(spark, demand_movements=moves, demand_months=[month("a", 1, 3.0)])["a"].quantities == [3.0, 6.0]


def test_lead_times_are_those_of_the_receipts_and_else_the_planned_one(spark: "SparkSession") -> None:
    orders = [
        {"location_id": "L1", "material_id": "a", "order_id": str(n), "po_date": date(2023, 1, 1), "gr_date": day}
        for n, day in enumerate((date(2023, 3, 2), date(2023, 1, 1)))
    ]
    found = told(spark, receipts=orders, materials=[part("a", 9.0), part("b", 2.5)])
    assert found["a"].lead_times == pytest.approx([0.0, 60 / 30.4375])
    assert found["b"].lead_times == [2.5]


def test_where_the_plant_is_silent_a_score_says_how_critical_a_material_is(spark: "SparkSession") -> None:
    def needs(material: str, equipment: str, criticality: str) -> dict[str, Any]:
        named = {"location_id": "L1", "material_id": material, "equipment_id": equipment, "qty": 1.0}
        return named | {"equipment_criticality": criticality, "installed_count": 2.0}

    found = told(
        spark,
        materials=[
            part("a", 5.0, installed_total=1e7),
            part("b", 1.0),
            part("c", 3.0, criticality="L"),
            part("d", 2.0),
        ],
        installed_parts=[
            needs("a", "pump", "M"),
            needs("a", "valve", "H"),
            needs("b", "pump", "L"),
            needs("c", "x", "H"),
        ],
        demand_months=[month("a", 1, 9.0), month("b", 1, 1.0)],
    )
    # a: the most critical equipment, the longest lead time, the most used. b: the least of each.
    assert (found["a"].criticality, found["a"].criticality_score) == ("H", 1.0)
    assert (found["b"].criticality, found["b"].criticality_score) == ("L", 0.0)
    assert (found["c"].criticality, found["c"].criticality_source) == ("L", "plant")
    assert (found["d"].criticality, found["d"].criticality_source) == (None, "none")
    # Twice two pieces: the bill of materials stands over a count that is out of all proportion.
    assert found["a"].installed_total == 4.0


def test_the_hash_of_a_material_changes_with_what_it_is_computed_from(spark: "SparkSession") -> None:
    changes: dict[str, dict[str, Any]] = {"low": {"min_level": 5.0}, "high": {"max_level": 5.0}}
    changes |= {"same": {}, "price": {"price": 2.0}, "slow": {"lead_time_months": 2.0}, "vital": {"criticality": "H"}}
    names = ["as_it_was", *changes]
    rows = {
        "demand_months": [month(name, 1, 1.0) for name in names] + [month("more", 1, 2.0)],
        "materials": [part(name, 1.0, price=1.0) | changes.get(name, {}) for name in [*names, "more"]],
    }
    found = {name: row.input_hash for name, row in told(spark, **rows).items()}
    assert found["same"] == found["as_it_was"]
    assert len(set(found.values())) == len(found) - 1
    # Another model computes everything anew; another number of tasks does not.
    assert told(spark, with_overrides(PARAMS, ["kappa=1"]), **rows)["same"].input_hash != found["same"]
    assert told(spark, with_overrides(PARAMS, ["apply_tasks=3"]), **rows)["same"].input_hash == found["same"]
