"""Pairs: which segments each user joined before first visiting which pixels, counted over users. Pure numpy inside Arrow
batches.

A user holds |segments| × |pixels| pairs. They are made and summed where the user's row is, so that what is shuffled is
one row a cell and task, and neither a bot nor a segment with all users in it is skewed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from expectations.audience.membership import UNGROUPED
from spark_jobs.audience.tally import Codes, Tally

# Pairs that are held in memory at once.
_AT_ONCE = 500_000

SEGMENT_PIXEL, GROUP_PIXEL, SEGMENT, GROUP, PIXEL, CAPPED = "sp", "gp", "s", "g", "p", "capped"
COUNTED = pa.schema(
    [
        ("what", pa.string()),
        ("whole", pa.string()),
        ("pixel_id", pa.string()),
        ("users", pa.int64()),
        ("users_any_order", pa.int64()),
    ]
)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Caps:
    """Users with more are bots."""

    most_segments: int
    most_pixels: int


@dataclass(frozen=True)
class Lists:
    """What some users hold: ``sizes`` of shape (users,), ``codes`` and ``firsts`` (entries,), users one after the other."""

    sizes: Ints
    codes: Ints
    firsts: Ints

    @property
    def owners(self) -> Ints:
        """The user of each entry, counted from 0."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def of_users(self, kept: NDArray[np.bool_]) -> "Lists":
        entries = np.repeat(kept, self.sizes)
        return Lists(self.sizes[kept], self.codes[entries], self.firsts[entries])


def counted(batches: Iterable[pa.RecordBatch], group_of: Mapping[str, str], caps: Caps) -> Iterator[pa.RecordBatch]:
    """Distinct users by segment and pixel, group and pixel, segment, group and pixel, of all batches together.

    A row that comes in: segment_ids, segment_firsts, pixel_ids, pixel_firsts, lists of one user. A group is paired with a
    pixel when any of its segments is, which is when the earliest of them is: so each user counts once without being
    remembered.
    """
    segments, pixels, groups = Codes(), Codes(), Codes()
    tallies = {what: Tally() for what in (SEGMENT_PIXEL, GROUP_PIXEL, SEGMENT, GROUP, PIXEL)}
    capped = 0
    for batch in batches:
        joined, visited = _lists(batch, "segment", segments), _lists(batch, "pixel", pixels)
        human = (joined.sizes <= caps.most_segments) & (visited.sizes <= caps.most_pixels)
        capped += int((~human).sum())
        joined, visited = joined.of_users(human), visited.of_users(human)
        in_groups = earliest_by_group(joined, groups.of_all([group_of.get(name) or UNGROUPED for name in segments.ids]))
        for what, lists in ((SEGMENT, joined), (GROUP, in_groups), (PIXEL, visited)):
            tallies[what].add(lists.codes, np.ones(len(lists.codes), dtype=bool))
        for what, lists in ((SEGMENT_PIXEL, joined), (GROUP_PIXEL, in_groups)):
            for cells, ordered in crossed(lists, visited):
                tallies[what].add(cells, ordered)
    names = {SEGMENT_PIXEL: segments, GROUP_PIXEL: groups, SEGMENT: segments, GROUP: groups, PIXEL: pixels}
    for what, tally in tallies.items():
        yield _rows(what, tally, names[what], pixels, paired=what in (SEGMENT_PIXEL, GROUP_PIXEL))
    yield pa.RecordBatch.from_pylist([{"what": CAPPED, "users": capped, "users_any_order": capped}], schema=COUNTED)


def crossed(lists: Lists, visited: Lists) -> Iterator[tuple[Ints, NDArray[np.bool_]]]:
    """Each user's entries with each of their pixels: the cell's number, and whether the entry came first. Strictly:
    equal instants have no order.
    """
    starts, owners = np.cumsum(visited.sizes) - visited.sizes, lists.owners
    many = visited.sizes[owners]
    for entries in _portions(many):
        pairs = many[entries]
        before = np.cumsum(pairs) - pairs
        visit = np.arange(pairs.sum()) + np.repeat(starts[owners[entries]] - before, pairs)
        codes, firsts = (np.repeat(of_entry[entries], pairs) for of_entry in (lists.codes, lists.firsts))
        yield cell(codes, visited.codes[visit]), firsts < visited.firsts[visit]


def cell(code: Ints, pixel: Ints) -> Ints:
    """One number for a segment or group and a pixel, whose codes stay below 2^30."""
    return (code << 32) | pixel


def earliest_by_group(joined: Lists, group_codes: Ints) -> Lists:
    """Of each user's segments the groups, with the earliest instant of each."""
    owners, groups = joined.owners, group_codes[joined.codes]
    order = np.argsort((owners << 32) | groups)
    owners, groups, firsts = owners[order], groups[order], joined.firsts[order]
    begins = np.flatnonzero(np.r_[True, (np.diff(owners) != 0) | (np.diff(groups) != 0)]) if len(owners) else owners
    earliest = np.minimum.reduceat(firsts, begins) if len(owners) else firsts
    sizes = np.bincount(owners[begins], minlength=len(joined.sizes)).astype(np.int64)
    return Lists(sizes, groups[begins], earliest)


def _portions(many: Ints) -> Iterator[slice]:
    """The entries, some at a time: never more than ``_AT_ONCE`` pairs, unless one entry alone has more."""
    portion = np.cumsum(many) // _AT_ONCE
    ends = [*np.flatnonzero(np.diff(portion)) + 1, len(many)]
    yield from (slice(start, end) for start, end in zip([0, *ends], ends, strict=False))


def _lists(batch: pa.RecordBatch, kind: str, codes: Codes) -> Lists:
    ids, firsts = batch.column(f"{kind}_ids"), batch.column(f"{kind}_firsts")
    sizes = ids.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return Lists(sizes, codes.of(ids.flatten()), firsts.flatten().to_numpy(zero_copy_only=False).astype(np.int64))


def _rows(what: str, tally: Tally, names: Codes, pixels: Codes, paired: bool) -> pa.RecordBatch:
    cells, ordered, unordered = tally.sums()
    whole, pixel = (cells >> 32, cells & 0xFFFFFFFF) if paired else (cells, cells)
    return pa.RecordBatch.from_arrays(
        [
            pa.repeat(pa.scalar(what), len(cells)),
            pa.nulls(len(cells), pa.string()) if what == PIXEL else names.names(whole),
            pixels.names(pixel) if paired or what == PIXEL else pa.nulls(len(cells), pa.string()),
            pa.array(ordered),
            pa.array(unordered),
        ],
        schema=COUNTED,
    )
