"""State and counts of landed events with plain loops, dicts and sets: slow, short, and independent of the pipeline.

A day takes the files of its folder, drops what is not valid, takes an event id once, merges (first, last) a user and item, and
then forgets what is too old at its end. Counts are of distinct users; bots are in none of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from expectations.audience.ids import bare
from simulators.audience.preset import BOT_PIXELS, BOT_SEGMENTS, DAY_S, PIXEL_DAYS, SEGMENT_DAYS

UNGROUPED = "ungrouped"
LATE_DAYS, LARGEST_SECOND = 7, 100_000_000_000

Spans = dict[str, tuple[int, int]]


@dataclass
class State:
    """First and last second of each item by user: the segments that are live, and the pixels not forgotten yet."""

    segments: dict[str, Spans] = field(default_factory=dict)
    pixels: dict[str, Spans] = field(default_factory=dict)


class Counts(NamedTuple):
    """Distinct users of one segment and pixel; ``n_sp_unordered``: whatever came first."""

    segment_id: str
    group_id: str
    pixel_id: str
    n_sp: int
    n_sp_unordered: int
    n_gp: int
    n_s: int
    n_g: int


def ordered_pairs(segments: Spans, pixels: Spans) -> list[tuple[str, str]]:
    """Segments and pixels of a user where the first add lies before the first visit."""
    return [(s, p) for s, added in segments.items() for p, seen in pixels.items() if added[0] < seen[0]]


def landed(folder: Path) -> Iterator[dict[str, object]]:
    """Rows of the files of a folder, by name."""
    for path in sorted(folder.glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


def dimension(landing: Path, table: str, key: tuple[str, ...], last: date) -> list[dict[str, object]]:
    """Rows that landed up to the last day; of equal keys the one that landed last."""
    found = {}
    for folder in sorted((landing / table).glob("*")):
        if folder.name <= last.isoformat():
            found.update({tuple(row[name] for name in key): row for row in landed(folder)})
    return list(found.values())


def groups_on(landing: Path, day: date) -> dict[str, str]:
    """The group of every known segment on a day."""
    found: dict[str, str] = {}
    for row in dimension(landing, "segment_dim", ("segment_id", "valid_from"), day):
        began, ended = row["valid_from"], row["valid_to"]
        holds = began <= day and (ended is None or day <= ended)  # type: ignore[operator]
        if holds:
            found[str(row["segment_id"])] = bare(str(row["group_id"] or "")) or UNGROUPED
        else:
            found.setdefault(str(row["segment_id"]), UNGROUPED)
    return found


def pixels_on(landing: Path, day: date) -> set[str]:
    """Every known pixel."""
    return {str(row["pixel_id"]) for row in dimension(landing, "pixel_dim", ("pixel_id",), day)}


def valid_events(
    rows: Iterable[dict[str, object]], item: str, known: Iterable[str], ds_end: int
) -> list[tuple[str, str, int]]:
    """User, item and second of the valid events of a day, each event id once."""
    events: dict[str, tuple[str, str, int]] = {}
    oldest = ds_end - (1 + LATE_DAYS) * DAY_S
    for row in rows:
        told = row["event_id"], row["user_id"], row[item]
        if None in told or row.get("op") == "remove":
            continue
        event, user, name = (bare(str(text)) for text in told)
        ts = int(str(row["ts"]))
        if event and user and name in known and 0 < ts <= LARGEST_SECOND and oldest <= ts < ds_end:
            events.setdefault(event, (user, name, ts))
    return list(events.values())


def merge(spans: dict[str, Spans], events: Iterable[tuple[str, str, int]]) -> None:
    """Take events into (first, last) by user and item, in place."""
    for user, item, ts in events:
        first, last = spans.setdefault(user, {}).get(item, (ts, ts))
        spans[user][item] = min(first, ts), max(last, ts)


def forget(spans: dict[str, Spans], cutoff: int) -> None:
    """Drop what was last seen before the cutoff, and users with nothing left, in place."""
    for user in list(spans):
        old = [item for item, (_, last) in spans[user].items() if last < cutoff]
        for item in old:
            del spans[user][item]
        if not spans[user]:
            del spans[user]


def state_on(landing: Path, first: date, last: date, pixel_days: int = PIXEL_DAYS) -> State:
    """The state at the end of the last day, day after day from the first."""
    state, day = State(), first
    while day <= last:
        segments, pixels = groups_on(landing, day), pixels_on(landing, day)
        ds_end = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + DAY_S
        adds = landed(landing / "segment_events" / day.isoformat())
        visits = landed(landing / "pixel_events" / day.isoformat())
        merge(state.segments, valid_events(adds, "segment_id", segments, ds_end))
        merge(state.pixels, valid_events(visits, "pixel_id", pixels, ds_end))
        forget(state.segments, ds_end - SEGMENT_DAYS * DAY_S)
        forget(state.pixels, ds_end - pixel_days * DAY_S)
        day += timedelta(days=1)
    return state


def count(state: State, group_of: dict[str, str]) -> list[Counts]:
    """Counts of every live segment with every pixel that has an ordered visitor of its group."""
    n_s, n_g, n_sp, n_unordered, n_gp = Counter(), Counter(), Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    for user in state.segments:
        segments, pixels = state.segments[user], state.pixels.get(user, {})
        if len(segments) > BOT_SEGMENTS or len(pixels) > BOT_PIXELS:
            continue
        pairs = ordered_pairs(segments, pixels)
        n_s.update(segments.keys())
        n_g.update({group_of[s] for s in segments})
        n_sp.update(pairs)
        n_unordered.update((s, p) for s in segments for p in pixels)
        n_gp.update({(group_of[s], p) for s, p in pairs})
    members: dict[str, list[str]] = {}
    for s in sorted(n_s):
        members.setdefault(group_of[s], []).append(s)
    return [
        Counts(s, group, p, n_sp[s, p], n_unordered[s, p], users, n_s[s], n_g[group])
        for (group, p), users in sorted(n_gp.items())
        for s in members[group]
    ]
