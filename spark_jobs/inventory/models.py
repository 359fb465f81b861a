"""Other ways to the distribution of lead-time demand: what the bootstrap is compared with.

A forecast of the demand a month (statsforecast: Croston 1972, SBA of Syntetos and Boylan 2005, TSB of Teunter, Syntetos
and Babai 2011) gives the mean, the history the variance, and a family the shape. The windows of Porras and Dekker (2008),
EJOR 184:101-132, need neither. All give a probability for each whole number of units: not for fractional or huge sizes.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_jobs.inventory.distribution import Known
from spark_jobs.inventory.lead_time import months_of

# Smoothing of demand and of its probability, as Teunter, Syntetos and Babai use it for slow movers.
SMOOTHING = 0.1
# What lies beyond has less probability than a reorder point can tell.
_TAIL_MASS = 1e-6


def empirical(quantities: NDArray[np.float64], lead_times: Sequence[float]) -> Known:
    """The demand of every stretch of the history that is as long as a lead time; ``quantities``: units by month.

    A history shorter than the lead time counts as one stretch, stretched to its length.
    """
    sums = []
    for lead_time in lead_times:
        months, kept = months_of(lead_time)
        length = min(months, len(quantities))
        running = np.concatenate(([0.0], np.cumsum(quantities)))
        windows = (running[length:] - running[:-length]) * (months - 1 + kept) / length
        sums.append(windows)
    whole = np.ceil(np.concatenate(sums) - 1e-9).astype(np.int64)
    return Known(np.bincount(whole) / len(whole))


def croston_normal(quantities: NDArray[np.float64], lead_times: Sequence[float]) -> Known:
    """Croston's forecast, normally distributed; what lies below 0 counts as 0."""
    mean, variance = _lead_time_moments(_rate("CrostonClassic", quantities), quantities, lead_times)
    from scipy.stats import norm

    sd = math.sqrt(variance)
    most = _support(mean + 6.0 * sd)
    edges = norm.cdf(np.arange(most + 1) + 0.5, loc=mean, scale=max(sd, 1e-9))
    return Known(np.diff(edges, prepend=0.0) / edges[-1])


def sba_negative_binomial(quantities: NDArray[np.float64], lead_times: Sequence[float]) -> Known:
    """The forecast of Syntetos and Boylan, negative binomial; Poisson where the variance does not exceed the mean."""
    mean, variance = _lead_time_moments(_rate("CrostonSBA", quantities), quantities, lead_times)
    if variance <= mean * 1.0001:
        return _poisson(mean)
    from scipy.stats import nbinom

    chance = mean / variance
    size = mean * chance / (1.0 - chance)
    return _normalised(nbinom.pmf(np.arange(_support(nbinom.isf(_TAIL_MASS, size, chance)) + 1), size, chance))


def tsb_poisson(quantities: NDArray[np.float64], lead_times: Sequence[float]) -> Known:
    """The forecast of Teunter, Syntetos and Babai, which forgets a material that is no longer asked for; Poisson."""
    mean, _ = _lead_time_moments(_rate("TSB", quantities), quantities, lead_times)
    return _poisson(mean)


MODELS: dict[str, Callable[[NDArray[np.float64], Sequence[float]], Known]] = {
    "empirical": empirical,
    "croston_normal": croston_normal,
    "sba_negative_binomial": sba_negative_binomial,
    "tsb_poisson": tsb_poisson,
}


def _rate(model: str, quantities: NDArray[np.float64]) -> float:
    """Forecast of the demand a month in units, at least 0."""
    forecast = _forecaster(model).forecast(quantities, h=1)["mean"]
    return max(float(np.nan_to_num(forecast[0])), 0.0)


@cache
def _forecaster(model: str) -> Any:
    from statsforecast import models

    more = {"alpha_d": SMOOTHING, "alpha_p": SMOOTHING} if model == "TSB" else {}
    return getattr(models, model)(**more)


def _lead_time_moments(
    rate: float, quantities: NDArray[np.float64], lead_times: Sequence[float]
) -> tuple[float, float]:
    """Mean and variance of the demand over a lead time of independent months, the lead time itself being uncertain."""
    times = np.array([max(time, 1.0) for time in lead_times])
    monthly = float(quantities.var(ddof=1)) if len(quantities) > 1 else rate
    return rate * float(times.mean()), monthly * float(times.mean()) + rate**2 * float(times.var())


def _poisson(mean: float) -> Known:
    from scipy.stats import poisson

    return _normalised(poisson.pmf(np.arange(_support(poisson.isf(_TAIL_MASS, mean)) + 1), mean))


def _normalised(pmf: NDArray[np.float64]) -> Known:
    total = pmf.sum()
    return Known(pmf / total if total > 0 else np.ones(1))


def _support(largest: float) -> int:
    return max(math.ceil(largest), 1)
