"""Real histories: carparts against exact reorder points that other code computed, Danish fire losses against the
published fit.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spark_jobs.inventory.classes import classify
from spark_jobs.inventory.params import InventoryParams, with_overrides
from spark_jobs.inventory.solve import Answer, Material, Pools, solve
from spark_jobs.inventory.tail import fit_tail

TARGETS = (0.5, 0.9, 0.95, 0.99)
COMPARABLE = with_overrides(InventoryParams(), ["kappa=0", "jitter=false", "targets=.5,.9,.95,.99"])


@pytest.fixture(scope="module")
def histories(real_data: Path) -> dict[str, np.ndarray]:
    """The complete series of carparts by part."""
    wide = pd.read_csv(real_data / "inventory" / "carparts.csv", dtype={"Part": str}).dropna().set_index("Part")
    return dict(zip(wide.index, wide.to_numpy(float), strict=True))


@pytest.fixture(scope="module")
def known(real_data: Path) -> pd.DataFrame:
    return pd.read_csv(real_data / "inventory" / "carparts_exact_reorder_points.csv", dtype={"part": str})


def answer(part: str, months: float, history: np.ndarray, mode: str) -> Answer:
    material = Material("_", part, history, (months,))
    return solve(material, with_overrides(COMPARABLE, [f"mode={mode}"]), Pools())


def test_the_classes_of_the_complete_series(histories):
    assert Counter(classify(history).name for history in histories.values()) == {
        "intermittent": 2067,
        "lumpy": 416,
        "single": 26,
    }


def test_the_exact_mode_gives_every_known_reorder_point(histories, known):
    assert len(known) == 5018
    wrong = []
    for row in known.itertuples():
        found = answer(row.part, row.lead_time_months, histories[row.part], "exact")
        points = [point.point for point in found.points[1:]]
        if points != [row.q50, row.q90, row.q95, row.q99] or abs(found.demand.mean - row.ltd_mean) > 1e-6:
            wrong.append((row.part, row.lead_time_months, points))
    assert wrong == []


@pytest.mark.parametrize("months", [1, 4])
def test_the_interval_of_the_bootstrap_holds_the_exact_point_for_94_in_100(histories, known, months):
    rows = known[known.lead_time_months == months]
    found = {row.part: answer(row.part, months, histories[row.part], "bootstrap") for row in rows.itertuples()}
    exact = rows[["q50", "q90", "q95", "q99"]].to_numpy()
    points = np.array([[(p.low, p.point, p.high) for p in found[part].points[1:]] for part in rows.part])
    inside = (points[:, :, 0] <= exact) & (exact <= points[:, :, 2])
    equal = (points[:, :, 1] == exact).mean(axis=0)
    print(f"{months} months: inside {inside.mean(axis=0)}, equal {equal}")
    assert (inside.mean(axis=0) >= 0.94).all()
    assert (equal >= 0.85).all()


@pytest.mark.parametrize(
    ("threshold", "exceedances", "shape", "scale"),
    [(10, 109, 0.4970, 6.9755), (5, 254, 0.6315, 3.809), (20, 36, 0.684, 9.635)],
)
def test_the_tail_of_danish_fire_losses_is_as_published(real_data, threshold, exceedances, shape, scale):
    losses = pd.read_csv(real_data / "inventory" / "danish_fire_losses.csv").loss_mDKK.to_numpy()
    found = fit_tail(losses, threshold)
    assert (found.exceedances, found.reason) == (exceedances, None)
    assert found.shape == pytest.approx(shape, abs=0.001)
    assert found.scale == pytest.approx(scale, abs=0.005)
    if threshold == 10:
        assert found.nll == pytest.approx(374.893, abs=0.01)
