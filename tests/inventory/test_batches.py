"""Batches of whole histories: one answer a material, and a bad material stops no other."""

from typing import Any

import pyarrow as pa
import pytest

from spark_jobs.inventory import batches
from spark_jobs.inventory.chain import Pool
from spark_jobs.inventory.params import InventoryParams, with_overrides

RAW = with_overrides(InventoryParams(), ["kappa=0", "targets=.5,.9", "mode=exact"])
HISTORY = pa.schema(
    [
        *[(name, pa.string()) for name in ("location_id", "material_id", "criticality")],
        *[(name, pa.list_(pa.float64())) for name in ("lead_times", "quantities")],
    ]
)
EVERY_OTHER_MONTH = [0.0, 2.0] * 6


def row(material: str, quantities: list[float], lead_times: list[float], criticality: str | None = None) -> dict:
    known = {"location_id": "L1", "material_id": material, "criticality": criticality}
    return known | {"lead_times": lead_times, "quantities": quantities}


def answers(*rows: dict, params: InventoryParams = RAW, pools: dict[str, Pool] | None = None) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_pylist(list(rows), schema=HISTORY)
    return [told for out in batches.answers([batch], params, pools or {}) for told in out.to_pylist()]


def points(told: dict[str, Any]) -> list[tuple]:
    return [(point["target"], point["point"]) for point in told["points"]]


def test_a_material_gets_its_level_by_criticality_and_a_point_a_target():
    (told,) = answers(row("m", EVERY_OTHER_MONTH, [1.0], "H"))
    # After a month with demand there never is one again, so nothing is needed for one month.
    assert (told["class"], told["n_periods"], told["n_nonzero"], told["adi"]) == ("intermittent", 12, 6, 2.0)
    assert (told["p01"], told["p11"], told["service_level"]) == (1.0, 0.0, 0.99)
    assert (told["rop"], told["ltd_mean"], told["safety_stock"]) == (0.0, 0.0, 0.0)
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
        ([1.5, 1.5], [1.0], "computed", "bootstrap", 1.5, "Sizes are fractional or too large for the exact mode."),
        ([1e6, 1e6], [1.0], "computed", "bootstrap", 1e6, "Sizes are fractional or too large for the exact mode."),
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
    (told,) = answers(row("m", EVERY_OTHER_MONTH, [1.0]), params=shrunk, pools={"intermittent": Pool(0.1, 0.4)})
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
