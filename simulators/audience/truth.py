"""The truth: what a perfect method would know.

* ``gt_lift``: how a segment changes the chance of a visit.
* ``gt_planted``: what went wrong: table, kind, event_id, id (of the user; of the segment that moved to another group).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulators.audience.landing import pick
from simulators.audience.model import Model


def write_truth(model: Model, planted: list[pa.Table], landing: Path, folder: Path) -> dict[str, int]:
    """Write the gt_* tables; the rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"gt_lift": lifts(model), "gt_planted": pa.concat_tables(planted)}
    for name, rows in tables.items():
        pq.write_table(rows, folder / f"{name}.parquet", compression="zstd", store_schema=False)
    return {name: rows.num_rows for name, rows in tables.items()}


def lifts(model: Model) -> pa.Table:
    """gt_lift: segment_id, pixel_id, lift."""
    segment, pixel = np.indices(model.lift.shape)
    return pa.table(
        {
            "segment_id": pick(model.segment_ids, segment.ravel()),
            "pixel_id": pick(model.pixel_ids, pixel.ravel()),
            "lift": model.lift.ravel(),
        }
    )
