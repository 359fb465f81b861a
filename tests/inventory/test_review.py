"""The back-test by segment, and what the recommendations mean for the stock that is there, on literal rows."""

from typing import TYPE_CHECKING, Any

import pytest

from expectations.inventory import inv_backtest, inv_recommendation
from spark_jobs.inventory import backtest, review
from spark_jobs.inventory.params import with_overrides
from tests.frames import frame, listed
from tests.inventory.parts import NIGHT, PARAMS, histories, history

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]
QUICK = with_overrides(PARAMS, ["backtest_iterations=200", "closeups=1"])


def trial(method: str, covered: int, stock: float, **more: Any) -> dict[str, Any]:
    named = {"location_id": "L1", "material_id": "a", "segment": "lumpy/H", "class": "lumpy", "method": method}
    counted = {"target": 0.9, "windows": 100, "covered": covered, "months": 24, "stockout_months": 1}
    return named | counted | {"demand": 10.0, "filled": 9.0, "mean_stock": stock, "mean_value": 2 * stock} | more


def segments(spark: "SparkSession", rows: list[dict[str, Any]]) -> "DataFrame":
    return backtest.picked(backtest.by_segment(frame(spark, inv_backtest.TABLE, rows)), NIGHT)


def test_a_segment_adds_up_its_materials_with_wilsons_interval(spark: "SparkSession") -> None:
    rows = [trial("exact", 88, 3.0), trial("exact", 92, 5.0, material_id="b")]
    (row,) = segments(spark, rows).collect()
    assert (row.materials, row.windows, row.achieved_cycle, row.overshoot) == (2, 200, 0.9, pytest.approx(0.0))
    # Wilson (1927) for 180 of 200.
    assert (row.achieved_lo, row.achieved_hi) == (pytest.approx(0.8506, abs=5e-4), pytest.approx(0.9343, abs=5e-4))
    assert (row.achieved_fill, row.stockouts, row.holding_units, row.holding_value) == (0.9, 2, 8.0, 16.0)


def test_the_method_that_reaches_the_target_with_the_least_stock_is_picked(spark: "SparkSession") -> None:
    cases = [
        # Both reach the target: the one that holds less.
        ([trial("bootstrap", 95, 5.0), trial("empirical", 91, 4.0)], "empirical"),
        # Not noticeably less.
        ([trial("bootstrap", 95, 5.0), trial("empirical", 91, 4.95)], "bootstrap"),
        # The cheaper one does not reach it.
        ([trial("bootstrap", 95, 5.0), trial("tsb_poisson", 60, 1.0)], "bootstrap"),
        # None reaches it: the one that comes closest.
        ([trial("bootstrap", 50, 1.0), trial("croston_normal", 70, 9.0)], "croston_normal"),
        # What is in use today is held beside them and never picked.
        ([trial("bootstrap", 95, 5.0), trial("current", 99, 0.1)], "bootstrap"),
    ]
    rows = [row | {"segment": f"s{n}"} for n, (rows, _) in enumerate(cases) for row in rows]
    found = listed(segments(spark, rows).where("picked"), "segment", "method")
    assert found == [(f"s{n}", picked) for n, (_, picked) in enumerate(cases)]


def test_a_sample_is_the_same_every_night_whatever_the_order(spark: "SparkSession") -> None:
    few = with_overrides(QUICK, ["backtest_most_materials=5"])
    rows = [history(f"m{n}", [1.0], [1.0]) for n in range(20)]
    chosen = [listed(backtest.sample(histories(spark, order), few), "material_id") for order in (rows, rows[::-1])]
    assert len(chosen[0]) == 5 and chosen[0] == chosen[1]


def test_the_back_test_judges_every_material_with_a_history_long_enough(spark: "SparkSession") -> None:
    rows = [history("a", [2.0, 0.0] * 20, [1.0], price=3.0, min_level=1.0), history("b", [1.0] * 5, [1.0])]
    judged, by_segment = backtest.transform(histories(spark, rows), window=NIGHT, params=QUICK)
    assert listed(judged.where("method = 'current' AND target = 0.9"), "material_id", "windows") == [("a", 4)]
    assert {method for (method,) in listed(by_segment, "method")} >= {"bootstrap", "exact", "current", "tsb_poisson"}
    assert by_segment.where("picked").count() == 4


def recommended(material: str, rop: float, **more: Any) -> dict[str, Any]:
    known = {"location_id": "L1", "material_id": material, "rop": rop, "order_qty": 2.0, "max_level": rop + 2.0}
    return known | {"status": "computed", "price": 10.0, "safety_stock": 1.0, "ltd_mean": 1.0, "lt_mean": 1.0} | more


DEFAULTS = {"n_periods": 12, "n_nonzero": 6, "p01": 0.5, "p11": 0.5, "method": "bootstrap", "jitter": False}
DEFAULTS |= {"n_iterations": 500}


def reviewed(spark: "SparkSession", known: list[dict[str, Any]], told: list[dict[str, Any]]) -> "tuple[DataFrame, ...]":
    rows = frame(
        spark,
        inv_recommendation.TABLE,
        [DEFAULTS | row for row in told],
    )
    return review.transform(histories(spark, known), rows, window=NIGHT, params=QUICK)


def stocked(material: str, stock: float | None, since: int | None, **more: Any) -> dict[str, Any]:
    return history(material, [1.0] * 12, [1.0], stock_on_hand=stock, months_since_issue=since, **more)


def test_excess_is_moved_given_up_or_run_down(spark: "SparkSession") -> None:
    known = [
        stocked("fits", 4.0, 1),
        stocked("much", 20.0, 13),
        stocked("dead", 20.0, 40),
        stocked("new", 20.0, None),
        stocked("vital", 20.0, 40, criticality="H"),
        stocked("unknown", None, None),
        stocked("spread", 20.0, 1),
        stocked("spread", 0.0, 1, location_id="L2"),
    ]
    told = [recommended(name, 3.0) for name in ("fits", "much", "dead", "new", "unknown", "spread")]
    told += [recommended("vital", 3.0, criticality="H"), recommended("spread", 3.0, location_id="L2")]
    columns = ("material_id", "location_id", "idle", "excess_units", "excess_value", "action", "transfer_to")
    assert listed(reviewed(spark, known, told)[0], *columns) == [
        ("dead", "L1", "36", 15.0, 150.0, "dispose", None),
        ("fits", "L1", "under 12", 0.0, 0.0, "keep", None),
        ("much", "L1", "12", 15.0, 150.0, "reduce", None),
        ("new", "L1", "never", 15.0, 150.0, "reduce", None),
        ("spread", "L1", "under 12", 15.0, 150.0, "transfer", "L2"),
        ("spread", "L2", "under 12", 0.0, 0.0, "keep", None),
        ("unknown", "L1", "never", None, None, "keep", None),
        ("vital", "L1", "36", 15.0, 150.0, "reduce", None),
    ]


def test_cover_is_told_in_years_of_demand(spark: "SparkSession") -> None:
    found = reviewed(
        spark,
        [stocked("a", 6.0, 0), history("b", [0.0] * 12, [1.0], stock_on_hand=6.0)],
        [
            recommended("a", 1.0),
            recommended("b", 0.0),
        ],
    )[0]
    assert listed(found, "material_id", "cover_years") == [("a", 0.5), ("b", None)]


def test_what_to_keep_in_stock_is_decided_by_cost_or_by_the_matrix(spark: "SparkSession") -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
        # A year of demand costs 6 · 1 · 100 · 30.4 days; a year in stock 0.25 · 10 · 2.
        ({"downtime_cost_per_day": 100.0}, {"criticality": "H"}, "stock", "cost"),
        ({"downtime_cost_per_day": 0.001}, {"criticality": "L"}, "nonstock", "cost"),
        ({}, {"criticality": "H", "n_nonzero": 0, "lt_mean": 2.0}, "stock", "critical_and_slow"),
        ({}, {"criticality": "L", "n_nonzero": 0, "status": "none"}, "nonstock", "no_demand"),
        ({}, {"criticality": "L", "n_periods": 48, "n_nonzero": 1}, "nonstock", "uncritical_and_slow"),
        ({}, {"criticality": "M", "n_periods": 48, "n_nonzero": 1}, "stock", "kept"),
        ({}, {"criticality": "L"}, "stock", "kept"),
        (
            {"downtime_cost_per_day": 9.0},
            {"criticality": "H", "n_nonzero": 0, "status": "none"},
            "stock",
            "critical_and_slow",
        ),
        (
            {"downtime_cost_per_day": 9.0},
            {"criticality": "M", "n_nonzero": 0, "status": "none"},
            "nonstock",
            "no_demand",
        ),
    ]
    known = [stocked(str(n), 1.0, 1, mrp_type="stock", **case[0]) for n, case in enumerate(cases)]
    told = [recommended(str(n), 1.0, **case[1]) for n, case in enumerate(cases)]
    found = listed(reviewed(spark, known, told)[1], "material_id", "policy", "rule", "current_policy")
    assert found == [(str(n), policy, rule, "stock") for n, (_, _, policy, rule) in enumerate(cases)]


def test_the_budget_sets_value_in_stock_against_value_at_risk(spark: "SparkSession") -> None:
    known = [stocked("a", 9.0, 1), stocked("b", 1.0, 1), stocked("free", 1.0, 1)]
    told = [
        recommended("a", 3.0, criticality="H", value_at_risk=1.5),
        recommended("b", 3.0, criticality="H", value_at_risk=2.0),
        recommended("free", 3.0, price=None),
    ]
    columns = ("criticality", "materials", "value_in_stock", "value_recommended", "value_at_risk", "value_excess")
    # Recommended: a safety stock of one and half an order of two, each at 10, twice.
    assert listed(reviewed(spark, known, told)[2], *columns) == [("H", 2, 100.0, 40.0, 3.5, 40.0)]


def test_the_material_whose_value_changes_most_is_shown_closely(spark: "SparkSession") -> None:
    known = [stocked("little", 1.0, 1), stocked("much", 1.0, 1)]
    told = [recommended("little", 1.0, delta_value=5.0), recommended("much", 1.0, delta_value=-50.0)]
    *_, distribution, convergence = reviewed(spark, known, told)
    bins = listed(distribution, "material_id", "units", "width", "probability")
    assert {name for name, *_ in bins} == {"much"}
    assert sum(share for *_, share in bins) == pytest.approx(1.0)
    steps = listed(convergence, "iterations", "rop")
    assert sorted(count for count, _ in steps) == [100, 200, 500]
