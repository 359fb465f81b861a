"""Adds and visits of some users, drawn without a Python loop over events."""

from dataclasses import dataclass, fields, replace

import numpy as np

from simulators.audience.model import AFTER_SHARE, CLASS_SHARES, Model
from simulators.audience.preset import DAY_S, SEGMENT_DAYS, Settings

# Above 30 days a provider repeats each add, even six days late before the segment lapses.
REPEAT_S = (15 * DAY_S, 20 * DAY_S)
PLAIN, SPACED, LOWER = range(3)
ADD, REMOVE = range(2)


@dataclass(frozen=True)
class Rows:
    """Events of one table, arrays of one length. ``user``: within the batch; ``item``: index of the segment or pixel, one
    above the last if unknown; ``ts``: epoch seconds; ``arrived``: index of the day; ``number``: of the event id.
    """

    user: np.ndarray
    item: np.ndarray
    ts: np.ndarray
    arrived: np.ndarray
    number: np.ndarray
    spelling: np.ndarray
    op: np.ndarray

    def take(self, which: np.ndarray) -> "Rows":
        """The rows of an index or a mask."""
        return Rows(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def __len__(self) -> int:
        return len(self.user)


def rows(settings: Settings, first: int, user: np.ndarray, item: np.ndarray, ts: np.ndarray) -> Rows:
    """Events that arrive on their day, numbered from ``first``."""
    plain = np.zeros(len(user), dtype=np.int8)
    arrived = (ts - settings.start) // DAY_S
    return Rows(user, item, ts, arrived, first + np.arange(len(user)), spelling=plain, op=plain)


def concat(parts: list[Rows]) -> Rows:
    return Rows(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)})


def renumbered(spoilt: Rows, first: int) -> Rows:
    """The same rows as events of their own."""
    return replace(spoilt, number=first + np.arange(len(spoilt)))


class Sampler:
    """Draws adds and visits; holds the cumulated chances of every class and segment end to end."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.segments = _end_to_end(model.rates)
        self.pixels = _end_to_end(model.visit)

    def draw(self, rng: np.random.Generator, users: int) -> tuple[Rows, Rows, np.ndarray]:
        """Adds, visits, and for each visit the index of its add."""
        settings = self.model.settings
        kind = rng.choice(len(CLASS_SHARES), users, p=CLASS_SHARES)
        user = np.repeat(np.arange(users), rng.poisson(settings.adds, users))
        segment = _choose(rng, self.segments, kind[user], settings.segments)
        ts = rng.integers(0, settings.span, len(user))
        cause = np.flatnonzero(rng.random(len(user)) < settings.visits / settings.adds)
        pixel = _choose(rng, self.pixels, segment[cause], settings.pixels)
        seen = _visit_times(rng, ts[cause], settings.span)
        adds = rows(settings, 0, user, segment, settings.start + ts)
        return adds, rows(settings, 0, user[cause], pixel, settings.start + seen), cause


def _end_to_end(weights: np.ndarray) -> np.ndarray:
    """Cumulated shares of each row, that of row i between i and i + 1."""
    sums = np.cumsum(weights, axis=1)
    return np.asarray((sums / sums[:, -1:] + np.arange(len(weights))[:, None]).ravel())


def _choose(rng: np.random.Generator, cumulated: np.ndarray, row: np.ndarray, columns: int) -> np.ndarray:
    """A column for each row by its shares."""
    found = np.searchsorted(cumulated, row + rng.random(len(row)), side="right")
    return np.asarray(np.minimum(found - row * columns, columns - 1))


def _visit_times(rng: np.random.Generator, add: np.ndarray, span: int) -> np.ndarray:
    """Uniform after the add or before it, never in its second."""
    after = (rng.random(len(add)) < AFTER_SHARE) & (add < span - 1) | (add == 0)
    low, high = np.where(after, add + 1, 0), np.where(after, span, add)
    return np.asarray(np.minimum(low + (rng.random(len(add)) * (high - low)).astype(np.int64), span - 1))


def repeats(settings: Settings, rng: np.random.Generator, adds: Rows) -> Rows:
    """In a run longer than a segment lives: every add again and again to the end, so that memberships stay live."""
    if settings.days <= SEGMENT_DAYS:
        return adds.take(np.arange(0))
    gap = rng.integers(*REPEAT_S, len(adds))
    left = settings.start + settings.span - 1 - adds.ts
    count = left // gap
    which = np.repeat(np.arange(len(adds)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count) + 1
    return rows(settings, len(adds), adds.user[which], adds.item[which], adds.ts[which] + nth * gap[which])
