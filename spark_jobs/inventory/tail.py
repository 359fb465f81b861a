"""The tail of demand sizes: a generalised Pareto distribution of what exceeds a threshold.

McNeil (1997), "Estimating the tails of loss severity distributions using extreme value theory", ASTIN Bulletin 27:117-137.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_SIZES = 30
FEWEST_EXCEEDANCES = 10
THRESHOLD_QUANTILE = 0.9
# With a heavier tail the fit says more about the largest observation than about the material.
LARGEST_SHAPE = 0.7


@dataclass(frozen=True)
class Tail:
    """``shape`` (xi) and ``scale`` (beta, units) above ``threshold`` (units); ``nll``: negative log-likelihood.

    ``reason`` says why the fit is not to be used; None where it is.
    """

    threshold: float
    exceedances: int
    shape: float | None
    scale: float | None
    nll: float | None
    reason: str | None


@dataclass(frozen=True)
class PooledTail:
    """The tail of a class, of sizes divided by the mean size of their material; no unit."""

    threshold: float
    shape: float
    scale: float

    def of(self, sizes: NDArray[np.float64]) -> Tail:
        """The tail in the units of one material."""
        mean = float(sizes.mean())
        above = int((sizes > self.threshold * mean).sum())
        return Tail(self.threshold * mean, above, self.shape, self.scale * mean, None, None)


def own_tail(sizes: NDArray[np.float64]) -> Tail | None:
    """The tail above the 90th percentile of a material's own sizes; None where they are too few for one."""
    if len(sizes) < FEWEST_SIZES:
        return None
    return fit_tail(sizes, float(np.quantile(sizes, THRESHOLD_QUANTILE)))


def fit_tail(sizes: NDArray[np.float64], threshold: float) -> Tail:
    """Maximum-likelihood fit to the sizes above the threshold; ``sizes``: units, shape (months with demand,)."""
    from scipy.stats import genpareto

    excess = sizes[sizes > threshold] - threshold
    if len(excess) < FEWEST_EXCEEDANCES:
        reason = f"{len(excess)} sizes exceed {threshold:g}; a tail needs {FEWEST_EXCEEDANCES}."
        return Tail(threshold, len(excess), None, None, None, reason)
    shape, _, scale = genpareto.fit(excess, floc=0.0)
    nll = float(genpareto.nnlf((shape, 0.0, scale), excess))
    heavy = f"The tail's shape {shape:.3f} is not below {LARGEST_SHAPE}." if shape >= LARGEST_SHAPE else None
    return Tail(threshold, len(excess), float(shape), float(scale), nll, heavy)
