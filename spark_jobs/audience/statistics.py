"""The index of one pixel's cells with its interval, significance and status. Pure numpy over Arrow tables.

For a cell of segment s in group G at pixel p, with f = n_s / n_G the segment's share of its group:

    expected = n_Gp f                  index = 100 n_sp / expected
    interval = the Wilson interval (Wilson 1927) of n_sp / n_Gp, divided by f
    z        = (n_sp - expected) / sd,  sd² = n_Gp f (1 - f) (n_G - n_Gp) / (n_G - 1), the hypergeometric variance
    q        = the Benjamini-Hochberg (1995) adjusted p of z, among the cells of the pixel that are shown by default
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from expectations.audience import statuses
from expectations.audience.membership import UNGROUPED

Floats = NDArray[np.float64]


def judged(cells: pa.Table, min_expected: float, min_uniques: int, theta: float = 1.0) -> pa.Table:
    """The cells of one pixel with expected, audience_index, ci_low, ci_high, z, q_value, share_excluded_by_order and
    status; a number that says nothing is null. Of counts that are estimates from a share ``theta`` of the users, interval
    and z say what that many users can.

    Columns that come in: group_id, matched_users, matched_any_order, group_users, segment_users, group_total, refused.
    """
    count = {
        name: cells[name].to_numpy().astype(np.float64)
        for name in ("matched_users", "matched_any_order", "group_users", "segment_users", "group_total")
    }
    share = count["segment_users"] / count["group_total"]
    expected = count["group_users"] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        index = 100.0 * count["matched_users"] / expected
        excluded = 1.0 - count["matched_users"] / count["matched_any_order"]
        seen = {name: theta * users for name, users in count.items()}
        low, high = interval(seen["matched_users"], seen["group_users"], share)
        z = z_score(seen["matched_users"], theta * expected, seen["group_users"], share, seen["group_total"])
    first = _Statuses(cells, count, expected, min_expected, min_uniques)
    status = first.of(low, high)
    withheld, trivial = np.isin(status, statuses.WITHHELD), status == statuses.TRIVIAL
    index = np.where(withheld, np.nan, np.where(trivial, 100.0, index))
    silent = withheld | trivial
    numbers = {
        "expected": expected,
        "audience_index": index,
        "ci_low": np.where(silent, np.nan, low),
        "ci_high": np.where(silent, np.nan, high),
        "z": np.where(silent, np.nan, z),
        "q_value": q_value(np.where(np.isin(status, statuses.SHOWN), z, np.nan)),
        "share_excluded_by_order": excluded,
    }
    for name, values in numbers.items():
        cells = cells.append_column(name, pa.array(values, mask=~np.isfinite(values)))
    return cells.append_column("status", pa.array(status.tolist(), pa.string()))


def interval(matched: Floats, visitors: Floats, share: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of the index in percent; NaN without visitors."""
    low, high = proportion_confint(matched, np.where(visitors > 0, visitors, np.nan), alpha=0.05, method="wilson")
    return 100.0 * np.clip(low, 0.0, None) / share, 100.0 * high / share


def z_score(matched: Floats, expected: Floats, visitors: Floats, share: Floats, total: Floats) -> Floats:
    """Standard deviations between what was found and what was expected; NaN where nothing else could be found."""
    variance = visitors * share * (1.0 - share) * (total - visitors) / (total - 1.0)
    return (matched - expected) / np.where(variance > 0, np.sqrt(np.abs(variance)), np.nan)


def q_value(z: Floats) -> Floats:
    """Adjusted two-sided p of each z; NaN stays out and stays NaN."""
    told = np.isfinite(z)
    q = np.full(len(z), np.nan)
    if told.any():
        q[told] = stats.false_discovery_control(2.0 * stats.norm.sf(np.abs(z[told])))
    return q


class _Statuses:
    """The first that applies, from top to bottom."""

    def __init__(
        self, cells: pa.Table, count: dict[str, Floats], expected: Floats, min_expected: float, min_uniques: int
    ) -> None:
        groups = np.array(cells["group_id"].to_pylist(), dtype=object)
        rare = (expected < min_expected) | (count["group_users"] < min_uniques)
        self._matched = count["matched_users"]
        self._before: list[tuple[Any, str]] = [
            (cells["refused"].to_numpy(), statuses.REFUSED),
            (count["group_users"] == 0, statuses.NO_GROUP_VISITORS),
            (groups == UNGROUPED, statuses.UNGROUPED),
            (count["segment_users"] == count["group_total"], statuses.TRIVIAL),
            (rare, statuses.LOW_COUNT),
        ]

    def of(self, low: Floats, high: Floats) -> NDArray[np.str_]:
        """The statuses, of shape (cells,)."""
        tried = [*self._before, ((self._matched == 0) | (high < 100.0), statuses.UNDER), (low > 100.0, statuses.OVER)]
        return np.select([which for which, _ in tried], [name for _, name in tried], statuses.NEUTRAL)
