"""Batches of whole histories: one answer a material, and a bad material stops no other."""

import re
from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.inventory import batches
from spark_jobs.inventory.chain import Pool
from spark_jobs.inventory.params import InventoryParams, with_overrides
from spark_jobs.inventory.solve import Pools
from spark_jobs.inventory.tail import PooledTail

RAW = with_overrides(InventoryParams(), ["kappa=0", "targets=.5,.9", "mode=exact"])
HISTORY = pa.schema(
    [
        *[(name, pa.string()) for name in ("location_id", "material_id", "criticality")],
        *[(name, pa.list_(pa.float64())) for name in ("lead_times", "quantities")],
        ("stock_now", pa.float64()),
    ]
)
TAILED = with_overrides(RAW, ["mode=bootstrap", "iterations=5000", "tail=true"])
NOTHING = Pools()
EVERY_OTHER_MONTH = [0.0, 2.0] * 6


def row(
    material: str, quantities: list[float], lead_times: list[float], criticality: str | None = None, **more
) -> dict:
    known = {"location_id": "L1", "material_id": material, "criticality": criticality}
    return known | {"lead_times": lead_times, "quantities": quantities} | more


def answers(*rows: dict, params: InventoryParams = RAW, pools: Pools = NOTHING) -> list[dict[str, Any]]:
    """Without the time that they took, which nobody can foretell."""
    batch = pa.RecordBatch.from_pylist(list(rows), schema=HISTORY)
    told = [told for out in batches.answers([batch], params, pools) for told in out.to_pylist()]
    assert all(one.pop("seconds") > 0 for one in told)
    return told


def points(told: dict[str, Any]) -> list[tuple]:
    return [(point["target"], point["point"]) for point in told["points"]]


def test_a_material_gets_its_level_by_criticality_and_a_point_a_target():
    (told,) = answers(row("m", EVERY_OTHER_MONTH, [1.0], "H"))
    # After a month with demand there never is one again, so nothing is needed for one month.
    assert (told["class"], told["n_periods"], told["n_nonzero"], told["adi"]) == ("intermittent", 12, 6, 2.0)
    assert (told["p01"], told["p11"], told["service_level"]) == (1.0, 0.0, 0.99)
    assert (told["rop"], told["ltd_mean"], told["shortage"]) == (0.0, 0.0, 0.0)
    assert (told["status"], told["method"], told["reason"]) == ("computed", "exact", None)
    (two,) = answers(row("m", EVERY_OTHER_MONTH, [2.0], "H"))
    assert (two["rop"], two["rop_lo"], two["rop_hi"], two["ltd_mean"]) == (2.0, 2.0, 2.0, 2.0)
    assert points(two) == [(0.5, 2.0), (0.9, 2.0)]


@pytest.mark.parametrize(
    ("quantities", "lead_times", "status", "method", "rop", "reason"),
    [
        ([], [1.0], "none", "none", 0.0, "No month was observed."),
        ([0.0, 0.0], [1.0], "none", "none", 0.0, "No demand in 2 observed months."),
        ([0.0, 0.0], [], "none", "none", 0.0, "No demand in 2 observed months."),
        ([1.0, 0.0], [], "failed", "none", None, "The lead time is not known."),
        ([1.0, 1.0], [0.0], "computed", "exact", 1.0, "A lead time of 0 months counts as 1."),
        ([0.0, 5.0], [1.0], "computed", "exact", 5.0, "One demand only: its size stands for all."),
        (
            [1.5, 1.5],
            [1.0],
            "computed",
            "bootstrap",
            1.5,
            "Sizes are fractional or too large to be told by whole units.",
        ),
        (
            [1e6, 1e6],
            [1.0],
            "computed",
            "bootstrap",
            1e6,
            "Sizes are fractional or too large to be told by whole units.",
        ),
        ([3.0, 3.0], [24.0], "computed", "exact", 72.0, None),
    ],
)
def test_an_edge_case_is_defined_and_explained(quantities, lead_times, status, method, rop, reason):
    (told,) = answers(row("m", quantities, lead_times))
    assert (told["status"], told["method"], told["rop"], told["reason"]) == (status, method, rop, reason)


def test_a_material_that_breaks_the_computation_fails_alone_and_says_why():
    broken, sound = answers(row("bad", [1.0, 2.0], [float("nan")]), row("good", [1.0, 1.0], [1.0]))
    assert (broken["status"], broken["rop"], broken["class"]) == ("failed", None, None)
    assert broken["reason"].startswith("ValueError: ")
    assert points(broken) == [(0.5, None), (0.9, None)]
    assert (sound["status"], sound["rop"]) == ("computed", 1.0)


def test_the_rates_of_a_class_reach_its_materials():
    shrunk = with_overrides(RAW, ["kappa=2"])
    (told,) = answers(
        row("m", EVERY_OTHER_MONTH, [1.0]), params=shrunk, pools=Pools(rates={"intermittent": Pool(0.1, 0.4)})
    )
    assert told["p01"] == pytest.approx((6 + 2 * 0.1) / (6 + 2))
    assert told["p11"] == pytest.approx((0 + 2 * 0.4) / (5 + 2))


def test_steps_are_told_by_class():
    batch = pa.RecordBatch.from_pylist([row("m", [0.0, 2.0, 2.0], [1.0]), row("n", [0.0], [])], schema=HISTORY)
    assert [told for out in batches.steps([batch]) for told in out.to_pylist()] == [
        {"class": "intermittent", "n0": 1, "n01": 1, "n1": 1, "n11": 1},
        {"class": "none", "n0": 0, "n01": 0, "n1": 0, "n11": 0},
    ]


def test_what_a_material_draws_does_not_depend_on_its_neighbours():
    drawn = with_overrides(RAW, ["mode=bootstrap", "iterations=500"])
    rows = [row(f"m{n}", [0.0, 1.0, float(n), 0.0, 3.0], [2.5]) for n in range(1, 9)]
    together = answers(*rows, params=drawn)
    alone = [answers(one, params=drawn)[0] for one in reversed(rows)]
    assert together == alone[::-1]
    assert together != answers(*rows, params=with_overrides(drawn, ["seed=2"]))


def test_a_segment_gets_the_method_that_its_back_test_picked():
    picking = with_overrides(RAW, ["mode=picked", "iterations=500"])
    picks = Pools(picks={("intermittent/H", 0.99): "tsb_poisson", ("intermittent/M", 0.95): "bootstrap_jitter"})
    rows = [row(name, EVERY_OTHER_MONTH, [2.0], name) for name in ("H", "M", "L")]
    told = answers(*rows, params=picking, pools=picks)
    assert [(one["method"], one["jitter"]) for one in told] == [
        ("tsb_poisson", False),
        ("bootstrap", True),
        ("bootstrap", False),
    ]
    assert told[0]["reason"] == "Method picked by the back-test of its segment."
    assert (told[0]["n_iterations"], told[1]["n_iterations"]) == (0, 500)


def test_units_expected_short_from_the_stock_of_today():
    # In two months of which every other one has a demand of 2, exactly 2 are asked for.
    some, unknown = answers(row("m", EVERY_OTHER_MONTH, [2.0], stock_now=0.5), row("n", EVERY_OTHER_MONTH, [2.0]))
    assert (some["shortage_now"], some["shortage"]) == (1.5, 0.0)
    assert unknown["shortage_now"] is None


def test_iterations_double_while_the_interval_is_wide():
    history = [0.0, 1.0, 0.0, 250.0, 3.0, 0.0, 40.0, 0.0]
    few, more = (
        answers(row("m", history, [4.0]), params=with_overrides(RAW, ["mode=bootstrap", "iterations=500", most]))[0]
        for most in ("most_iterations=500", "most_iterations=5000")
    )
    assert (few["n_iterations"], more["n_iterations"]) == (500, 4000)
    assert more["rop_hi"] - more["rop_lo"] < few["rop_hi"] - few["rop_lo"]


def test_a_short_history_takes_the_tail_of_its_class_and_says_so():
    pools = Pools(tails={"intermittent": PooledTail(0.9, 0.3, 2.0)})
    (told,) = answers(row("m", EVERY_OTHER_MONTH, [2.0]), params=TAILED, pools=pools)
    assert told["reason"] == "Too few sizes for a tail of its own. The tail of the class intermittent is taken."
    assert (told["gpd_xi"], told["gpd_beta"]) == (0.3, 4.0)
    assert told["quantiles"][-1]["value"] > 2.0
    (plain,) = answers(row("m", EVERY_OTHER_MONTH, [2.0]), params=TAILED)
    assert (plain["reason"], plain["gpd_xi"]) == ("Too few sizes for a tail of its own.", None)


def test_a_history_whose_own_tail_is_too_heavy_takes_the_tail_of_its_class_and_says_so():
    heavy = [1.0 + (((n + 0.5) / 200) ** -0.9 - 1) / 0.9 for n in range(200)]
    pools = Pools(tails={"erratic": PooledTail(3.0, 0.3, 0.5)})
    (told,) = answers(row("m", heavy, [2.0]), params=TAILED, pools=pools)
    assert re.fullmatch(
        r"The tail's shape \d\.\d{3} is not below 0\.7\. The tail of the class erratic is taken\.", told["reason"]
    )
    assert told["gpd_xi"] == 0.3
    (plain,) = answers(row("m", heavy, [2.0]), params=TAILED)
    assert "is not below 0.7" in plain["reason"] and plain["gpd_xi"] is None


def test_sizes_of_a_class_are_told_in_units_of_their_mean():
    batch = pa.RecordBatch.from_pylist([row("m", [0.0, 1.0, 3.0], []), row("n", [0.0], [])], schema=HISTORY)
    assert [told["size"] for out in batches.scaled_sizes([batch]) for told in out.to_pylist()] == [0.5, 1.5]
