"""Issues and returns of one material netted into months. Pure numpy inside Arrow batches."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NETTED = pa.schema(
    [
        ("location_id", pa.string()),
        ("material_id", pa.string()),
        ("first_month", pa.int64()),
        ("quantities", pa.list_(pa.float64())),
        ("returns_clipped", pa.float64()),
    ]
)


def net(days: NDArray[np.int64], quantities: NDArray[np.float64], reach_days: int) -> tuple[NDArray[np.float64], float]:
    """What remains of each issue after returns, in units, and the units returned that found no issue.

    ``days``: day of each movement, ascending; ``quantities``: units, above 0 issued, below 0 returned; both of shape
    (movements,). A return is taken off the issues of the ``reach_days`` before it, the latest first: what came back is
    most likely what was taken last.
    """
    left = np.where(quantities > 0, quantities, 0.0)
    clipped = 0.0
    for back in np.flatnonzero(quantities < 0):
        owed = -float(quantities[back])
        for issue in range(back - 1, -1, -1):
            if owed <= 0 or days[back] - days[issue] > reach_days:
                break
            taken = min(owed, float(left[issue]))
            left[issue] -= taken
            owed -= taken
        clipped += owed
    return left, clipped


def netted(batches: Iterable[pa.RecordBatch], reach_days: int) -> Iterator[pa.RecordBatch]:
    """A row a material: its months from the first movement to ``newest``, blanks among them as 0.

    A row that comes in: location_id, material_id, newest (months since 1970-01), days (since 1970-01-01, ascending) and
    quantities. ``first_month`` counts months since 1970-01.
    """
    for batch in batches:
        rows = [_row(row, reach_days) for row in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist([row for row in rows if row], schema=NETTED)


def _row(row: dict[str, object], reach_days: int) -> dict[str, object] | None:
    days = np.array(row["days"], dtype=np.int64)
    left, clipped = net(days, np.array(row["quantities"], dtype=np.float64), reach_days)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first, newest = int(months[0]), int(row["newest"])  # type: ignore[call-overload]
    if newest < first:
        return None
    totals = np.bincount(months - first, weights=left, minlength=newest - first + 1)[: newest - first + 1]
    names = {name: row[name] for name in ("location_id", "material_id")}
    return names | {"first_month": first, "quantities": totals.tolist(), "returns_clipped": clipped}
