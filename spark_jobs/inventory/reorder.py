"""Reorder points of a distribution of lead-time demand, and how sure a simulated one is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Two-sided 95 %.
Z95 = 1.96
# Sums of probabilities are this far off a round target at most.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ReorderPoint:
    """``point``: smallest r with P(demand <= r) >= target, in units; ``low`` and ``high``: its 95 % interval."""

    target: float
    point: float
    low: float
    high: float


@dataclass(frozen=True)
class Demand:
    """Lead-time demand in units: mean, standard deviation and ``mcse``, the standard error of a simulated mean."""

    mean: float
    sd: float
    mcse: float


def of_distribution(pmf: NDArray[np.float64], target: float) -> ReorderPoint:
    """From exact probabilities of 0, 1, 2, … units; known without error."""
    point = min(float(np.searchsorted(np.cumsum(pmf), target - _ROUNDING)), len(pmf) - 1.0)
    return ReorderPoint(target, point, point, point)


def of_sample(ordered: NDArray[np.float64], target: float) -> ReorderPoint:
    """From n simulated demands in ascending order.

    The interval lies between the order statistics of ranks nq ± 1.96 √(nq(1 - q)): the number of draws below the true
    quantile is binomial (David and Nagaraja, Order Statistics, 2003, section 7.1).
    """
    n = len(ordered)
    half = Z95 * math.sqrt(n * target * (1.0 - target))
    ranks = (math.ceil(n * target - _ROUNDING), math.floor(n * target - half), math.ceil(n * target + half))
    point, low, high = (float(ordered[min(max(rank, 1), n) - 1]) for rank in ranks)
    return ReorderPoint(target, point, low, high)


def moments_of_distribution(pmf: NDArray[np.float64]) -> Demand:
    """Mean and standard deviation of exact probabilities."""
    values = np.arange(len(pmf))
    mean = float(pmf @ values)
    return Demand(mean, math.sqrt(max(float(pmf @ (values - mean) ** 2), 0.0)), 0.0)


def moments_of_sample(draws: NDArray[np.float64]) -> Demand:
    """Mean and standard deviation (ddof 1) of at least two simulated demands; MCSE = sd / √n."""
    sd = float(draws.std(ddof=1))
    return Demand(float(draws.mean()), sd, sd / math.sqrt(len(draws)))
