"""From the chained OCCUPY messages of a day to visits at platforms, still without the seconds of braking and
starting.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from spark_jobs.metro.chaining import CLOCK_SLACK_S, Chains, chain, last_seen
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.track import Track, epoch_s

TRACED_COLUMNS = (
    "service_date date, run_id string, visit_seq int, train_number string, line_id string, line_ids array<string>, "
    "direction_id int, vehicle_id string, vehicle_consist string, units int, destination_code string, stop_id string, "
    "at_terminal boolean, length_m double, stop_mark_m double, way_m double, anchor_ts timestamp, "
    "entered_ts timestamp, left_ts timestamp, left_by string, entered_seen boolean"
)
# A platform's RELEASE belongs to the train that was seen in the platform at most this long ago.
RELEASE_WITHIN_S = 1800.0
INTERPOSE_WITHIN_S = 180.0


def trace(events: pd.DataFrame, sections: pd.DataFrame, params: MetroParams) -> pd.DataFrame:
    """Visits of one service day (columns as TRACED_COLUMNS) from its movements and the section register.

    ``left_by`` tells what ended the visit: OCCUPY of the next section, RELEASE of the platform, INTERPOLATED, or
    nothing yet (none). ``way_m``: metres of track from the stop before, none at a run's first.
    """
    names = [column.split()[0] for column in TRACED_COLUMNS.split(", ")]
    track = Track.of(sections)
    events = (
        events[track.number(events.section_id) >= 0]
        .sort_values(["corrected_ts", "message_seq", "event_id"])
        .reset_index(drop=True)
    )
    occupied = events[events.event_type == "OCCUPY"].reset_index(drop=True)
    if occupied.empty:
        return pd.DataFrame(columns=names)
    chains = chain(occupied, epoch_s(occupied.corrected_ts), track, params)
    steps = _filled(occupied, chains)
    steps = _ended(steps, events[events.event_type == "RELEASE"], chains, track)
    length_m = pd.Series(track.length_m[steps.section], steps.index)
    steps["entry_m"] = length_m.groupby(steps.root).cumsum() - length_m
    visits = steps[track.is_platform[steps.section]].merge(
        _runs(occupied, events, chains, sections, track), on="root", how="inner"
    )
    visits["visit_seq"] = visits.groupby("root").cumcount()
    at = sections.iloc[visits.section].reset_index(drop=True)
    visits = visits.assign(
        stop_id=at.platform_stop_id,
        at_terminal=at.is_terminal,
        length_m=at.length_m,
        stop_mark_m=at.stop_mark_m,
        service_date=events.service_date.iloc[0],
    )
    visits["way_m"] = (visits.entry_m + visits.stop_mark_m).groupby(visits.root).diff()
    for name in ("entered", "left"):
        visits[f"{name}_ts"] = pd.to_datetime((visits[f"{name}_s"] * 1e6).round(), unit="us")
    return visits[names]


def _filled(occupied: pd.DataFrame, chains: Chains) -> pd.DataFrame:
    """Steps of all runs in order: row, root, section, entered_s, anchor_ts, entered_seen; lost ones lie between by
    the median run share.
    """
    seen = pd.DataFrame(
        {
            "root": chains.roots(),
            "depth": chains.depths(),
            "section": chains.section,
            "entered_s": chains.time_s,
            "anchor_ts": occupied.event_ts,
            "entered_seen": True,
            "row": np.arange(len(occupied)),
        }
    )
    guessed = [
        (seen.root[row], seen.depth[end] + 1 + n, section, time_s, occupied.event_ts[end], False, -1)
        for row, between in chains.lost.items()
        for end in [chains.previous[row]]
        for n, (section, time_s) in enumerate(_shared_out(chains, end, row, between))
    ]
    steps = pd.concat([seen, pd.DataFrame(guessed, columns=seen.columns).astype(seen.dtypes)]) if guessed else seen
    return steps.sort_values(["root", "depth"], kind="stable").reset_index(drop=True)


def _shared_out(chains: Chains, end: int, row: int, between: list[int]) -> list[tuple[int, float]]:
    share = np.cumsum(chains.median_s[[chains.section[end], *between]])
    gap_s = chains.time_s[row] - chains.time_s[end]
    return list(zip(between, (chains.time_s[end] + gap_s * share[:-1] / share[-1]).tolist(), strict=True))


def _ended(steps: pd.DataFrame, released: pd.DataFrame, chains: Chains, track: Track) -> pd.DataFrame:
    """left_s and left_by of each step: the next OCCUPY, else the platform's RELEASE, else a guess between the
    neighbours.
    """
    same = steps.root.eq(steps.root.shift(-1))
    following_seen = steps.entered_seen.shift(-1, fill_value=False) & same
    steps["left_s"] = steps.entered_s.shift(-1).where(same)
    steps["left_by"] = pd.Series("OCCUPY", steps.index, object).where(following_seen, "INTERPOLATED").where(same, None)
    section, release_s = track.number(released.section_id), epoch_s(released.corrected_ts)
    row = last_seen(chains.section, chains.time_s, section, release_s)
    fits = (row >= 0) & (release_s - chains.time_s[row] <= RELEASE_WITHIN_S)
    first = pd.Series(release_s[fits]).groupby(row[fits]).min()
    at = first.reindex(steps.row).to_numpy()  # a step without an OCCUPY of its own has row -1, and so no release
    use = (steps.left_by != "OCCUPY").to_numpy() & ~np.isnan(at) & track.is_platform[steps.section]
    steps.loc[use, "left_s"], steps.loc[use, "left_by"] = at[use], "RELEASE"
    return steps


def _runs(
    occupied: pd.DataFrame, events: pd.DataFrame, chains: Chains, sections: pd.DataFrame, track: Track
) -> pd.DataFrame:
    """What is true of a whole run, by root: id, number, line, direction, destination, vehicles."""
    rows = occupied.assign(root=chains.roots(), depth=chains.depths(), section=chains.section).sort_values(
        ["root", "depth"]
    )
    by_root = rows.groupby("root")
    # A wrong number is put right on the way: the last one counts.
    runs = by_root.agg(
        train_number=("train_describer", "last"),
        shown=("line_id", "last"),
        destination_code=("destination_code", "last"),
    )
    first = occupied.loc[runs.index]
    runs["run_id"] = first.event_ts.dt.strftime("%Y%m%d-%H%M%S-").to_numpy(object) + first.section_id.to_numpy(object)
    runs["direction_id"] = sections.direction_id.to_numpy()[chains.section[runs.index]]
    runs["line_ids"] = _lines_in_common(rows, sections)
    single = runs.line_ids.map(lambda lines: lines[0] if len(lines) == 1 else None)
    runs["line_id"] = runs.shown.where(runs.shown.notna(), single).astype(object)
    return runs.join(_vehicles(events, chains, track)).reset_index().astype({"units": int})


def _lines_in_common(rows: pd.DataFrame, sections: pd.DataFrame) -> pd.Series:
    """Lines that use every section which the run was seen in."""
    lines = sorted({line for listed in sections.line_ids for line in listed})
    masks = np.array([sum(1 << lines.index(line) for line in listed) for listed in sections.line_ids], np.int64)
    ordered = rows.root.to_numpy()
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    common = np.bitwise_and.reduceat(masks[rows.section.to_numpy()], begins)
    named = {mask: [line for n, line in enumerate(lines) if mask >> n & 1] for mask in set(common.tolist())}
    return pd.Series([named[mask] for mask in common.tolist()], index=ordered[begins], dtype=object)


def _vehicles(events: pd.DataFrame, chains: Chains, track: Track) -> pd.DataFrame:
    """By root: leading vehicle, consist and number of units, from the first INTERPOSE that names vehicles."""
    named = events[(events.event_type == "INTERPOSE") & events.vehicle_ids.notna()]
    vehicles = named.vehicle_ids.map(lambda listed: [vehicle for vehicle in listed if vehicle is not None])
    named = named.assign(vehicle_ids=vehicles)[vehicles.map(len).astype(bool)]
    roots = pd.Index(np.unique(chains.roots()), name="root")
    time_s = epoch_s(named.corrected_ts)
    at = last_seen(chains.section, chains.time_s, track.number(named.section_id), time_s + CLOCK_SLACK_S)
    fits = (at >= 0) & (time_s - chains.time_s[at] <= INTERPOSE_WITHIN_S)
    units = pd.Series(named.vehicle_ids[fits].to_numpy(object), index=chains.roots()[at[fits]], dtype=object)
    units = units.groupby(level=0).first().reindex(roots)
    known = units.notna()
    return pd.DataFrame(
        {
            "vehicle_id": units[known].map(lambda vehicles: vehicles[0]).reindex(roots),
            "vehicle_consist": units[known].map("|".join).reindex(roots),
            "units": units[known].map(len).astype(int).reindex(roots, fill_value=0),
        }
    )
