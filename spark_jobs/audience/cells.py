"""Cells: every live segment with one pixel, and the counts that their index is made of. Pure numpy over Arrow tables.

What is counted is sparse: a segment that nobody of a pixel's visitors is in has no count there, and has a cell all the same.
The cells of a pixel are therefore made where they are judged, and never shuffled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from expectations.audience.membership import UNGROUPED
from spark_jobs.audience.pairs import GROUP, GROUP_PIXEL, PIXEL, SEGMENT, SEGMENT_PIXEL

# The owner of a pixel that the dimension lists no more.
NOBODY = "unknown"
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Live:
    """The segments with users, and their groups: arrays of shape (segments,)."""

    segment_ids: pa.Array
    group_ids: pa.Array
    segment_users: Ints
    group_total: Ints

    @staticmethod
    def of(counted: pa.Table, group_of: Mapping[str, str]) -> Live:
        """From the counts by segment and by group: what, whole, users."""
        segments, groups = (_of(counted, what) for what in (SEGMENT, GROUP))
        group_ids = pa.array([group_of.get(name) or UNGROUPED for name in segments["whole"].to_pylist()], pa.string())
        total = _placed(groups, group_ids, "users")
        return Live(segments["whole"].combine_chunks(), group_ids, segments["users"].to_numpy(), total)


def cells_of(counted: pa.Table, live: Live, owner_of: Mapping[str, str]) -> pa.Table:
    """The cells of the one pixel that ``counted`` is about: a row a live segment.

    ``counted``: what, whole, pixel_id, users, users_any_order.
    """
    pixel = counted["pixel_id"][0].as_py()
    matched, visitors = _of(counted, SEGMENT_PIXEL), _of(counted, GROUP_PIXEL)
    size = len(live.segment_ids)
    pixel_users = pc.sum(_of(counted, PIXEL)["users"]).as_py()
    return pa.table(
        {
            "advertiser_id": pa.repeat(pa.scalar(owner_of.get(pixel, NOBODY)), size),
            "pixel_id": pa.repeat(pa.scalar(pixel), size),
            "segment_id": live.segment_ids,
            "group_id": live.group_ids,
            "matched_users": _placed(matched, live.segment_ids, "users"),
            "matched_any_order": _placed(matched, live.segment_ids, "users_any_order"),
            "group_users": _placed(visitors, live.group_ids, "users"),
            "segment_users": live.segment_users,
            "group_total": live.group_total,
            "pixel_users": np.full(size, pixel_users, dtype=np.int64),
        }
    )


def _of(counted: pa.Table, what: str) -> pa.Table:
    return counted.filter(pc.equal(counted["what"], what))


def _placed(counts: pa.Table, names: pa.Array, column: str) -> Ints:
    """The count of each name, 0 for those without one."""
    places = pc.index_in(names, value_set=counts["whole"])
    found: Ints = pc.fill_null(counts[column].take(places), 0).to_numpy()
    return found
