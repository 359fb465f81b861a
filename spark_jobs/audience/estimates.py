"""Estimates: counts of all users from those whose hash lies below a threshold theta, with bounds.

What a theta sketch (Dasgupta, Lang, Rhodes, Thaler 2016) does for one set is done here once for all: the same users are
sampled everywhere, so the order of each user's segments and pixels is kept, which an intersection of two sketches would
lose. Of n users c ~ Binomial(n, theta) are sampled: n is estimated by c / theta, and the users not seen until the c-th
one is follow a negative binomial distribution, whose quantiles are the bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame

COUNTS = ("matched_users", "matched_any_order", "group_users", "segment_users", "group_total", "pixel_users")


def theta_of(users: DataFrame, lg_k: int) -> float:
    """The threshold below which about 2^lg_k of the users lie; 1 where there are fewer."""
    return min(1.0, 2.0**lg_k / max(1, users.count()))


def sampled(users: DataFrame, theta: float) -> DataFrame:
    """The users whose hash, as a number from 0 to 1, lies below ``theta``."""
    from pyspark.sql import functions as F

    hashed = F.xxhash64("user_id").bitwiseAND(F.lit(2**63 - 1)) / F.lit(2.0**63)
    return users.where(hashed < theta)


def exact(cells: pa.Table) -> pa.Table:
    """Cells as they were counted: nothing is refused, and nothing has bounds."""
    size = cells.num_rows
    return _with(cells, np.zeros(size, dtype=bool), False, pa.nulls(size, pa.int64()), pa.nulls(size, pa.int64()))


def estimated(cells: pa.Table, theta: float, min_side: int, min_overlap: int) -> pa.Table:
    """Cells of a sample as estimates of all users.

    Refused are cells with fewer than ``min_side`` users, by estimate, in the segment or at the pixel, and those with fewer
    than ``min_overlap`` matched users in the sample: their estimate would be noise.
    """
    seen = {name: cells[name].to_numpy() for name in COUNTS}
    told = {name: np.rint(count / theta).astype(np.int64) for name, count in seen.items()}
    small = (told["segment_users"] < min_side) | (told["pixel_users"] < min_side)
    low, high = bounds(seen["matched_users"], theta)
    for name, values in told.items():
        cells = cells.set_column(cells.schema.get_field_index(name), name, pa.array(values))
    return _with(cells, small | (seen["matched_users"] < min_overlap), True, pa.array(low), pa.array(high))


def bounds(seen: NDArray[np.int64], theta: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The 95 % bounds of n where ``seen`` of n are sampled."""
    low = seen + np.where(seen > 0, stats.nbinom.ppf(0.025, np.maximum(seen, 1), theta), 0.0)
    high = seen + stats.nbinom.ppf(0.975, seen + 1, theta)
    return low.astype(np.int64), high.astype(np.int64)


def _with(cells: pa.Table, refused: NDArray[np.bool_], is_approx: bool, low: pa.Array, high: pa.Array) -> pa.Table:
    flags = {"refused": pa.array(refused), "is_approx": pa.repeat(pa.scalar(is_approx), cells.num_rows)}
    for name, values in {**flags, "matched_low": low, "matched_high": high}.items():
        cells = cells.append_column(name, values)
    return cells
