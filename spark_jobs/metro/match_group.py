"""One matching group as arrays: visits and calls in a fixed order, runs and trips numbered, times in epoch seconds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from spark_jobs.metro.params import MetroParams

WITHDRAWN = ("CANCEL", "PART_CANCEL")


@dataclass(frozen=True)
class Group:
    """Runs are rows, trips are columns. A cell is a (station, n-th time there), so that a station can be met twice.

    visits: the keys, station_id, stop_id + run, cell, time_s, anchor_s, known.
    calls: the keys, station_id, stop_id + trip, cell, time_s, withdrawn.
    """

    visits: pd.DataFrame
    calls: pd.DataFrame
    run_ids: np.ndarray
    run_times: np.ndarray
    trip_times: np.ndarray
    run_eligible: np.ndarray
    run_open: np.ndarray
    run_head_cut: np.ndarray
    trip_head_cut: np.ndarray
    trip_tail_cut: np.ndarray
    trip_withdrawn: np.ndarray
    contradiction: np.ndarray
    now_s: float

    @property
    def trip_shape(self) -> tuple[int, int]:
        """Number of runs and number of trips."""
        return self.run_times.shape[0], self.trip_times.shape[0]


def build_group(actual: pd.DataFrame, planned: pd.DataFrame, params: MetroParams, now: pd.Timestamp | None) -> Group:
    """Number and order both sides so that nothing depends on the order of the rows handed in."""
    live = now is not None
    now_s = epoch_s(pd.Series([now])).iloc[0] if live else np.inf
    visits = _visits(actual, now_s)
    calls = _calls(planned, visits, params)
    cells = pd.MultiIndex.from_frame(pd.concat([visits, calls])[["station_id", "nth"]].drop_duplicates())
    for frame in (visits, calls):
        frame["cell"] = cells.get_indexer(pd.MultiIndex.from_frame(frame[["station_id", "nth"]]))
    runs, trips = visits.run.nunique(), calls.trip.nunique()
    known = visits[visits.known]
    by_run, by_trip = visits.groupby("run"), calls.groupby("trip")
    seen_until = known.groupby("run").anchor_s.max().reindex(range(runs)).to_numpy(float)
    compared = calls[(calls.change != "PART_CANCEL").to_numpy()]
    return Group(
        visits=visits,
        calls=calls,
        run_ids=by_run.run_id.first().to_numpy(object),
        run_times=_times(known, "run", runs, len(cells)),
        trip_times=_times(compared, "trip", trips, len(cells)),
        run_eligible=by_run.revenue.any().to_numpy(bool),
        run_open=live & (seen_until >= now_s - 60.0 * params.open_run_gap_min),
        run_head_cut=live & (by_run.visit_seq.min().to_numpy(float) > 0),
        trip_head_cut=live & ~_has_role(calls, "ORIGIN", trips),
        trip_tail_cut=live & ~_has_role(calls, "TERMINAL", trips),
        trip_withdrawn=by_trip.withdrawn.all().to_numpy(bool),
        contradiction=_contradiction(known, calls, runs, trips, len(cells)),
        now_s=now_s,
    )


def epoch_s(times: pd.Series) -> pd.Series:
    """Seconds since 1970 of aware or naive UTC times; nothing stays nothing."""
    utc = pd.to_datetime(times, utc=True)
    return (utc - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)


def _visits(actual: pd.DataFrame, now_s: float) -> pd.DataFrame:
    visits = actual.reset_index(drop=True).copy()
    visits["anchor_s"] = epoch_s(visits.anchor_ts)
    visits["time_s"] = epoch_s(visits.departure_ts).fillna(epoch_s(visits.arrival_ts)).fillna(visits.anchor_s)
    visits["known"] = visits.anchor_s <= now_s
    visits["revenue"] = visits.revenue.astype("boolean").fillna(True).astype(bool)
    visits["run"] = _number(visits, "run_id")
    visits = visits.sort_values(["run", "visit_seq"], kind="stable").reset_index(drop=True)
    visits["nth"] = visits.groupby(["run", "station_id"]).cumcount()
    return visits


def _calls(planned: pd.DataFrame, visits: pd.DataFrame, params: MetroParams) -> pd.DataFrame:
    calls = planned.reset_index(drop=True).copy()
    for optional in ("run_number", "block_id", "change", "outage"):
        if optional not in calls:
            calls[optional] = None
    calls["time_s"] = epoch_s(calls.planned_departure_ts)
    calls["withdrawn"] = calls.change.isin(WITHDRAWN)
    calls["piece"] = calls.trip_id
    if visits.groupby("run").line_id.nunique().gt(1).any():
        joined = calls.trip_id.map(_joined_pieces(calls, params.ring_join_gap_s))
        calls["piece"] = joined.fillna(calls.trip_id)
    calls["trip"] = _number(calls, "piece")
    calls = calls.sort_values(["trip", "time_s", "trip_id", "stop_sequence"], kind="stable").reset_index(drop=True)
    calls["nth"] = calls.groupby(["trip", "station_id"]).cumcount()
    return calls


def _number(frame: pd.DataFrame, key: str) -> pd.Series:
    """Runs or trips numbered by start, then id: also the order in which ties are broken."""
    starts = frame.groupby(key).time_s.min().reset_index().sort_values(["time_s", key], kind="stable")
    return frame[key].map(pd.Series(range(len(starts)), index=starts[key], dtype=int)).astype(int)


def _joined_pieces(calls: pd.DataFrame, gap_s: float) -> dict[str, str]:
    """trip_id -> first trip of its chain: pieces of one block, the next from where the last ends."""
    ordered = calls.sort_values(["time_s", "stop_sequence"], kind="stable").groupby("trip_id")
    ends = ordered.agg(
        block_id=("block_id", "first"),
        start_s=("time_s", "first"),
        end_s=("time_s", "last"),
        start_at=("station_id", "first"),
        end_at=("station_id", "last"),
    ).reset_index()
    ends = ends.dropna(subset=["block_id"]).sort_values(["block_id", "start_s", "trip_id"], kind="stable")
    before = ends.groupby("block_id").shift()
    wait_s = ends.start_s - before.end_s
    follows = (ends.start_at == before.end_at) & (wait_s >= 0) & (wait_s <= gap_s)
    first_of_chain = ends.trip_id.groupby((~follows).cumsum()).transform("first")
    return dict(zip(ends.trip_id, first_of_chain, strict=True))


def _has_role(calls: pd.DataFrame, role: str, trips: int) -> np.ndarray:
    has = np.zeros(trips, bool)
    has[calls.trip[(calls.stop_role == role).to_numpy()]] = True
    return has


def _times(frame: pd.DataFrame, row: str, rows: int, cells: int) -> np.ndarray:
    times = np.full((rows, cells), np.nan)
    times[frame[row], frame.cell] = frame.time_s
    return times


def _contradiction(visits: pd.DataFrame, calls: pd.DataFrame, runs: int, trips: int, cells: int) -> np.ndarray:
    """Run by trip: the run has been at a station that the group's plan has, but no trip of this trip's lines."""
    routes = pd.factorize(calls.route_id, sort=True)[0]
    served = np.zeros((routes.max(initial=-1) + 1, cells), bool)
    served[routes, calls.cell] = True
    of_trip = np.zeros((trips, len(served)), bool)
    of_trip[calls.trip, routes] = True
    visited = np.zeros((runs, cells), bool)
    visited[visits.run, visits.cell] = True
    elsewhere = served.any(axis=0) & ~(of_trip.astype(np.int32) @ served.astype(np.int32) > 0)
    return visited.astype(np.int32) @ elsewhere.T.astype(np.int32) > 0
