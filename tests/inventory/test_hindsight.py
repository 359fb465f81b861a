"""The back-test of one material, and a stock run through the demand that came."""

from dataclasses import replace

import numpy as np
import pytest

from spark_jobs.inventory.hindsight import CURRENT, Levels, judged, lead_times_of_the_past
from spark_jobs.inventory.params import InventoryParams, with_overrides
from spark_jobs.inventory.policy import run_policy
from spark_jobs.inventory.solve import Material, Pools

PARAMS = with_overrides(InventoryParams(), ["targets=.5,.9", "backtest_iterations=500", "kappa=0"])
STEADY = Material("L", "m", np.array([2.0] * 36), (2.0,), "H")


def test_a_stock_is_run_month_by_month():
    # 6 units begin; 2 a month leave; an order of what is missing to 6 goes out at 3 or below and takes 2 months.
    found = run_policy(np.array([2.0] * 6), order_at=3.0, order_up_to=6.0, lead_time=2)
    # Ends of the months: 4, 2 (orders 4), 0, 0 (2 are owed, orders 4), then 4 arrive: 2 for what is owed, 2 leave: 0, 0.
    assert (found.months, found.demand, found.filled, found.stockout_months) == (6, 12.0, 8.0, 2)
    assert found.mean_stock == pytest.approx((4 + 2 + 0 + 0 + 0 + 0) / 6)


@pytest.mark.parametrize(("order_at", "short"), [(4.0, 0), (3.0, 10)])
def test_a_stock_suffices_if_it_holds_the_demand_of_a_lead_time(order_at: float, short: int):
    assert run_policy(np.array([2.0] * 12), order_at, order_at + 2.0, lead_time=2).stockout_months == short


def test_what_is_short_is_owed_and_met_first_from_what_arrives():
    found = run_policy(np.array([5.0, 0.0, 0.0]), order_at=0.0, order_up_to=2.0, lead_time=1)
    # Two of five are met at once; the order brings the position from -3 to 2, and of its five three are owed.
    assert (found.filled, found.stockout_months) == (2.0, 1)
    assert found.mean_stock == pytest.approx((0 + 0 + 2) / 3)


def test_a_stock_without_months_has_no_outcome():
    assert run_policy(np.array([]), 1.0, 2.0, 1).mean_stock == 0.0


def test_lead_times_of_the_past_follow_each_other_and_leave_enough_history():
    past = lead_times_of_the_past(STEADY, PARAMS)
    assert [(time.begin, time.demand) for time in past] == [(34, 4.0), (32, 4.0), (30, 4.0), (28, 4.0)]
    short = replace(STEADY, quantities=STEADY.quantities[:27])
    assert [time.begin for time in lead_times_of_the_past(short, PARAMS)] == [25]


def test_the_last_month_of_a_fractional_lead_time_counts_as_often_as_its_fraction():
    counted = [
        lead_times_of_the_past(replace(STEADY, material_id=f"m{n}", lead_times=(1.25,)), PARAMS)[0].demand
        for n in range(400)
    ]
    assert set(counted) == {2.0, 4.0}
    # Four standard errors of a share of 400.
    assert np.mean([demand == 4.0 for demand in counted]) == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 400) ** 0.5)


def test_each_method_is_judged_at_each_service_level_and_the_levels_of_today_beside_them():
    rows = judged(STEADY, PARAMS, Pools(), Levels(3.0, 8.0))
    by_method = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    assert set(by_method) == {
        "bootstrap",
        "bootstrap_jitter",
        "exact",
        "empirical",
        "croston_normal",
        "sba_negative_binomial",
        "tsb_poisson",
        "current",
    }
    assert [row["target"] for row in by_method["exact"]] == [0.5, 0.9, 0.95, 0.99]
    # Two months of two units: four suffice, three do not.
    assert [(row["windows"], row["covered"]) for row in by_method["exact"]] == [(4, 4)] * 4
    assert [(row["windows"], row["covered"]) for row in by_method[CURRENT]] == [(4, 0)] * 4
    assert {row["segment"] for row in rows} == {"smooth/H"}
    assert by_method["exact"][0]["filled"] == by_method["exact"][0]["demand"] == 24.0


def test_only_what_was_known_then_is_used():
    quiet_then_busy = np.concatenate((np.tile([0.0, 1.0], 15), np.full(6, 50.0)))
    rows = judged(replace(STEADY, quantities=quiet_then_busy), replace(PARAMS, backtest_windows=3), Pools())
    exact = [row for row in rows if row["method"] == "exact" and row["target"] == 0.99]
    # Before the first of the three windows no month had more than one unit: it is not covered.
    assert exact[0]["windows"] == 3 and exact[0]["covered"] < 3


@pytest.mark.parametrize(
    "material",
    [
        replace(STEADY, lead_times=()),
        replace(STEADY, quantities=np.zeros(36)),
        replace(STEADY, quantities=STEADY.quantities[:24]),
    ],
)
def test_without_lead_time_demand_or_history_there_is_nothing_to_judge(material):
    assert judged(material, PARAMS, Pools()) == []


def test_huge_or_fractional_sizes_are_judged_by_the_bootstrap_under_every_methods_name():
    for sizes in (np.array([1e12, 0.0, 0.0] * 12), np.array([0.15, 0.0, 0.1] * 12)):
        rows = judged(replace(STEADY, quantities=sizes), PARAMS, Pools())
        held = {row["method"]: row["mean_stock"] for row in rows if row["target"] == 0.9}
        assert held["bootstrap"] == held["exact"] == held["tsb_poisson"] == held["empirical"]


def test_a_stock_is_run_over_the_last_two_years():
    rows = judged(replace(STEADY, quantities=np.array([2.0] * 60)), PARAMS, Pools())
    assert {row["months"] for row in rows} == {24}
