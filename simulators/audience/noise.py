"""What goes wrong, each piece of it remembered for the truth.

Shares: users who are bots, memberships that lapse and are joined again, visits in the second of the add, events twice, late
events. A few of each table that only quarantine may see: copies of events, so that without them nothing is lost.
"""

from dataclasses import dataclass, replace

import numpy as np

from simulators.audience.events import LOWER, REMOVE, SPACED, Rows, concat, renumbered, rows
from simulators.audience.preset import BOT_PIXELS, DAY_S, ITEMS_MOST, SEGMENT_DAYS, Settings

BOT_SHARE, REJOIN_SHARE, TIE_SHARE, DUPLICATE_SHARE, LATE_SHARE = 0.001, 0.01, 0.005, 0.01, 0.002
LATE_DAYS_MOST, TOO_LATE_DAYS = 6, 9
BOT_PIXELS_MORE = 100
FEW = 3
ODDITIES = ("spaces", "milliseconds", "negative", "unknown_id", "too_late", "future", "other_case")


@dataclass(frozen=True)
class Spot:
    """Rows that were planted in one way, as they landed."""

    kind: str
    rows: Rows


def plant_ties(settings: Settings, rng: np.random.Generator, adds: Rows, visits: Rows, cause: np.ndarray) -> np.ndarray:
    """Move some first visits back into the second of the first add that led to them, in place; which."""
    after = visits.ts > adds.ts[cause]
    able = np.flatnonzero(after & _first(settings, visits)[0] & _first(settings, adds)[0][cause])
    count = min(round(settings.noisy(TIE_SHARE) * len(visits)), len(able))
    chosen = np.sort(rng.choice(able, count, replace=False))
    visits.ts[chosen] = adds.ts[cause[chosen]]
    visits.arrived[chosen] = adds.arrived[cause[chosen]]
    return chosen


def _first(settings: Settings, events: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Whether an event is its user's first of the item, and the key of user and item."""
    key = key_of(events)
    order = np.argsort(key * settings.span + events.ts - settings.start)
    first = np.zeros(len(key), dtype=bool)
    first[order[np.diff(key[order], prepend=-1) > 0]] = True
    return first, key


def key_of(events: Rows) -> np.ndarray:
    """One number for user and item."""
    return np.asarray(events.user * ITEMS_MOST + events.item)


def rejoin(settings: Settings, rng: np.random.Generator, adds: Rows, spared: np.ndarray) -> tuple[Rows, list[Spot]]:
    """Let some early memberships lapse, and join them again late enough to be live at the end; keys ``spared`` are not hit."""
    last = settings.days - SEGMENT_DAYS - 2
    first, key = _first(settings, adds)
    able = np.flatnonzero(first & (adds.arrived <= last) & ~np.isin(key, spared)) if last >= 0 else np.arange(0)
    count = min(round(settings.noisy(REJOIN_SHARE) * int(first.sum())), len(able))
    chosen = np.sort(rng.choice(able, count, replace=False))
    earliest = np.maximum(adds.arrived[chosen] + SEGMENT_DAYS + 1, settings.days - SEGMENT_DAYS)
    day = earliest + (rng.random(count) * (settings.days - earliest)).astype(np.int64)
    ts = settings.start + day * DAY_S + rng.integers(0, DAY_S, count)
    again = rows(settings, int(adds.number.max(initial=-1)) + 1, adds.user[chosen], adds.item[chosen], ts)
    kept = ~np.isin(key, key[chosen])
    kept[chosen] = True
    return concat([adds.take(kept), again]), [Spot("rejoin", again)]


def bots(settings: Settings, rng: np.random.Generator, users: int, part: int) -> tuple[Rows, np.ndarray]:
    """Visits of users who see more than a thousand pixels, and these users; none where there are no more pixels."""
    count = rng.binomial(users, settings.noisy(BOT_SHARE))
    count = max(count, int(part == 0 and settings.noise > 0)) if settings.pixels > BOT_PIXELS else 0
    who = np.sort(rng.choice(users, count, replace=False))
    most = min(settings.pixels, BOT_PIXELS + BOT_PIXELS_MORE)
    seen = rng.integers(BOT_PIXELS + 1, most + 1, count)
    pixels = [rng.permutation(settings.pixels)[:number] for number in seen.tolist()]
    ts = settings.start + rng.integers(0, settings.span, int(seen.sum()))
    pixel = np.concatenate([np.arange(0), *pixels])
    return rows(settings, 0, np.repeat(who, seen), pixel, ts), who


def spoil(
    settings: Settings, rng: np.random.Generator, events: Rows, unknown: int, oddities: dict[str, int]
) -> tuple[Rows, list[Spot]]:
    """Late events, duplicates, and some of each oddity by kind; ``unknown``: index of an id that no dimension has."""
    late = (rng.random(len(events)) < settings.noisy(LATE_SHARE)) & (events.arrived < settings.days - 1)
    delay = rng.integers(1, LATE_DAYS_MOST + 1, len(events))
    arrived = np.where(late, np.minimum(events.arrived + delay, settings.days - 1), events.arrived)
    spelling = events.spelling.copy()
    spaced = rng.choice(len(events), min(oddities.get("spaces", 0), len(events)), replace=False)
    spelling[spaced] = SPACED
    events = replace(events, arrived=arrived, spelling=spelling)
    spots = [Spot("late", events.take(late)), Spot("spaces", events.take(spaced))]
    spots += _oddities(settings, rng, events, unknown, oddities)
    twice = events.take(rng.random(len(events)) < settings.noisy(DUPLICATE_SHARE))
    landed = concat([events, *(spot.rows for spot in spots[2:]), twice])
    return landed, [*spots, Spot("duplicate", twice)]


def _oddities(
    settings: Settings, rng: np.random.Generator, events: Rows, unknown: int, oddities: dict[str, int]
) -> list[Spot]:
    """Copies with new event ids, all on time but for what is wrong with them."""
    number, spots = int(events.number.max(initial=-1)) + 1, []
    for kind, few in oddities.items():
        if kind == "spaces":
            continue
        copy = renumbered(events.take(rng.integers(0, len(events), few if len(events) else 0)), number)
        spots.append(Spot(kind, _odd(settings, kind, copy, unknown)))
        number += len(copy)
    return spots


def _odd(settings: Settings, kind: str, events: Rows, unknown: int) -> Rows:
    """The events with one thing wrong."""
    midnight, of_day = settings.start + events.arrived * DAY_S, events.ts % DAY_S
    changes = {
        "milliseconds": {"ts": events.ts * 1000},
        "negative": {"ts": -events.ts},
        "unknown_id": {"item": np.full_like(events.item, unknown)},
        "too_late": {"ts": midnight - TOO_LATE_DAYS * DAY_S + of_day},
        "future": {"ts": midnight + 2 * DAY_S + of_day},
        "other_case": {"spelling": np.full_like(events.spelling, LOWER)},
        "remove": {"op": np.full_like(events.op, REMOVE)},
    }
    return replace(events, **changes[kind])
