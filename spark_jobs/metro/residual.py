"""What runs and trips have left over after the assignment, paired call by call in time order at each station."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from spark_jobs.metro.match_group import Group
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.trip_cost import lateness

# Sums of the same costs differ by no more, however large they are.
ROUNDING_S = 1e-6


def residual_pairs(group: Group, params: MetroParams) -> pd.DataFrame:
    """Pairs (visit, call, cost_s) of row numbers in group.visits and group.calls; `pair` is -1 there where still free.

    Calls that a run skipped between two stations it served are no offer to another run, nor are odd visits in
    mid-run a demand: only whole runs and trips, and the ends of truncated ones, take part.
    """
    visits = group.visits[_left_over(group.visits, "run") & group.visits.candidate]
    calls = group.calls[_left_over(group.calls, "trip") & ~group.calls.withdrawn]
    found: list[tuple[int, int, float]] = []
    for station, calls_here in calls.groupby("station_id"):
        visits_here = visits[visits.station_id == station]
        if len(visits_here):
            found.extend(_align_station(group, visits_here, calls_here, params))
    return pd.DataFrame(found, columns=["visit", "call", "cost_s"]).astype({"visit": int, "call": int})


def _left_over(rows: pd.DataFrame, owner: str) -> pd.Series:
    """Free rows of an owner without any pair, or before its first or after its last pair."""
    position = pd.Series(np.arange(len(rows)), index=rows.index)
    paired = position.where(rows.pair >= 0)
    first, last = (paired.groupby(rows[owner]).transform(end) for end in ("min", "max"))
    return (rows.pair < 0) & (first.isna() | (position < first) | (position > last))


def _align_station(
    group: Group, visits: pd.DataFrame, calls: pd.DataFrame, params: MetroParams
) -> Iterator[tuple[int, int, float]]:
    visits, calls = visits.sort_values(["time_s", "run"]), calls.sort_values(["time_s", "trip"])
    dev = visits.time_s.to_numpy()[:, None] - calls.time_s.to_numpy()
    allowed = (np.abs(dev) <= params.residual_band_s) & ~group.contradiction[visits.run][:, calls.trip]
    cost = np.where(allowed, lateness(dev, params.early_factor), np.inf)
    for visit, call in monotone_alignment(cost, params.residual_skip_cost_s):
        yield visits.index[visit], calls.index[call], cost[visit, call]


def monotone_alignment(cost: np.ndarray, skip_cost: float) -> list[tuple[int, int]]:
    """Cheapest pairing of rows and columns that never crosses; leaving a row or a column out costs `skip_cost` each."""
    rows, columns = cost.shape
    best = np.zeros((rows + 1, columns + 1))
    best[:, 0], best[0, :] = np.arange(rows + 1) * skip_cost, np.arange(columns + 1) * skip_cost
    along = np.arange(columns + 1) * skip_cost
    for row in range(1, rows + 1):
        best[row, 1:] = np.minimum(best[row - 1, 1:] + skip_cost, best[row - 1, :-1] + cost[row - 1])
        best[row, 0] = row * skip_cost
        best[row] = np.minimum.accumulate(best[row] - along) + along  # columns left out, in one sweep
    pairs = []
    row, column = rows, columns
    while row and column:
        if np.isclose(
            best[row, column], best[row - 1, column - 1] + cost[row - 1, column - 1], rtol=0, atol=ROUNDING_S
        ):
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif np.isclose(best[row, column], best[row - 1, column] + skip_cost, rtol=0, atol=ROUNDING_S):
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
