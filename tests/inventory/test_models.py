"""Other ways to the distribution of lead-time demand."""

import numpy as np
import pytest

from spark_jobs.inventory import models


def months(*quantities: float) -> np.ndarray:
    return np.array(quantities, dtype=float)


def test_the_windows_of_the_history_are_the_distribution():
    assert models.empirical(months(0, 1, 0, 2), [2]).pmf == pytest.approx([0, 2 / 3, 1 / 3])


def test_a_history_shorter_than_the_lead_time_is_stretched_to_it():
    assert models.empirical(months(1, 2), [4]).reorder_point(0.5).point == 6.0


def test_every_lead_time_brings_its_own_windows():
    assert models.empirical(months(1, 1, 1), [1, 2]).pmf == pytest.approx([0, 0.6, 0.4])


@pytest.mark.parametrize("name", ["croston_normal", "sba_negative_binomial", "tsb_poisson"])
def test_a_forecast_of_a_steady_demand_is_that_demand(name):
    found = models.MODELS[name](months(*[3.0] * 30), [2.0])
    # SBA takes α/2 off on purpose (Syntetos and Boylan 2005).
    expected = 6.0 * (0.95 if name.startswith("sba") else 1.0)
    assert found.mean == pytest.approx(expected, rel=0.01)
    assert found.pmf.sum() == pytest.approx(1.0)


def test_what_is_no_longer_asked_for_is_forgotten_by_tsb_and_not_by_croston():
    history = months(*[4.0] * 12, *[0.0] * 24)
    assert models.MODELS["tsb_poisson"](history, [1]).mean < 0.5
    assert models.MODELS["croston_normal"](history, [1]).mean > 2.0


def test_an_uncertain_lead_time_widens_the_distribution():
    history = months(*[2.0, 0.0, 3.0, 1.0] * 6)
    certain = models.MODELS["sba_negative_binomial"](history, [3.0, 3.0])
    uncertain = models.MODELS["sba_negative_binomial"](history, [1.0, 5.0])
    assert uncertain.mean == pytest.approx(certain.mean, rel=1e-3)
    assert uncertain.sd > certain.sd * 1.3
