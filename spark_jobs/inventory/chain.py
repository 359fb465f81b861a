"""The two-state Markov chain: months without demand (0) and with demand (1).

Willemain, Smart and Schwarz (2004), "A new approach to forecasting intermittent demand for service parts inventories",
IJF 20:375-387.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Transitions:
    """Counts of month to month steps: ``n0`` left state 0, ``n01`` of them to state 1; ``n1`` and ``n11`` likewise."""

    n0: int
    n01: int
    n1: int
    n11: int


@dataclass(frozen=True)
class Chain:
    """``p01`` and ``p11``: probability of demand after a month without and with demand. ``start``: the state before the
    first month of the lead time.
    """

    p01: float
    p11: float
    start: int


@dataclass(frozen=True)
class Pool:
    """Rates of all materials of one class: what a short history is drawn towards."""

    p01: float
    p11: float


def transitions(quantities: NDArray[np.float64]) -> Transitions:
    """Count the steps between successive observed months; ``quantities``: units, shape (months,), in order of time.

    Months that were not observed are left out and the history closes up over them.
    """
    active = quantities > 0
    before, after = active[:-1], active[1:]
    n1 = int(before.sum())
    n11 = int((before & after).sum())
    return Transitions(n0=len(before) - n1, n01=int(after.sum()) - n11, n1=n1, n11=n11)


def fit(quantities: NDArray[np.float64], kappa: float, pool: Pool | None, starts_with_demand: bool) -> Chain:
    """Chain of a history of at least one month.

    p01 = (n01 + kappa · pool) / (n0 + kappa), p11 likewise: the mean of a Beta posterior whose prior weighs as much as
    ``kappa`` months. ``kappa`` 0 (or no pool) gives the raw rates of Willemain, Smart and Schwarz; a state that was never
    left then takes the share of months with demand. ``starts_with_demand``: a lead time begins when stock was taken
    (Teunter and Duncan 2009, JORS 60:321-329); otherwise it begins after the last observed month.
    """
    counts = transitions(quantities)
    share = float((quantities > 0).mean())
    prior = pool or Pool(share, share)
    weight = kappa if pool else 0.0
    return Chain(
        p01=_rate(counts.n01, counts.n0, weight, prior.p01, share),
        p11=_rate(counts.n11, counts.n1, weight, prior.p11, share),
        start=1 if starts_with_demand else int(quantities[-1] > 0),
    )


def _rate(steps: int, total: int, kappa: float, prior: float, share: float) -> float:
    return (steps + kappa * prior) / (total + kappa) if total + kappa > 0 else share
