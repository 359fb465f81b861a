"""Chains OCCUPY messages of one day into train runs.

A train in section b that came from section a is the train that was last seen to enter a. Where messages are lost the
chain is mended over the gap: upstream, nearest first, to the latest train that was seen there and nowhere after. Run
numbers are not
needed; where both sides have one they must agree before a gap is mended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.track import Track

# Two interlockings' clocks may disagree by this much and the train still be seen in the right order.
CLOCK_SLACK_S = 3.0
FREE_FLOW_MS = 12.0


@dataclass
class Chains:
    """``previous``: the OCCUPY before, by row number (-1: the first of its run); ``lost``: sections between them that
    said nothing.
    """

    section: np.ndarray
    time_s: np.ndarray
    previous: np.ndarray
    median_s: np.ndarray
    lost: dict[int, list[int]] = field(default_factory=dict)

    def roots(self) -> np.ndarray:
        """Row number of the first OCCUPY of each row's run."""
        root = np.where(self.previous < 0, np.arange(len(self.previous)), self.previous)
        while (higher := root[root]).tolist() != root.tolist():
            root = higher
        return root

    def depths(self) -> np.ndarray:
        """Place of each row in its run, counting sections that said nothing."""
        lost = np.array([len(self.lost.get(row, ())) for row in range(len(self.previous))])
        depth = np.where(self.previous < 0, 0, 1 + lost)
        at = self.previous.copy()
        while (at >= 0).any():
            depth = depth + np.where(at >= 0, depth[at], 0)
            at = np.where(at >= 0, self.previous[at], -1)
        return depth


def chain(occupied: pd.DataFrame, time_s: np.ndarray, track: Track, params: MetroParams) -> Chains:
    """Link each OCCUPY (rows in order of ``time_s``) to the one before of the same train."""
    section, came_from = track.number(occupied.section_id), track.number(occupied.prev_section_id)
    previous = _adjacent(section, came_from, time_s, track, params)
    chains = Chains(section, time_s, previous, _median_step_s(section, time_s, previous, track))
    _mend(chains, came_from, occupied.train_describer.to_numpy(object), track, params)
    return chains


def last_seen(section: np.ndarray, time_s: np.ndarray, at: np.ndarray, until_s: np.ndarray) -> np.ndarray:
    """For each query: the row of the latest OCCUPY of section ``at`` not after ``until_s``, -1 where there is none."""
    order = np.lexsort((time_s, section))
    day_s = float(time_s.max(initial=0.0)) + 1e6
    keys = section[order] * day_s + time_s[order]
    found = np.searchsorted(keys, at * day_s + until_s, side="right") - 1
    row = order[np.maximum(found, 0)] if len(order) else np.zeros(len(at), int)
    known = (at >= 0) & (found >= 0)
    return np.where(known & (section[row] == at if len(order) else False), row, -1)


def _adjacent(
    section: np.ndarray, came_from: np.ndarray, time_s: np.ndarray, track: Track, params: MetroParams
) -> np.ndarray:
    """Links to the last train seen in the section that the message says the train came from; each train goes on
    once.
    """
    from_track = np.where((came_from >= 0) & ~track.is_turnback[came_from], came_from, -1)
    row = last_seen(section, time_s, from_track, time_s + CLOCK_SLACK_S)
    near = (row >= 0) & (time_s - time_s[row] <= 60.0 * params.chain_max_gap_min)
    row = np.where(near, row, -1)
    claims = pd.Series(row)
    row[(claims.duplicated() & (claims >= 0)).to_numpy()] = -1
    return row


def _median_step_s(section: np.ndarray, time_s: np.ndarray, previous: np.ndarray, track: Track) -> np.ndarray:
    """Median seconds from OCCUPY of a section to OCCUPY of the next one; by its length where it was not seen today."""
    linked = previous >= 0
    steps = pd.Series(time_s[linked] - time_s[previous[linked]]).groupby(section[previous[linked]]).median()
    return np.asarray(
        steps.reindex(range(len(track.ids))).fillna(pd.Series(track.length_m / FREE_FLOW_MS)).to_numpy(float)
    )


def _mend(chains: Chains, came_from: np.ndarray, number: np.ndarray, track: Track, params: MetroParams) -> None:
    """Link what the lost messages left apart, in order of time."""
    goes_on = np.zeros(len(chains.previous), bool)
    goes_on[chains.previous[chains.previous >= 0]] = True
    ends: dict[int, list[int]] = {}
    for row in np.flatnonzero(~goes_on & ~track.is_turnback[chains.section]).tolist():
        ends.setdefault(int(chains.section[row]), []).append(row)
    starts = (came_from < 0) & track.is_platform[chains.section] | (came_from >= 0) & track.is_turnback[came_from]
    for row in np.flatnonzero((chains.previous < 0) & ~starts).tolist():
        found = _find_end(row, chains, ends, int(came_from[row]), number, track, params)
        if found is not None:
            end, lost = found
            ends[int(chains.section[end])].remove(end)
            chains.previous[row], chains.lost[row] = end, lost


def _find_end(
    row: int,
    chains: Chains,
    ends: dict[int, list[int]],
    came_from: int,
    number: np.ndarray,
    track: Track,
    params: MetroParams,
) -> tuple[int, list[int]] | None:
    """The end of the chain that goes on in ``row``, and the sections in between."""
    named = number[row] is not None
    reach = params.chain_max_lost_with_number if named else params.chain_max_lost_sections
    for lost, paths in enumerate(track.upstream(int(chains.section[row]), came_from, reach)):
        candidates = [
            (chains.time_s[end], end, path[1:])
            for path in paths
            for end in ends.get(path[0], ())
            if _plausible(chains, end, row, path, params) and _same_train(number[end], number[row], lost, params)
        ]
        if candidates:
            _, end, between = max(candidates, key=lambda candidate: candidate[:2])
            return end, between
    return None


def _plausible(chains: Chains, end: int, row: int, path: list[int], params: MetroParams) -> bool:
    gap_s = chains.time_s[row] - chains.time_s[end]
    return bool(params.chain_min_run_share * chains.median_s[path].sum() <= gap_s <= 60.0 * params.chain_max_gap_min)


def _same_train(one: str | None, other: str | None, lost: int, params: MetroParams) -> bool:
    """Equal numbers; without any, over short gaps; with one, only where the gap is a single section."""
    if one is not None and other is not None:
        return one == other
    return lost <= (params.chain_max_lost_sections if one is other else 1)
