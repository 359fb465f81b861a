"""The true index of every segment and pixel: what the counts of infinitely many users would give.

With the run's length as unit of time, a user of class c is first added to s at t with density rate * exp(-rate * t). He had
not visited p until t if (a) no add of another segment led to a visit by then, (b) this add did not, (c) no later add of s did.
Adds are Poisson and each leads to one visit at most, so these chances multiply, and all are exponentials but (b):

    P(no visit in [0, t]) = exp(-(M - m) * K(t)) * (1 - 0.3 * v) * exp(-m * L(t))
    P(no visit in [0, 1]) = exp(-(M - m)) * (1 - v) * exp(-m * (1 - t))

v: chance of a visit to p by an add of s; m = rate * v; M: sum of m over all segments; K(t): share of visits up to t;
L(t): visits up to t of an add after t, integrated over the add. Their difference is the chance of a first visit in (t, 1]: an
ordered pair. A group is one segment whose rate is the sum and whose v the mean of its segments'.
"""

from functools import cache

import numpy as np

from simulators.audience.model import AFTER_SHARE, CLASS_SHARES, Model

# Enough for 1e-5 of the index in the presets, and 4e-4 with forty adds a user in one group.
NODES = 16
# Cells whose chances are computed at a time: they fit into the processor's cache.
CELLS = 50_000


def true_index(model: Model) -> np.ndarray:
    """100 = as common among the visitors of a pixel as in the group; shape (segments, pixels), NaN without a group."""
    groups = model.settings.groups
    visits_by = model.rates @ model.visit
    group_rates = np.zeros((len(CLASS_SHARES), groups + 1))
    group_visit = np.zeros((len(CLASS_SHARES), groups + 1, model.settings.pixels))
    for group in np.unique(model.group):
        rates = model.rates[:, model.group == group]
        group_rates[:, group] = rates.sum(axis=1)
        group_visit[:, group] = rates @ model.visit[model.group == group] / group_rates[:, [group]]
    pair = pair_chances(model.rates, np.broadcast_to(model.visit, (len(CLASS_SHARES), *model.visit.shape)), visits_by)
    group_pair = pair_chances(group_rates, group_visit, visits_by)[model.group]
    share = _live(model.rates) / _live(group_rates)[model.group]
    index = 100 * pair / (group_pair * share[:, None])
    return np.asarray(np.where(model.group[:, None] < groups, index, np.nan))


def _live(rates: np.ndarray) -> np.ndarray:
    """Share of users with an add; every membership is live at the end."""
    return np.asarray(CLASS_SHARES @ -np.expm1(-rates))


def pair_chances(rates: np.ndarray, visit: np.ndarray, visits_by: np.ndarray) -> np.ndarray:
    """Share of users with an ordered pair, shape (items, pixels); ``rates``: (classes, items), ``visit``: (classes, items,
    pixels), ``visits_by``: visits of all segments, (classes, pixels).
    """
    chances = np.zeros(visit.shape[1:])
    step = max(1, CELLS // visit.shape[2])
    for first in range(0, rates.shape[1], step):
        part = slice(first, first + step)
        for share, rate, by_item, total in zip(CLASS_SHARES, rates[:, part], visit[:, part], visits_by, strict=True):
            chances[part] += share * _of_class(rate[:, None], by_item, total)
    return chances


def _of_class(rate: np.ndarray, visit: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Chance of an ordered pair, integrated over the time of the first add."""
    visits, chance = rate * visit, np.zeros(visit.shape)
    not_before, not_at_all = 1 - (1 - AFTER_SHARE) * visit, 1 - visit
    for time, weight in zip(*_nodes(), strict=True):
        seen, later = _seen(time), -(1 - AFTER_SHARE) * time * np.log(time)
        until_add = np.exp(visits * (seen - later)) * not_before * np.exp(-total * seen)
        until_end = np.exp(visits * time) * not_at_all * np.exp(-total)
        chance += weight * np.exp(-rate * time) * (until_add - until_end)
    return np.asarray(rate * chance)


def _seen(time: float) -> float:
    """Share of visits up to a time, over adds at any time."""
    left = 1 - time
    return float(time + AFTER_SHARE * left * np.log(left) - (1 - AFTER_SHARE) * time * np.log(time))


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2
