"""What goes wrong between the track and the landing zone: numbers, clocks, stuck circuits, the message channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulators.metro.movements import OCCUPY, RELEASE
from simulators.metro.network import SOURCES, Network
from simulators.metro.plan import Trip
from simulators.metro.service import Run

DUPLICATE, OUT_OF_ORDER, LOST, LATE_BATCH = 0.003, 0.005, 0.002, 0.005
MISSING_NUMBER, WRONG_NUMBER = 0.03, 0.01
STUCK_PER_DAY, GHOSTS_PER_DAY = 5, 4
CLOCK_SMALL_S, CLOCK_LARGE_S = 2.0, 7.0
LATE_BATCHES, LATE_BY_S = 2, 3_600.0
LAG_MEDIAN_S, LAG_SIGMA, LAG_MIN_S = 5.0, 0.36, 2.5


@dataclass(frozen=True)
class Stuck:
    """A track circuit that shows occupied although no train is in it."""

    section: int
    start_s: float
    end_s: float


def clock_offsets(rng: np.random.Generator, noise: float) -> np.ndarray:
    """Seconds that each interlocking's clock is ahead, in the order of SOURCES; one of them far ahead."""
    offsets = np.round(np.clip(rng.normal(0, 0.9, len(SOURCES)), -CLOCK_SMALL_S, CLOCK_SMALL_S), 2)
    offsets[int(rng.integers(2, len(SOURCES)))] = CLOCK_LARGE_S
    return offsets * min(noise, 1.0)


def spoil_run_numbers(runs: list[Run], trips: list[Trip], skip: set[int], rng: np.random.Generator,
                      noise: float) -> None:  # fmt: skip
    """Exact shares of runs without a number and with a wrong one; the wrong kinds take turns."""
    running = [i for i, r in enumerate(runs) if i not in skip and r.kind != "NON_REVENUE"]
    order = [running[k] for k in rng.permutation(len(running)).tolist()]
    missing = round(MISSING_NUMBER * noise * len(running))
    wrong = round(WRONG_NUMBER * noise * len(running))
    for i in order[:missing]:
        runs[i].describer, runs[i].number_quality = None, "MISSING"
    for n, i in enumerate(order[missing : missing + wrong]):
        _wrong_number(runs[i], trips, rng, n)


def _wrong_number(run: Run, trips: list[Trip], rng: np.random.Generator, n: int) -> None:
    """In turn: a neighbouring trip's number, the number before the turn, an unknown one, a wrong start put right."""
    right = run.describer
    assert right is not None
    neighbour = f"{right[0]}{(int(right[1:]) + 2) % 1000:03d}"
    if n % 4 == 1 and run.feeder is not None:
        run.describer = trips[run.feeder].run_number
    elif n % 4 == 2:
        run.describer = f"8{int(rng.integers(1000)):03d}"
    else:
        run.describer = neighbour
    if n % 4 == 3 and len(run.path) > 6:
        run.late_describer, run.corrected_at = right, int(rng.integers(2, len(run.path) - 3))
    run.number_quality = "WRONG"


def stick_circuits(net: Network, events: pd.DataFrame, rng: np.random.Generator,
                   count: int) -> tuple[pd.DataFrame, list[Stuck]]:  # fmt: skip
    """While stuck, a section reports neither release nor occupation; one release without a train ends it."""
    usable = np.array([not s.is_terminal for s in net.sections])[events["section"].to_numpy()]
    t, sections = events["t"].to_numpy(), events["section"].to_numpy()
    candidates = np.flatnonzero((events["type"].to_numpy() == OCCUPY) & usable & (t > 21_600) & (t < 75_000))
    found: list[Stuck] = []
    keep = np.ones(len(events), dtype=bool)
    for k in rng.permutation(candidates).tolist():
        section, start = int(sections[k]), float(t[k])
        if len(found) == count:
            break
        if any(s.section == section for s in found):
            continue
        stuck = Stuck(section, start, start + float(rng.uniform(1_500, 3_600)))
        keep &= ~((sections == section) & (t > stuck.start_s) & (t < stuck.end_s)
                  & (events["type"].to_numpy() <= RELEASE))  # fmt: skip
        found.append(stuck)
    if not found:
        return events, found
    ends = pd.DataFrame(
        {"t": [s.end_s for s in found], "type": RELEASE, "section": [s.section for s in found],
         "prev": -1, "next": -1, "run": -1, "call": 0}
    )  # fmt: skip
    merged = pd.concat([events[keep], ends], ignore_index=True)
    return merged.sort_values("t", kind="stable", ignore_index=True), found


def lag(rng: np.random.Generator, n: int) -> np.ndarray:
    """Seconds from an event to its arrival; never so short that the fast clock looks as if from the future."""
    return np.maximum(rng.lognormal(np.log(LAG_MEDIAN_S), LAG_SIGMA, n), LAG_MIN_S)


def transmit(events: pd.DataFrame, source: np.ndarray, rng: np.random.Generator, noise: float) -> pd.DataFrame:
    """Number, delay, lose and repeat messages. Adds seq, ingest, copy (0 original, 1 same id again, 2 new id)."""
    events = events.assign(source=source, copy=0)
    events["seq"] = events.groupby("source").cumcount() + 1
    n = len(events)
    events["ingest"] = events["t"] + lag(rng, n)
    shuffled = rng.random(n) < OUT_OF_ORDER * noise
    events.loc[shuffled, "ingest"] += rng.uniform(20, 120, int(shuffled.sum()))
    _delay_batches(events, rng, noise)
    events = events[rng.random(n) >= LOST * noise]
    chosen = rng.random(len(events)) < DUPLICATE * noise
    copies = events[chosen].copy()
    copies["ingest"] += rng.uniform(0.5, 30, len(copies))
    copies["copy"] = np.where(rng.random(len(copies)) < 0.8, 1, 2)
    both = pd.concat([events, copies], ignore_index=True)
    return both.sort_values("ingest", kind="stable", ignore_index=True)


def _delay_batches(events: pd.DataFrame, rng: np.random.Generator, noise: float) -> None:
    """A run of successive messages of one interlocking arrives an hour late."""
    size = round(LATE_BATCH * noise * len(events) / LATE_BATCHES)
    for source in rng.choice(len(SOURCES), LATE_BATCHES, replace=False).tolist():
        rows = np.flatnonzero(events["source"].to_numpy() == source)
        if size == 0 or len(rows) == 0:
            continue
        first = int(rng.integers(0, max(1, len(rows) - size)))
        events.loc[rows[first : first + size], "ingest"] += LATE_BY_S
