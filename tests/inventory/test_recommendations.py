"""Recommendations on literal histories in Spark: levels, values, what is carried over, and what tasks cannot change."""

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from expectations.inventory import inv_backtest_segments, inv_ltd_quantiles, inv_recommendation, inv_reorder_points
from spark_jobs.inventory import recommendations
from spark_jobs.inventory.params import InventoryParams, with_overrides
from tests.frames import frame, listed
from tests.inventory.parts import NIGHT, PARAMS, histories, history

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]
MARTS = (inv_recommendation.TABLE, inv_reorder_points.TABLE, inv_ltd_quantiles.TABLE)


def solved(
    spark: "SparkSession",
    rows: list[dict[str, Any]],
    params: InventoryParams = PARAMS,
    before: "tuple[DataFrame, ...] | None" = None,
    segments: list[dict[str, Any]] | None = None,
) -> "tuple[DataFrame, ...]":
    picks = frame(spark, inv_backtest_segments.TABLE, segments or [])
    earlier = before or tuple(frame(spark, table, []) for table in MARTS)
    return recommendations.transform(histories(spark, rows), picks, *earlier, window=NIGHT, params=params)


def some(count: int = 12) -> list[dict[str, Any]]:
    return [history(f"m{n}", [float((n * m) % 5) for m in range(1, 6)], [n / 4] if n else []) for n in range(count)]


def by_material(told: "DataFrame") -> dict[str, Any]:
    return {row.material_id: row for row in told.collect()}


@pytest.mark.parametrize("tasks", [1, 8])
def test_the_number_of_tasks_and_the_order_of_rows_change_nothing(spark: "SparkSession", tasks: int) -> None:
    again = with_overrides(PARAMS, [f"apply_tasks={tasks}"])
    for first, second in zip(solved(spark, some())[:3], solved(spark, some()[::-1], again)[:3], strict=True):
        assert listed(first, *first.columns) == listed(second, *second.columns)
        assert first.count() > 0


def test_another_seed_draws_anew(spark: "SparkSession") -> None:
    means = [
        listed(solved(spark, some(), with_overrides(PARAMS, [f"seed={seed}"]))[0], "material_id", "ltd_mean")
        for seed in (1, 1, 2)
    ]
    assert means[0] == means[1] != means[2]


def test_every_material_gets_a_recommendation_and_a_point_for_each_target(spark: "SparkSession") -> None:
    rows = [*some(3), history("late", [1.0, 1.0, 2.0], [])]
    told, points, quantiles, audit = solved(spark, rows)
    found = by_material(told)
    assert (found["m0"].status, found["m0"].rop, found["m1"].status) == ("none", 0.0, "computed")
    assert (found["late"].reason, found["late"].order_qty) == ("The lead time is not known.", None)
    broken = told.selectExpr(f"{inv_recommendation.TABLE.first_broken_rule_sql()} AS rule").where("rule IS NOT NULL")
    assert listed(broken, "rule") == []
    assert {row.as_of for row in found.values()} == {date(2024, 6, 1)}
    assert listed(points.where("item = 'late'"), "target", "reorder_point", "reason") == [
        (0.5, None, "The lead time is not known."),
        (0.9, None, "The lead time is not known."),
    ]
    assert quantiles.groupBy("material_id").count().where("count <> 8").count() == 0
    assert listed(audit, "stage", "materials", "recomputed", "failures") == [("recommendations", 4, 4, 1)]


def test_what_was_not_as_it_should_be_in_what_landed_is_told_with_every_point(spark: "SparkSession") -> None:
    rows = [
        history("gap", [1.0, 1.0], [0.0], missing_months=3),
        history("back", [1.0, 1.0], [1.0], returns_clipped=2.5),
        history("bad", [1.0, 1.0], [1.0], missing_months=1, left_out="months below 0 (1)"),
        history("sound", [1.0, 1.0], [1.0]),
    ]
    told, points, *_ = solved(spark, rows)
    reasons = {
        "back": "2.5 units were returned for which no issue was found.",
        "bad": "Months between that were not observed and are left out: 1. Left out of what landed: months below 0 (1).",
        "gap": "A lead time of 0 months counts as 1. Months between that were not observed and are left out: 3.",
        "sound": None,
    }
    assert {name: row.reason for name, row in by_material(told).items()} == reasons
    assert set(listed(points, "item", "reason")) == set(reasons.items())


def test_levels_values_and_risk_follow_from_the_reorder_point(spark: "SparkSession") -> None:
    known = {"price": 8.0, "min_level": 1.0, "max_level": 30.0, "stock_on_hand": 1.0, "on_order": 0.0}
    # Two a month for one month: exactly two are asked for, 24 a year; √(2 · 24 · 50 / (0.25 · 8)) = 34.6.
    row = by_material(solved(spark, [history("a", [2.0] * 12, [1.0], **known)])[0])["a"]
    assert (row.rop, row.ltd_mean, row.safety_stock, row.order_qty, row.max_level) == (2.0, 2.0, 0.0, 35.0, 37.0)
    assert (row.current_min, row.current_max, row.delta_units, row.delta_value) == (1.0, 30.0, 7.0, 56.0)
    assert (row.shortage_now, row.value_at_risk, row.fill_rate) == (1.0, 8.0, 1.0)


def test_an_order_is_economic_within_what_supplier_and_shelf_life_allow(spark: "SparkSession") -> None:
    cases: list[tuple[dict[str, Any], float]] = [
        ({}, 2.0),
        ({"price": 0.0}, 2.0),
        ({"price": 8.0}, 35.0),
        ({"price": 8.0, "shelf_life_months": 3.0}, 6.0),
        ({"price": 8.0, "shelf_life_months": 3.0, "min_order_qty": 10.0}, 10.0),
        ({"price": 8000.0, "min_order_qty": 0.0}, 2.0),
    ]
    rows = [history(str(n), [2.0] * 12, [1.0], **more) for n, (more, _) in enumerate(cases)]
    found = by_material(solved(spark, rows)[0])
    assert [found[str(n)].order_qty for n in range(len(cases))] == [order_qty for _, order_qty in cases]


def test_what_stops_the_plant_and_takes_long_has_one_in_stock(spark: "SparkSession") -> None:
    rare = [1.0, *[0.0] * 120]
    rows = [
        history("slow", rare, [4.0], criticality="H"),
        history("quick", rare, [1.0], criticality="H"),
        history("never", [0.0] * 12, [1.0], criticality="H"),
        history("uncritical", rare, [4.0], criticality="L"),
    ]
    found = by_material(solved(spark, rows, with_overrides(PARAMS, ["kappa=0", "service_level_h=0.9"]))[0])
    assert {name: row.rop for name, row in found.items()} == {
        "slow": 1.0,
        "quick": 0.0,
        "never": 1.0,
        "uncritical": 0.0,
    }
    assert "Raised to 1: a shortage stops the plant." in found["slow"].reason


def test_short_histories_are_drawn_towards_the_rates_of_their_class(spark: "SparkSession") -> None:
    rows = [history("a", [0.0, 2.0, 0.0, 0.0, 2.0], [1.0]), history("b", [2.0, 0.0, 2.0, 0.0], [1.0])]
    # Both are intermittent: 3 of their 4 steps from a month without demand lead to one with, none of 3 from one with.
    p01 = {name: row.p01 for name, row in by_material(solved(spark, rows)[0]).items()}
    assert p01 == pytest.approx({"a": (2 + 2 * 0.75) / (3 + 2), "b": (1 + 2 * 0.75) / (1 + 2)})


def test_a_segment_is_solved_by_the_method_that_is_picked_for_its_own_service_level(spark: "SparkSession") -> None:
    picks = [
        {"segment": "smooth/-", "target": 0.9, "method": "tsb_poisson", "picked": True},
        {"segment": "smooth/-", "target": 0.5, "method": "empirical", "picked": True},
    ]
    picking = with_overrides(PARAMS, ["mode=picked"])
    found = by_material(solved(spark, [history("a", [2.0, 3.0] * 6, [1.0])], picking, segments=picks)[0])
    assert found["a"].method == "tsb_poisson"


def test_a_run_of_what_changed_gives_the_rows_of_a_full_run_byte_for_byte(spark: "SparkSession") -> None:
    changing = with_overrides(PARAMS, ["recompute=changed"])
    first = tuple(found.localCheckpoint() for found in solved(spark, some())[:3])
    now = [
        row | {"quantities": [9.0, 0.0, 9.0], "input_hash": 2} if row["material_id"] == "m3" else row for row in some()
    ]
    full, partly = solved(spark, now), solved(spark, now, changing, before=first)
    assert listed(partly[3], "materials", "recomputed") == [(12, 1)]
    for one, other in zip(full[:3], partly[:3], strict=True):
        material = "item" if "item" in one.columns else "material_id"
        new = f"{material} = 'm3'"
        assert listed(one.where(new), *one.columns) == listed(other.where(new), *other.columns)
        assert one.count() == other.count()
    # What did not change is taken over as it was, and not what a full run would say of it now.
    carried = listed(partly[0].where("material_id <> 'm3'"), "material_id", "rop", "p01", "computed_on")
    assert carried == listed(first[0].where("material_id <> 'm3'"), "material_id", "rop", "p01", "computed_on")


def test_a_material_that_failed_or_is_gone_is_not_carried_over(spark: "SparkSession") -> None:
    changing = with_overrides(PARAMS, ["recompute=changed"])
    first = tuple(found.localCheckpoint() for found in solved(spark, [*some(3), history("late", [1.0, 1.0], [])])[:3])
    told, _, _, audit = solved(spark, [*some(2), history("late", [1.0, 1.0], [])], changing, before=first)
    assert sorted(by_material(told)) == ["late", "m0", "m1"]
    assert listed(audit, "materials", "recomputed") == [(3, 1)]


@pytest.mark.parametrize(
    ("recompute", "day", "all_of_them"),
    [
        ("full", "2024-06-03", True),
        ("changed", "2024-06-02", False),
        ("weekly", "2024-06-02", True),
        ("weekly", "2024-06-03", False),
    ],
)
def test_all_materials_are_computed_once_a_week(recompute: str, day: str, all_of_them: bool) -> None:
    params = with_overrides(PARAMS, [f"recompute={recompute}"])
    assert params.computes_all(date.fromisoformat(day)) is all_of_them
