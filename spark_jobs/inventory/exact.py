"""The exact distribution of demand over the lead time, by convolution of the size distribution per state."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spark_jobs.inventory.chain import Chain
from spark_jobs.inventory.lead_time import months_of

Pmf = NDArray[np.float64]
# Beyond this the arrays cost more than the bootstrap.
LARGEST_SUPPORT = 100_000


def by_whole_units(sizes: NDArray[np.float64], lead_times: Sequence[float]) -> bool:
    """Whether all sizes are whole and the largest possible demand is small enough for a probability of each number."""
    months = max(months_of(lead_time)[0] for lead_time in lead_times)
    return bool((sizes == np.floor(sizes)).all() and sizes.max() * months < LARGEST_SUPPORT)


def lead_time_demand(chain: Chain, sizes: NDArray[np.float64], lead_times: Sequence[float]) -> Pmf:
    """P(demand over the lead time = 0, 1, 2, …), shape (largest demand + 1,).

    ``sizes``: units of the months with demand, whole, each as likely; ``lead_times``: months, each as likely.

    With f0 and f1 the sub-distributions of total demand by state, one month is f0' = f0 (1 - p01) + f1 (1 - p11) and
    f1' = (f0 p01 + f1 p11) * size, where * is convolution; demand over the lead time is f0 + f1 after its last month.
    """
    size = np.bincount(sizes.astype(np.int64)) / len(sizes)
    plans = [months_of(lead_time) for lead_time in lead_times]
    longest = max(months for months, _ in plans)
    total = np.zeros((len(size) - 1) * longest + 1)
    idle, busy = (np.zeros(1), np.ones(1)) if chain.start else (np.ones(1), np.zeros(1))
    for month in range(1, longest + 1):
        for counts in (kept for months, kept in plans if months == month):
            thinned = counts * size
            thinned[0] += 1.0 - counts
            pmf = _sum(*_after_a_month(chain, idle, busy, thinned))
            total[: len(pmf)] += pmf
        idle, busy = _after_a_month(chain, idle, busy, size)
    return total / len(plans)


def _after_a_month(chain: Chain, idle: Pmf, busy: Pmf, size: Pmf) -> tuple[Pmf, Pmf]:
    stays = _sum(idle * (1.0 - chain.p01), busy * (1.0 - chain.p11))
    asked = np.convolve(_sum(idle * chain.p01, busy * chain.p11), size)
    return stays, asked


def _sum(left: Pmf, right: Pmf) -> Pmf:
    total = np.zeros(max(len(left), len(right)))
    total[: len(left)] += left
    total[: len(right)] += right
    return total
