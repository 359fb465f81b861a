"""The verdict on every visit and every planned call once the pairs are known."""

import numpy as np
import pandas as pd

from spark_jobs.metro.match_group import Group
from spark_jobs.metro.params import MetroParams


def verdicts(group: Group, params: MetroParams) -> tuple[pd.Series, pd.Series]:
    """actual_status by row of group.visits, planned_status by row of group.calls."""
    silence_since_s = group.now_s - 60.0 * params.pending_for_min
    return _actual_status(group, silence_since_s, params), _planned_status(group, silence_since_s, params)


def _actual_status(group: Group, silence_since_s: float, params: MetroParams) -> pd.Series:
    """A run without a trip is EXTRA; while it may still get one (live), and for odd visits of other runs, UNMATCHED."""
    visits = group.visits
    paired = visits.pair >= 0
    run_has_trip = paired.groupby(visits.run).transform("any")
    choices = [
        (~group.run_eligible[visits.run], "NON_REVENUE"),
        (paired & visits.run.isin(_short_runs(group, params.short_turn_min_calls)), "SHORT_TURN"),
        (paired, "SCHEDULED"),
        (run_has_trip | ~visits.known | (visits.anchor_s > silence_since_s), "UNMATCHED"),
    ]
    return _first_choice(choices, "EXTRA", visits.index)


def _short_runs(group: Group, min_calls: int) -> set[int]:
    """Runs that left out calls at the start or the end of their trip; not an end yet to come or out of view."""
    visits, calls = group.visits, group.calls
    whole = visits[(visits.pair >= 0) & (visits.method != "RESIDUAL")]
    position, size = calls.groupby("trip").cumcount(), calls.groupby("trip").trip.transform("size")
    before = whole.pair.map(position).groupby(whole.run).min()
    behind = whole.pair.map(size - 1 - position).groupby(whole.run).min()
    runs = before.index.to_numpy()
    late_start = (before >= min_calls) & ~group.run_head_cut[runs]
    early_end = (behind >= min_calls) & ~group.run_open[runs]
    return set(before.index[late_start | early_end])


def _planned_status(group: Group, silence_since_s: float, params: MetroParams) -> pd.Series:
    """A free call is cancelled by word of the plan or by silence; until then it is pending."""
    calls = group.calls
    paired = calls.pair >= 0
    stop_seen = calls.pair.map(group.visits.stop_id)
    partly_run = paired.groupby(calls.trip).transform("any")
    pending = (calls.time_s > silence_since_s) | _still_to_come(group)
    choices = [
        (paired & (stop_seen != calls.stop_id), "RUN_OTHER_PLATFORM"),
        (paired, "RUN"),
        (calls.outage.astype("boolean").fillna(False), "NOT_OBSERVED"),
        (~calls.withdrawn & np.isfinite(group.now_s) & pending, "PENDING"),
        (~calls.withdrawn & _not_seen(group, params), "NOT_OBSERVED"),
        (partly_run, "PART_CANCELLED"),
    ]
    return _first_choice(choices, "CANCELLED", calls.index)


def _not_seen(group: Group, params: MetroParams) -> pd.Series:
    """Free calls that a run passed but the data miss: at a station that saw no train, or too few for a turn."""
    calls = group.calls
    position = calls.groupby("trip").cumcount()
    pairs = position.where(calls.pair >= 0).groupby(calls.trip)
    first, last = pairs.transform("min"), pairs.transform("max")
    behind = calls.groupby("trip").trip.transform("size") - 1 - last
    single = ((position < first) & (first < params.short_turn_min_calls)) | (
        (position > last) & (behind < params.short_turn_min_calls)
    )
    passed = (calls.pair < 0) & (position > first) & (position < last)
    unseen = passed & ~calls.station_id.isin(group.visits.station_id[group.visits.known])
    return single | (unseen & (unseen.groupby(calls.station_id).transform("sum") >= params.unseen_station_min_calls))


def _still_to_come(group: Group) -> pd.Series:
    """Free calls behind the last pair of a trip whose run is still on its way."""
    calls = group.calls
    position = calls.groupby("trip").cumcount()
    last = position.where(calls.pair >= 0).groupby(calls.trip).transform("max")
    on_its_way = calls.pair.map(pd.Series(group.run_open[group.visits.run], index=group.visits.index, dtype=bool)).eq(
        True
    )
    return (position > last) & on_its_way.groupby(calls.trip).transform("any")


def _first_choice(choices: list[tuple[object, str]], otherwise: str, index: pd.Index) -> pd.Series:
    masks = [np.asarray(mask, bool) for mask, _ in choices]
    return pd.Series(np.select(masks, [name for _, name in choices], otherwise), index=index, dtype=object)
