"""From train runs to section messages: OCCUPY of each section, RELEASE of platforms, INTERPOSE where a run begins.

The frame is in true time (`t`, seconds from the anchor) and free of noise; sections are indices into the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from simulators.metro.network import ACCELERATION, BRAKING, Network
from simulators.metro.service import Run

OCCUPY, RELEASE, STEP, INTERPOSE, CANCEL = range(5)
EVENT_TYPES = ("OCCUPY", "RELEASE", "STEP", "INTERPOSE", "CANCEL")
UNIT_LENGTH_M = 54
EVENT_JITTER_S = 1.0
SECTION_JITTER_S = 0.7
COLUMNS = ["t", "type", "section", "prev", "next", "run", "call"]


@dataclass(frozen=True)
class PlatformTiming:
    """True seconds between standstill and the neighbouring OCCUPY, by section index (0 where no platform)."""

    off_dep_s: np.ndarray
    off_arr_s: np.ndarray
    geometric_dep_s: np.ndarray


def platform_timing(net: Network, rng: np.random.Generator) -> PlatformTiming:
    """Geometric times ½·a·t² with a factor and a bias of each platform, at most 5 s away from geometry."""
    length = np.array([s.length_m for s in net.sections], dtype=float)
    mark = np.array([s.stop_mark_m or 0.0 for s in net.sections])
    is_platform = mark > 0
    geometric = np.where(is_platform, np.sqrt(2 * (length - mark) / ACCELERATION), 0.0)
    geometric_arr = np.sqrt(2 * mark / BRAKING)

    def true(values: np.ndarray, mean: float) -> np.ndarray:
        drawn = values * rng.normal(1, 0.08, len(values)) + rng.normal(mean, 2.4, len(values))
        return np.where(is_platform, np.maximum(np.clip(drawn, values - 5, values + 5), 1.5), 0.0)

    return PlatformTiming(true(geometric, 0.6), true(geometric_arr, -0.4), geometric)


def visits(runs: list[Run]) -> pd.DataFrame:
    """One row per call of a run that took place: run, call, platform, arrival, departure, held, planned."""
    done = [(i, r) for i, r in enumerate(runs) if r.arrival]
    return pd.DataFrame(
        {
            "run": np.concatenate([np.full(len(r.path), i) for i, r in done]),
            "call": np.concatenate([np.arange(len(r.path)) for _, r in done]),
            "platform": np.concatenate([r.path for _, r in done]),
            "arrival": np.concatenate([r.arrival for _, r in done]),
            "departure": np.concatenate([r.departure for _, r in done]),
            "held": np.concatenate([r.held for _, r in done]),
            "planned": np.concatenate([r.planned for _, r in done]),
            "sequence": np.concatenate([r.sequence for _, r in done]),
        }
    )


def expand(net: Network, runs: list[Run], calls: pd.DataFrame, timing: PlatformTiming,
           rng: np.random.Generator) -> pd.DataFrame:  # fmt: skip
    """All messages in true order; equal times keep the order of construction."""
    n = len(calls)
    platform = calls["platform"].to_numpy()
    leaves = calls["departure"].to_numpy() + timing.off_dep_s[platform] + rng.normal(0, EVENT_JITTER_S, n)
    leaves = np.maximum(leaves, calls["departure"].to_numpy() + 0.3)
    enters = calls["arrival"].to_numpy() - timing.off_arr_s[platform] + rng.normal(0, EVENT_JITTER_S, n)
    first, onward = _neighbours(net, runs, calls)
    parts = [
        _frame(enters, OCCUPY, platform, first, onward, calls),
        _releases(net, runs, calls, timing, onward, rng),
        _turnback_entries(net, runs, calls, leaves),
        _interposes(runs, calls, enters),
        *_plain_sections(net, calls, leaves, enters, rng),
    ]
    return pd.concat(parts, ignore_index=True).sort_values("t", kind="stable", ignore_index=True)


def _frame(t: np.ndarray, kind: int, section: np.ndarray, prev: np.ndarray, following: np.ndarray,
           calls: pd.DataFrame) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame(
        {"t": t, "type": kind, "section": section, "prev": prev, "next": following,
         "run": calls["run"].to_numpy(), "call": calls["call"].to_numpy()}
    )  # fmt: skip


def _neighbours(net: Network, runs: list[Run], calls: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Section before and after the platform of each call, -1 where there is none."""
    before, after = [], []
    for i in calls["run"].drop_duplicates().tolist():
        run = runs[i]
        links = [net.links[a, b].sections for a, b in pairwise(run.path)]
        entry, exit_ = run.turnback
        before += [-1 if entry is None else entry, *[link[-1] for link in links]]
        after += [*[link[0] for link in links], -1 if exit_ is None else exit_]
    return np.array(before), np.array(after)


def _releases(net: Network, runs: list[Run], calls: pd.DataFrame, timing: PlatformTiming, onward: np.ndarray,
              rng: np.random.Generator) -> pd.DataFrame:  # fmt: skip
    """A platform section is released when the rear of the train has left it."""
    platform = calls["platform"].to_numpy()
    train_m = np.array([len(r.units) * UNIT_LENGTH_M for r in runs])[calls["run"].to_numpy()]
    length = np.array([s.length_m for s in net.sections])[platform]
    mark = np.array([s.stop_mark_m or 0.0 for s in net.sections])[platform]
    off = np.sqrt(2 * (length - mark + train_m) / ACCELERATION)
    off += (timing.off_dep_s - timing.geometric_dep_s)[platform] + rng.normal(0, EVENT_JITTER_S, len(calls))
    none = np.full(len(calls), -1)
    return _frame(calls["departure"].to_numpy() + off, RELEASE, platform, none, onward, calls)


def _turnback_entries(net: Network, runs: list[Run], calls: pd.DataFrame, leaves: np.ndarray) -> pd.DataFrame:
    last = calls["call"].to_numpy() == np.array([len(r.path) - 1 for r in runs])[calls["run"].to_numpy()]
    ends = calls[last]
    platform = ends["platform"].to_numpy()
    track = np.array([runs[i].turnback[1] for i in ends["run"].tolist()])
    return _frame(leaves[last], OCCUPY, track, platform, np.array([net.turn_to[p] for p in platform.tolist()]), ends)


def _interposes(runs: list[Run], calls: pd.DataFrame, enters: np.ndarray) -> pd.DataFrame:
    """At the first platform, and where a wrong number is put right on the way."""
    corrected = np.array([r.corrected_at for r in runs])[calls["run"].to_numpy()]
    call = calls["call"].to_numpy()
    chosen = (call == 0) | (call == corrected)
    some = calls[chosen]
    none = np.full(len(some), -1)
    return _frame(enters[chosen] + 3.0, INTERPOSE, some["platform"].to_numpy(), none, none, some)


def _plain_sections(net: Network, calls: pd.DataFrame, leaves: np.ndarray, enters: np.ndarray,
                    rng: np.random.Generator) -> list[pd.DataFrame]:  # fmt: skip
    """Between two platforms at even speed; a train held before a platform waits in the last plain section."""
    inner = np.flatnonzero(calls["call"].to_numpy() > 0)
    platform = calls["platform"].to_numpy()
    pairs = zip(platform[inner - 1].tolist(), platform[inner].tolist(), strict=True)
    links = np.array([net.links[pair].sections for pair in pairs])
    metres = np.array([s.length_m for s in net.sections], dtype=float)[links]
    ends = np.cumsum(metres, axis=1) / metres.sum(axis=1, keepdims=True)
    start, moving = leaves[inner - 1], enters[inner] - calls["held"].to_numpy()[inner] - leaves[inner - 1]
    following = calls.iloc[inner]
    frames = []
    for j in range(links.shape[1]):
        t = start if j == 0 else start + moving * ends[:, j - 1] + rng.normal(0, SECTION_JITTER_S, len(inner))
        before = platform[inner - 1] if j == 0 else links[:, j - 1]
        after = platform[inner] if j == links.shape[1] - 1 else links[:, j + 1]
        frames.append(_frame(t, OCCUPY, links[:, j], before, after, following))
    return frames
