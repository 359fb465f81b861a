"""One-to-one matching of observed runs with planned trips in one group (service date, corridor group, direction).

Passes: pins, then run number, then an optimal assignment with a skip cost, then what is left over station by station.
Both sides of every candidate pair are in one group, so the result is one-to-one by construction; `guard` proves it.
Pure pandas and NumPy; the clock is the argument `now` (None: the day is over and wholly known).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from spark_jobs.metro.match_group import Group, build_group
from spark_jobs.metro.match_status import verdicts
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.residual import residual_pairs
from spark_jobs.metro.trip_cost import TripCosts, feasible, trip_costs

MATCH_COLUMNS = (
    "run_id string, visit_seq int, trip_id string, stop_sequence int, match_method string, match_cost_s double, "
    "actual_status string, planned_status string"
)
MATCH_DTYPES = {
    "run_id": "object",
    "visit_seq": "Int32",
    "trip_id": "object",
    "stop_sequence": "Int32",
    "match_method": "object",
    "match_cost_s": "float64",
    "actual_status": "object",
    "planned_status": "object",
}
# Breaks ties in favour of the lower planned start, then the lower run; far below the resolution of the times.
TIE_BREAK_S = 1e-6


@dataclass
class Solution:
    """Trip and method given to each run so far (-1, None: nothing yet), and what no later pass may take."""

    trip_of_run: np.ndarray
    method_of_run: np.ndarray
    run_taken: np.ndarray
    trip_taken: np.ndarray

    def give(self, run: int, trip: int, method: str) -> None:
        """Give one trip to one run, for good."""
        self.trip_of_run[run], self.method_of_run[run] = trip, method
        self.run_taken[run] = self.trip_taken[trip] = True


class DuplicateMatchError(RuntimeError):
    """A visit or a planned call is in the result more than once: the run must fail."""


def match_group(
    actual: pd.DataFrame, planned: pd.DataFrame, pins: pd.DataFrame, params: MetroParams, now: pd.Timestamp | None
) -> pd.DataFrame:
    """Every visit and every planned call in exactly one row, paired at most once; columns as MATCH_COLUMNS."""
    group = build_group(actual, planned, params, now)
    costs = trip_costs(group, params)
    solution = _start(group)
    _keep_pins(group, pins, costs, solution, params)
    for method, solve in (("RUN_NUMBER", _by_run_number), ("ASSIGNMENT", _by_assignment)):
        for run, trip in solve(group, costs, solution, params):
            solution.give(run, trip, method)
    _pair_stops(group, costs, solution, params)
    leftover = residual_pairs(group, params)
    _pair(group, leftover.visit, leftover.call, np.full(len(leftover), "RESIDUAL", object), leftover.cost_s.to_numpy())
    matches = _result(group, params)
    guard(matches, len(actual), len(planned))
    return matches


def guard(matches: pd.DataFrame, visits: int, calls: int) -> None:
    """Raise DuplicateMatchError unless each visit and each planned call is in exactly one row."""
    sides = (("visit", ["run_id", "visit_seq"], visits), ("planned call", ["trip_id", "stop_sequence"], calls))
    for side, key, expected in sides:
        rows = matches.dropna(subset=key)
        twice = rows[rows.duplicated(key)]
        if len(twice):
            raise DuplicateMatchError(f"{len(twice)} rows repeat a {side}, the first is {tuple(twice.iloc[0][key])}")
        if len(rows) != expected:
            raise DuplicateMatchError(f"{expected} {side}s went in and {len(rows)} came out")


def _start(group: Group) -> Solution:
    """Nothing is paired yet: `pair` is the row number of the other side, -1 where free."""
    visits, calls = group.visits, group.calls
    visits["pair"], calls["pair"] = -1, -1
    visits["candidate"] = visits.known & group.run_eligible[visits.run]
    visits["method"] = pd.Series(None, index=visits.index, dtype=object)
    visits["cost_s"] = np.nan
    runs, trips = group.trip_shape
    out_of_reach = np.ones(runs, bool)  # out of service, or not seen yet
    out_of_reach[visits.run[visits.candidate]] = False
    return Solution(np.full(runs, -1), np.full(runs, None, object), out_of_reach, np.zeros(trips, bool))


def _keep_pins(group: Group, pins: pd.DataFrame, costs: TripCosts, solution: Solution, params: MetroParams) -> None:
    """Pair the stops of pinned runs and trips again, except where a change of plan touches the trip."""
    changed = group.calls.trip_id[group.calls.change.notna()]
    kept = pins.drop_duplicates(["run_id", "trip_id"]).rename(columns={"method": "pinned_as"})
    kept = kept[kept.run_id.isin(group.run_ids) & kept.trip_id.isin(group.calls.trip_id) & ~kept.trip_id.isin(changed)]
    kept = kept.sort_values(["run_id", "trip_id"]).reset_index(drop=True).rename_axis("pin").reset_index()
    visits = group.visits.rename_axis("visit").reset_index().merge(kept[["pin", "run_id", "pinned_as"]], on="run_id")
    calls = group.calls.rename_axis("call").reset_index().merge(kept[["pin", "trip_id"]], on="trip_id")
    pairs = _same_stops(visits, calls, ["pin", "cell"], params).sort_values(["pin", "visit"], kind="stable")
    pairs = pairs.drop_duplicates("visit").drop_duplicates("call")
    cost_s = costs.cost_s[pairs.run, pairs.trip]
    _pair(group, pairs.visit, pairs.call, pairs.pinned_as.to_numpy(object), np.where(np.isinf(cost_s), np.nan, cost_s))
    solution.run_taken[pairs.run] = solution.trip_taken[pairs.trip] = True


def _by_run_number(group: Group, costs: TripCosts, solution: Solution, params: MetroParams) -> list[tuple[int, int]]:
    """Pairs whose run number and line is unique on both sides and whose times and stations agree."""
    visits = group.visits[~solution.run_taken[group.visits.run] & group.visits.candidate]
    calls = group.calls[~solution.trip_taken[group.calls.trip]]
    runs = _owner_of_number(visits, "train_number", "line_id", "run")
    trips = _owner_of_number(calls, "run_number", "route_id", "trip")
    both = runs.merge(trips, on=["number", "line"], how="inner")[["run", "trip"]].drop_duplicates()
    both = both[~both.run.duplicated(keep=False) & ~both.trip.duplicated(keep=False)].sort_values(["run", "trip"])
    run, trip = both.run.to_numpy(int), both.trip.to_numpy(int)
    near = np.abs(costs.median_dev_s[run, trip]) <= params.run_number_max_dev_s
    share = costs.common[run, trip] / np.maximum(costs.run_stations[run, trip], 1)
    sure = near & (share >= params.run_number_min_common_share) & ~group.contradiction[run, trip]
    return list(zip(run[sure], trip[sure], strict=True))


def _owner_of_number(rows: pd.DataFrame, number: str, line: str, owner: str) -> pd.DataFrame:
    """number, line, owner: the one run or trip that has this number; numbers that several have are left out."""
    owners = rows[[number, line, owner]].dropna().drop_duplicates()
    owners = owners[~owners.duplicated([number, line], keep=False)]
    return owners.set_axis(["number", "line", owner], axis=1).astype({"number": str, "line": str})


def _by_assignment(group: Group, costs: TripCosts, solution: Solution, params: MetroParams) -> list[tuple[int, int]]:
    """Cheapest one-to-one assignment; a second round favours vehicles that go on in the block of their last trip."""
    allowed = feasible(costs, group, params) & ~solution.run_taken[:, None]
    allowed &= ~(solution.trip_taken | group.trip_withdrawn)
    cost_s = np.where(allowed, costs.cost_s, np.inf)
    pairs = assign(cost_s, params.skip_cost_s)
    continued = _continued_blocks(group, solution, pairs)
    if continued.any():
        pairs = assign(cost_s - params.same_block_bonus_s * continued, params.skip_cost_s)
    return pairs


def assign(cost_s: np.ndarray, skip_cost_s: float) -> list[tuple[int, int]]:
    """Rectangular Hungarian problem with a dummy for each row and column, solved without building the dummies.

    A pair saves its two dummies, so it is worth its cost less twice the skip cost; a pair that saves nothing is none.
    """
    runs, trips = np.flatnonzero(np.isfinite(cost_s).any(axis=1)), np.flatnonzero(np.isfinite(cost_s).any(axis=0))
    ties = TIE_BREAK_S * (runs[:, None] + trips)
    worth = np.minimum(cost_s[np.ix_(runs, trips)] + ties - 2 * skip_cost_s, 0.0)
    rows, columns = linear_sum_assignment(worth)
    return [(int(runs[row]), int(trips[col])) for row, col in zip(rows, columns, strict=True) if worth[row, col] < 0]


def _continued_blocks(group: Group, solution: Solution, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Run by trip: the vehicle's run before this one in the group was given a trip of the same block."""
    trip_of_run = solution.trip_of_run.copy()
    for run, trip in pairs:
        trip_of_run[run] = trip
    block_of_trip = group.calls.groupby("trip").block_id.first()
    vehicle = group.visits.groupby("run").vehicle_id.first()
    block = pd.Series(trip_of_run, index=vehicle.index).map(block_of_trip)
    last_block = block.where(vehicle.notna()).groupby(vehicle).shift().reindex(vehicle.index)
    same: np.ndarray = last_block.to_numpy(object)[:, None] == block_of_trip.to_numpy(object)
    return same & last_block.notna().to_numpy()[:, None]


def _pair_stops(group: Group, costs: TripCosts, solution: Solution, params: MetroParams) -> None:
    """Pair the visits of each run with the calls of its trip, station by station in order."""
    trip = solution.trip_of_run[group.visits.run]
    visits = group.visits.assign(trip=trip)[trip >= 0].rename_axis("visit").reset_index()
    pairs = _same_stops(visits, group.calls.rename_axis("call").reset_index(), ["trip", "cell"], params)
    _pair(group, pairs.visit, pairs.call, solution.method_of_run[pairs.run], costs.cost_s[pairs.run, pairs.trip])


def _same_stops(visits: pd.DataFrame, calls: pd.DataFrame, on: list[str], params: MetroParams) -> pd.DataFrame:
    """Free visits and calls (row numbers `visit`, `call`) at the same stop, no further apart than any pair may be."""
    visits, calls = visits[visits.candidate & (visits.pair < 0)], calls[calls.pair < 0]
    pairs = visits.merge(calls, on=on, how="inner", suffixes=("", "_planned"))
    return pairs[(pairs.time_s - pairs.time_s_planned).abs() <= params.max_pair_dev_s]


def _pair(group: Group, visits: pd.Series, calls: pd.Series, method: np.ndarray, cost_s: np.ndarray) -> None:
    """Note pairs of row numbers on both sides, with the method and the cost of each."""
    group.visits.loc[visits.to_numpy(), "pair"] = calls.to_numpy()
    group.calls.loc[calls.to_numpy(), "pair"] = visits.to_numpy()
    group.visits.loc[visits.to_numpy(), "method"] = method
    group.visits.loc[visits.to_numpy(), "cost_s"] = cost_s


def _result(group: Group, params: MetroParams) -> pd.DataFrame:
    """One row for each pair, free visit and free call, with both verdicts, in the order of the keys."""
    actual, planned = verdicts(group, params)
    visits = group.visits[["run_id", "visit_seq", "pair"]].assign(
        match_method=group.visits.method, match_cost_s=group.visits.cost_s, actual_status=actual
    )
    calls = group.calls[["trip_id", "stop_sequence", "pair"]].assign(planned_status=planned)
    matched = visits.merge(calls.drop(columns="pair"), how="left", left_on="pair", right_index=True)
    rows = pd.concat([matched, calls[calls.pair < 0]])[list(MATCH_DTYPES)].astype(MATCH_DTYPES)
    rows = rows.sort_values(["run_id", "visit_seq", "trip_id", "stop_sequence"], kind="stable").reset_index(drop=True)
    return rows.astype(object).where(rows.notna(), None).astype(MATCH_DTYPES)
