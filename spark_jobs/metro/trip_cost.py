"""Cost in seconds of giving a planned trip to an actual run, for every pair of a group that is near in time."""

from dataclasses import dataclass

import numpy as np

from spark_jobs.metro.match_group import Group
from spark_jobs.metro.params import MetroParams

CHUNK_PAIRS = 20_000


@dataclass(frozen=True)
class TripCosts:
    """Runs by trips. Pairs that are never near in time have an infinite cost and no common station."""

    cost_s: np.ndarray
    median_dev_s: np.ndarray
    common: np.ndarray
    run_stations: np.ndarray


def lateness(dev_s: np.ndarray, early_factor: float) -> np.ndarray:
    """Seconds late as they are, seconds early times `early_factor`: trains wait for their time."""
    weighted: np.ndarray = np.where(dev_s >= 0, dev_s, -early_factor * dev_s)
    return weighted


def trip_costs(group: Group, params: MetroParams) -> TripCosts:
    """Half the lateness at the first common station, half the median lateness, and a cost of stations not shared.

    The last is 900 s times one less the Jaccard index of the stations; a small convex part keeps the order.
    """
    shape = (group.run_times.shape[0], group.trip_times.shape[0])
    costs = TripCosts(np.full(shape, np.inf), np.full(shape, np.inf), np.zeros(shape, int), np.zeros(shape, int))
    runs, trips = _near_in_time(group, params.max_median_dev_s)
    for start in range(0, len(runs), CHUNK_PAIRS):
        chunk = slice(start, start + CHUNK_PAIRS)
        _fill(costs, group, runs[chunk], trips[chunk], params)
    return costs


def feasible(costs: TripCosts, group: Group, params: MetroParams) -> np.ndarray:
    """Pairs that the assignment may use: near, enough stations in common, no station of another branch."""
    enough = np.maximum(params.min_common_stations, params.min_common_share * costs.run_stations)
    near = np.abs(costs.median_dev_s) <= params.max_median_dev_s
    allowed: np.ndarray = near & (costs.common >= enough) & ~group.contradiction
    return allowed


def _near_in_time(group: Group, max_dev_s: float) -> tuple[np.ndarray, np.ndarray]:
    if not group.run_times.size or not group.trip_times.size:
        return np.empty(0, int), np.empty(0, int)
    run_start, run_end = _span(group.run_times)
    trip_start, trip_end = _span(group.trip_times)
    near = (run_start[:, None] <= trip_end + max_dev_s) & (run_end[:, None] >= trip_start - max_dev_s)
    runs, trips = np.nonzero(near)
    return runs, trips


def _span(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    missing = np.isnan(times)
    return np.where(missing, np.inf, times).min(axis=1), np.where(missing, -np.inf, times).max(axis=1)


def _fill(costs: TripCosts, group: Group, runs: np.ndarray, trips: np.ndarray, params: MetroParams) -> None:
    actual, planned = group.run_times[runs], group.trip_times[trips]
    dev = actual - planned
    common = ~np.isnan(dev)
    count = common.sum(axis=1)
    some = count > 0
    runs, trips, actual, planned, dev, common, count = (
        array[some] for array in (runs, trips, actual, planned, dev, common, count)
    )
    rows = np.arange(len(runs))
    first_dev = dev[rows, np.where(common, planned, np.inf).argmin(axis=1)]
    ordered = np.sort(dev, axis=1)  # missing stations sort behind
    median_dev = (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]) / 2
    of_run = _comparable(actual, common, group.trip_head_cut[trips], group.trip_tail_cut[trips])
    of_trip = _comparable(planned, common, group.run_head_cut[runs], group.run_open[runs])
    jaccard = count / (of_run + of_trip - count)
    costs.cost_s[runs, trips] = (
        0.5 * lateness(first_dev, params.early_factor)
        + 0.5 * lateness(median_dev, params.early_factor)
        + params.station_mismatch_cost_s * (1 - jaccard)
        + params.order_keeping_cost_s * (median_dev / params.max_median_dev_s) ** 2
    )
    costs.median_dev_s[runs, trips] = median_dev
    costs.common[runs, trips] = count
    costs.run_stations[runs, trips] = of_run


def _comparable(times: np.ndarray, common: np.ndarray, head_cut: np.ndarray, tail_cut: np.ndarray) -> np.ndarray:
    """Stations of one side to hold against the other: none before or after what is known of the other side."""
    first = np.where(common, times, np.inf).min(axis=1)
    last = np.where(common, times, -np.inf).max(axis=1)
    from_s = np.where(head_cut, first, -np.inf)[:, None]
    to_s = np.where(tail_cut, last, np.inf)[:, None]
    inside: np.ndarray = (times >= from_s) & (times <= to_s)
    return np.asarray(inside.sum(axis=1))
