"""The verdict on every visit and every planned call once the pairs are known."""

import numpy as np
import pandas as pd

from spark_jobs.metro.match_group import Group
from spark_jobs.metro.params import MetroParams


def verdicts(group: Group, params: MetroParams) -> tuple[pd.Series, pd.Series]:
    """actual_status by row of group.visits, planned_status by row of group.calls."""
    silence_since_s = group.now_s - 60.0 * params.pending_for_min
    return _actual_status(group, silence_since_s), _planned_status(group, silence_since_s)


def _actual_status(group: Group, silence_since_s: float) -> pd.Series:
    """A run without a trip is EXTRA; while it may still get one (live), and for odd visits of other runs, UNMATCHED."""
    visits = group.visits
    paired = visits.pair >= 0
    run_has_trip = paired.groupby(visits.run).transform("any")
    choices = [
        (~visits.run.map(pd.Series(group.run_eligible)), "NON_REVENUE"),
        (paired & visits.run.isin(_short_runs(group)), "SHORT_TURN"),
        (paired, "SCHEDULED"),
        (run_has_trip | ~visits.known | (visits.anchor_s > silence_since_s), "UNMATCHED"),
    ]
    return _first_choice(choices, "EXTRA", visits.index)


def _short_runs(group: Group) -> set[int]:
    """Runs that are over and have left out calls at the start or the end of the one trip they ran.

    An end that lies in the future, or outside of a live window, is not yet an end that was left out.
    """
    visits, calls = group.visits, group.calls
    trip_of_visit = pd.Series(-1, index=visits.index)
    paired = visits.pair >= 0
    trip_of_visit[paired] = calls.trip.to_numpy()[visits.pair[paired]]
    trips = trip_of_visit[paired].groupby(visits.run[paired])
    trip_of_run = trips.first()[trips.nunique() == 1]
    free = calls.pair.lt(0).groupby(calls.trip)
    cut_short = free.first() | free.last()
    done = ~pd.Series(group.run_open)[trip_of_run.index].to_numpy(bool)
    return set(trip_of_run.index[cut_short[trip_of_run].to_numpy(bool) & done])


def _planned_status(group: Group, silence_since_s: float) -> pd.Series:
    """A free call is cancelled by word of the plan or by silence; until then it is pending."""
    calls = group.calls
    paired = calls.pair >= 0
    stop_seen = pd.Series(group.visits.stop_id.to_numpy(object)[calls.pair.where(paired, 0)] if paired.any() else None, index=calls.index, dtype=object)
    partly_run = paired.groupby(calls.trip).transform("any")
    pending = (calls.time_s > silence_since_s) | _still_to_come(group)
    choices = [
        (paired & (stop_seen != calls.stop_id), "RUN_OTHER_PLATFORM"),
        (paired, "RUN"),
        (calls.outage.map(lambda flag: flag is True or flag == 1), "NOT_OBSERVED"),
        (~calls.withdrawn & np.isfinite(group.now_s) & pending, "PENDING"),
        (partly_run, "PART_CANCELLED"),
    ]
    return _first_choice(choices, "CANCELLED", calls.index)


def _still_to_come(group: Group) -> pd.Series:
    """Free calls behind the last pair of a trip whose run is still on its way."""
    calls = group.calls
    paired = calls.pair >= 0
    run = pd.Series(-1, index=calls.index)
    run[paired] = group.visits.run.to_numpy()[calls.pair[paired]]
    position = pd.Series(np.arange(len(calls)), index=calls.index)
    last = position.where(paired).groupby(calls.trip).transform("max")
    on_its_way = pd.Series(np.append(group.run_open, False)[run] & paired, index=calls.index)
    return (position > last) & on_its_way.groupby(calls.trip).transform("any")


def _first_choice(choices: list[tuple[pd.Series, str]], otherwise: str, index: pd.Index) -> pd.Series:
    masks = [np.asarray(mask, bool) for mask, _ in choices]
    return pd.Series(np.select(masks, [name for _, name in choices], otherwise), index=index, dtype=object)
