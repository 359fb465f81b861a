"""The process behind the events: who is put into which segment, and which visits follow or precede it.

A user has a latent class c. He is added to segment s Poisson(rates[c, s]) times, at times uniform over the run: popularity
of segments is Zipf(1.0), and a class likes some groups more than others. Each add leads to at most one visit: to pixel p with
probability visit[s, p] = base_p * lift[s, p], base being Zipf(1.1); it lies uniformly after the add with probability 0.7,
else uniformly before it. Given the class all segments are independent, so that the true index has a closed form
(`index.py`), and visits are Poisson as well.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simulators.audience.landing import numbered
from simulators.audience.preset import Settings

CLASS_SHARES = (0.4, 0.3, 0.2, 0.1)
AFFINITY_SIGMA = 0.7
SEGMENT_ZIPF, PIXEL_ZIPF = 1.0, 1.1
LIFTED_SHARE, LOWERED_SHARE = 0.05, 0.05
LIFT_RANGE, LOWERING_RANGE = (2.0, 8.0), (0.1, 0.5)
AFTER_SHARE = 0.7
SEGMENTS_PER_UNGROUPED = 40


@dataclass(frozen=True)
class Model:
    """``rates``: adds a user by class and segment, shape (classes, segments); ``visit``: chance that an add leads to a
    visit, shape (segments, pixels), and ``lift`` its ratio to that of the pixel's average; ``group``: index by segment,
    equal to the number of groups where it has none.
    """

    settings: Settings
    rates: np.ndarray
    visit: np.ndarray
    lift: np.ndarray
    group: np.ndarray

    @property
    def segment_ids(self) -> pa.Array:
        return numbered("S", 0, self.settings.segments, 5)

    @property
    def pixel_ids(self) -> pa.Array:
        return numbered("P", 0, self.settings.pixels, 5)

    @property
    def group_ids(self) -> list[str | None]:
        """Names by index; the last is none."""
        return [*numbered("G", 0, self.settings.groups, 3).to_pylist(), None]


def draw_model(settings: Settings) -> Model:
    """Draw groups, affinities and lifts."""
    group = _groups(settings)
    affinity = np.exp(settings.stream("affinity").normal(0, AFFINITY_SIGMA, (len(CLASS_SHARES), settings.groups + 1)))
    liking = zipf(settings.segments, SEGMENT_ZIPF) * affinity[:, group]
    base = zipf(settings.pixels, PIXEL_ZIPF) * settings.visits / settings.adds
    visit = base * _planted_lifts(settings)
    # Every add is as likely to lead to a visit as any other; what is lifted takes from the rest.
    visit *= settings.visits / settings.adds / visit.sum(axis=1, keepdims=True)
    return Model(
        settings=settings,
        rates=settings.adds * liking / liking.sum(axis=1, keepdims=True),
        visit=visit,
        lift=visit / base,
        group=group,
    )


def zipf(count: int, exponent: float) -> np.ndarray:
    """Shares that fall as rank ** -exponent."""
    weights = np.arange(1.0, count + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def _groups(settings: Settings) -> np.ndarray:
    """Dealt out by popularity, so that each group has popular and rare segments; some rare ones are left without."""
    group = np.arange(settings.segments) % settings.groups
    rare = np.arange(settings.groups, settings.segments)
    alone = settings.stream("ungrouped").permutation(rare)[: settings.segments // SEGMENTS_PER_UNGROUPED]
    group[alone] = settings.groups
    return group


def _planted_lifts(settings: Settings) -> np.ndarray:
    rng = settings.stream("lift")
    shape = (settings.segments, settings.pixels)
    draw, size = rng.random(shape), rng.random(shape)
    low, high = np.log(LIFT_RANGE)
    lifted, lowered = np.exp(low + size * (high - low)), LOWERING_RANGE[0] + size * np.ptp(LOWERING_RANGE)
    return np.select([draw < LIFTED_SHARE, draw < LIFTED_SHARE + LOWERED_SHARE], [lifted, lowered], 1.0)
