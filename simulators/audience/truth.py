"""The truth: what a perfect method would know.

* ``gt_lift``: lift (chance that an add of the segment leads to a visit of the pixel, by that of an average add) and true_index
  (what `index.py` derives from the process, without noise and for all users that there could be; 100 = as common as in the
  group). It is null without a group, and in runs of more than 90 days, in which pixels are forgotten.
* ``gt_planted``: what went wrong: table, kind, event_id, id (of the user; of the segment that moved to another group).
* ``gt_counts``, ``gt_state`` (of up to 20,000 users): counts and state at the end of the last day, computed from the landed
  rows by `sets.py`. State: kind is ``segment`` or ``pixel``; min and max are epoch seconds.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulators.audience import sets
from simulators.audience.index import true_index
from simulators.audience.landing import pick
from simulators.audience.model import Model
from simulators.audience.preset import PIXEL_DAYS

USERS_COUNTED = 20_000
TEXT, NUMBER = pa.string(), pa.int64()
COUNTS = pa.schema(
    [*((name, TEXT) for name in sets.Counts._fields[:3]), *((n, NUMBER) for n in sets.Counts._fields[3:])]
)
STATE = pa.schema([("user_id", TEXT), ("kind", TEXT), ("id", TEXT), ("min", NUMBER), ("max", NUMBER)])


def write_truth(model: Model, planted: Sequence[pa.Table], landing: Path, folder: Path) -> dict[str, int]:
    """Write the gt_* tables; the rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"gt_lift": lifts(model), "gt_planted": pa.concat_tables(planted)}
    if model.settings.users <= USERS_COUNTED:
        tables |= counted(model, landing)
    for name, rows in tables.items():
        pq.write_table(rows, folder / f"{name}.parquet", compression="zstd", store_schema=False)
    return {name: rows.num_rows for name, rows in tables.items()}


def lifts(model: Model) -> pa.Table:
    """gt_lift: segment_id, pixel_id, lift, true_index."""
    segment, pixel = np.indices(model.lift.shape)
    index = true_index(model).ravel()
    known = np.isfinite(index) & (model.settings.days <= PIXEL_DAYS)
    return pa.table(
        {
            "segment_id": pick(model.segment_ids, segment.ravel()),
            "pixel_id": pick(model.pixel_ids, pixel.ravel()),
            "lift": model.lift.ravel(),
            "true_index": pa.array(index, mask=~known),
        }
    )


def counted(model: Model, landing: Path) -> dict[str, pa.Table]:
    """gt_counts and gt_state."""
    first = model.settings.first_day
    last = first + timedelta(days=model.settings.days - 1)
    state = sets.state_on(landing, first, last)
    counts = sets.count(state, sets.groups_on(landing, last))
    spans = [
        (user, kind, item, low, high)
        for kind, by_user in (("segment", state.segments), ("pixel", state.pixels))
        for user, items in sorted(by_user.items())
        for item, (low, high) in sorted(items.items())
    ]
    return {"gt_counts": _table(COUNTS, counts), "gt_state": _table(STATE, spans)}


def _table(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema)
