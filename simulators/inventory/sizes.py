"""Sizes: the units of a month with demand. One family a material, whole units, at least 1.

* ``negative_binomial``: 1 + negative binomial with mean ``first`` and dispersion ``second``
* ``lognormal``: exp(``first`` + ``second`` Z), rounded up
* ``gpd``: generalised Pareto with scale ``first`` and shape xi ``second``, rounded up

Intermittent materials are steady (CV² below .49), lumpy ones wild; the ranges below keep each on its side.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, ndtr

from simulators.inventory.preset import KINDS

FAMILIES = ("negative_binomial", "lognormal", "gpd")
NEGATIVE_BINOMIAL, LOGNORMAL, GPD = range(3)
STEADY_FAMILIES, WILD_FAMILIES = (0.7, 0.3, 0.0), (0.4, 0.3, 0.3)
STEADY_DISPERSION, WILD_DISPERSION = 4.0, 0.5
STEADY_SIGMA, WILD_SIGMA = (0.2, 0.6), (1.2, 1.5)
# Below .5, so that the variance is finite.
XI_RANGE = (0.1, 0.4)
# Below this extra mean 1 + negative binomial with dispersion .5 has a CV² below .49.
WILD_EXTRA_LEAST = 0.7
# Moments are summed up to here and integrated beyond.
SUMMED_TO = 200


@dataclass(frozen=True)
class Sizes:
    """The law of each material; arrays of shape (materials,)."""

    family: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def draw(self, rng: np.random.Generator, materials: np.ndarray) -> np.ndarray:
        """One size for each index in ``materials``, units, same shape."""
        family, first, second = self.family[materials], self.first[materials], self.second[materials]
        units = np.empty(len(materials), dtype=np.int64)
        for code in range(len(FAMILIES)):
            chosen = family == code
            units[chosen] = _draw(rng, code, first[chosen], second[chosen])
        return units

    def pmf(self, material: int, most: int) -> np.ndarray:
        """P(size = 0, 1, …, most) of one material; what is larger is left out."""
        law = slice(material, material + 1)
        above = survival(int(self.family[material]), self.first[law], self.second[law], np.arange(most + 1))
        return np.concatenate([[0.0], -np.diff(above)])

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean in units and CV² of each material's size."""
        mean, square = np.ones(len(self.family)), np.ones(len(self.family))
        for code in range(len(FAMILIES)):
            chosen = self.family == code
            mean[chosen], square[chosen] = _moments(code, self.first[chosen], self.second[chosen])
        return mean, square / mean**2 - 1.0


def draw_sizes(rng: np.random.Generator, kind: np.ndarray) -> Sizes:
    """A law for each material, by its kind."""
    count, wild = len(kind), kind == KINDS.index("lumpy")
    family = np.where(wild, rng.choice(3, count, p=WILD_FAMILIES), rng.choice(3, count, p=STEADY_FAMILIES))
    extra = np.where(wild, np.maximum(rng.lognormal(1.5, 0.8, count), WILD_EXTRA_LEAST), rng.lognormal(0.0, 0.8, count))
    # So large that rounding up leaves a wild law wild.
    mu = np.where(wild, np.maximum(rng.normal(1.4, 0.4, count), 0.7), rng.normal(0.5, 0.5, count))
    scale = 2.0 + rng.lognormal(1.0, 0.5, count)
    dispersion = np.where(wild, WILD_DISPERSION, STEADY_DISPERSION)
    sigma = np.where(wild, rng.uniform(*WILD_SIGMA, count), rng.uniform(*STEADY_SIGMA, count))
    xi = rng.uniform(*XI_RANGE, count)
    return Sizes(family, np.choose(family, [extra, mu, scale]), np.choose(family, [dispersion, sigma, xi]))


def survival(code: int, first: np.ndarray, second: np.ndarray, units: np.ndarray | int) -> np.ndarray:
    """P(size > units) for whole units of at least 0; rounding up does not change it for the continuous families."""
    if code == NEGATIVE_BINOMIAL:
        extra = np.maximum(units, 1)
        return np.asarray(np.where(np.equal(units, 0), 1.0, betainc(extra, second, first / (first + second))))
    if code == LOGNORMAL:
        logarithm = np.log(np.maximum(units, 1))
        return np.asarray(np.where(np.equal(units, 0), 1.0, ndtr((first - logarithm) / second)))
    return np.asarray((1.0 + second * units / first) ** (-1.0 / second))


def _draw(rng: np.random.Generator, code: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    if code == NEGATIVE_BINOMIAL:
        return np.asarray(1 + rng.negative_binomial(second, second / (second + first)))
    if code == LOGNORMAL:
        return np.asarray(np.ceil(rng.lognormal(first, second)), dtype=np.int64)
    uniform = 1.0 - rng.random(len(first))
    return np.asarray(np.maximum(np.ceil(first / second * (uniform**-second - 1.0)), 1), dtype=np.int64)


def _moments(code: int, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[N] = Σ P(N > k) and E[N²] = Σ (2k + 1) P(N > k); the tail's sum by the integral and half its first term."""
    if code == NEGATIVE_BINOMIAL:
        variance = first + first**2 / second
        return 1.0 + first, variance + (1.0 + first) ** 2
    mean, square = np.zeros(len(first)), np.zeros(len(first))
    for units in range(SUMMED_TO):
        above = survival(code, first, second, units)
        mean += above
        square += (2 * units + 1) * above
    beyond = survival(code, first, second, SUMMED_TO)
    excess, excess_square = _beyond(code, first, second, beyond)
    half = 0.5 * beyond
    return mean + excess + half, square + excess_square + excess + (2 * SUMMED_TO + 1) * half


def _beyond(code: int, first: np.ndarray, second: np.ndarray, beyond: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[(X - K)+] and E[(X² - K²)+] of the law before rounding, K = SUMMED_TO and ``beyond`` = P(X > K)."""
    limit = float(SUMMED_TO)
    if code == LOGNORMAL:
        reach = (first - np.log(limit)) / second
        mean = np.exp(first + second**2 / 2) * ndtr(reach + second)
        square = np.exp(2 * first + 2 * second**2) * ndtr(reach + 2 * second)
        return mean - limit * beyond, square - limit**2 * beyond
    scale = first + second * limit
    mean = scale / (1.0 - second)
    return beyond * mean, beyond * (2 * limit * mean + 2 * scale * mean / (1.0 - 2 * second))
