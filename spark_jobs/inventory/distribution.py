"""The distribution of demand over a lead time, simulated or exact: what a stock level is read from."""

import math
from dataclasses import dataclass
from typing import Protocol

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


class Distribution(Protocol):
    """Demand over a lead time in units; ``mcse``: standard error of a simulated mean, 0 where nothing was simulated."""

    @property
    def mean(self) -> float: ...
    @property
    def sd(self) -> float: ...
    @property
    def mcse(self) -> float: ...
    @property
    def iterations(self) -> int: ...

    def reorder_point(self, target: float) -> ReorderPoint: ...

    def expected_short(self, level: float) -> float:
        """E[(demand - level)+] in units."""


@dataclass(frozen=True)
class Simulated:
    """n draws in ascending order, so that the sum behind the mean has one order too."""

    draws: NDArray[np.float64]

    @property
    def mean(self) -> float:
        return float(self.draws.mean())

    @property
    def sd(self) -> float:
        return float(self.draws.std(ddof=1))

    @property
    def mcse(self) -> float:
        return self.sd / math.sqrt(len(self.draws))

    @property
    def iterations(self) -> int:
        return len(self.draws)

    def reorder_point(self, target: float) -> ReorderPoint:
        """The interval lies between the order statistics of ranks nq ± 1.96 √(nq(1 - q)): the number of draws below the
        true quantile is binomial (David and Nagaraja, Order Statistics, 2003, section 7.1).
        """
        n = len(self.draws)
        half = Z95 * math.sqrt(n * target * (1.0 - target))
        ranks = (math.ceil(n * target - _ROUNDING), math.floor(n * target - half), math.ceil(n * target + half))
        point, low, high = (float(self.draws[min(max(rank, 1), n) - 1]) for rank in ranks)
        return ReorderPoint(target, point, low, high)

    def expected_short(self, level: float) -> float:
        above = self.draws[np.searchsorted(self.draws, level, side="right") :]
        return float((above - level).sum() / len(self.draws))


@dataclass(frozen=True)
class Known:
    """``pmf``: probabilities of 0, 1, 2, … units, known without error."""

    pmf: NDArray[np.float64]
    mcse: float = 0.0
    iterations: int = 0

    @property
    def mean(self) -> float:
        return float(self.pmf @ np.arange(len(self.pmf)))

    @property
    def sd(self) -> float:
        return math.sqrt(max(float(self.pmf @ (np.arange(len(self.pmf)) - self.mean) ** 2), 0.0))

    def reorder_point(self, target: float) -> ReorderPoint:
        point = min(float(np.searchsorted(np.cumsum(self.pmf), target - _ROUNDING)), len(self.pmf) - 1.0)
        return ReorderPoint(target, point, point, point)

    def expected_short(self, level: float) -> float:
        return float(self.pmf @ np.maximum(np.arange(len(self.pmf)) - level, 0.0))
