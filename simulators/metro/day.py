"""One simulated service day: plan, what really ran, the messages about it, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from expectations.manifest import list_tables, listed
from expectations.metro import LANDING
from simulators.metro import landing as zone
from simulators.metro.clock import ServiceDay, stream
from simulators.metro.disruption import arrange
from simulators.metro.dynamics import Delay, Dynamics
from simulators.metro.messages import door_table, movement_table, reading_rows
from simulators.metro.movements import PlatformTiming, expand, platform_timing, visits
from simulators.metro.network import SOURCES, Network, build_network
from simulators.metro.noise import (
    GHOSTS_PER_DAY,
    STUCK_PER_DAY,
    Stuck,
    clock_offsets,
    spoil_run_numbers,
    stick_circuits,
    transmit,
)
from simulators.metro.passengers import door_events
from simulators.metro.plan import Trip, build_plan
from simulators.metro.plan_tables import WEEKDAY, WEEKEND, plan_change, plan_tables, service_of
from simulators.metro.readings import Assets, Readings, build_assets, read_signals
from simulators.metro.service import Incident, PlanChange, Run

PLAN_CHANGE_LAG_S = 5.0


@dataclass(frozen=True)
class Settings:
    """What the command line sets. `noise` multiplies all shares of the message noise (0 = clean)."""

    seed: int
    scale: float = 1.0
    noise: float = 1.0
    run_numbers: bool = True


@dataclass
class SimulatedDay:
    """Everything about one day. Times in seconds from the anchor; `sent` is in order of arrival."""

    settings: Settings
    day: ServiceDay
    net: Network
    plans: dict[str, list[Trip]]
    trips: list[Trip]
    runs: list[Run]
    incidents: list[Incident]
    changes: list[PlanChange]
    call_status: dict[tuple[int, int], str]
    delays: list[Delay]
    calls: pd.DataFrame
    timing: PlatformTiming
    clocks: np.ndarray
    events: pd.DataFrame
    stuck: list[Stuck]
    sent: pd.DataFrame
    doors: pd.DataFrame
    assets: Assets
    readings: Readings


def _rate(per_day: int, settings: Settings) -> int:
    """A number of faults a day, thinned with the scale, and at least one unless there is no noise."""
    return max(1, round(per_day * settings.scale * settings.noise)) if settings.noise > 0 else 0


def _assign_units(runs: list[Run], trips: list[Trip], cancelled: set[int]) -> None:
    """A train keeps its units from trip to trip; full trips have two, short ones and ghosts one."""
    used = 0
    for i in sorted(range(len(runs)), key=lambda i: (runs[i].planned[0], i)):
        if i in cancelled or runs[i].feeder is not None:
            continue
        short = runs[i].kind == "NON_REVENUE" or (runs[i].trip is not None and trips[i].kind == "short")
        count = 1 if short else 2
        units = tuple(f"MX{3_001 + used + k}" for k in range(count))
        used += count
        following: int | None = i
        while following is not None:
            runs[following].units = units
            following = runs[following].follower


def simulate_day(settings: Settings, day: ServiceDay) -> SimulatedDay:
    """Deterministic in (settings, day)."""

    def rng(name: str) -> np.random.Generator:
        return stream(settings.seed, name, day.date)

    net = build_network()
    plans = {service: build_plan(net, service, settings.scale) for service in (WEEKDAY, WEEKEND)}
    trips = plans[service_of(day.date)]
    ghosts = _rate(GHOSTS_PER_DAY, settings)
    service, cancelled = arrange(net, trips, rng("disruption"), day.compact, settings.scale, ghosts)
    delays = Dynamics(net, service.runs, cancelled, service.incidents, rng("dynamics")).simulate()
    _assign_units(service.runs, trips, cancelled)
    spoil_run_numbers(service.runs, trips, cancelled, rng("number"), settings.noise)
    if not settings.run_numbers:
        for run in service.runs:
            run.describer = run.late_describer = None

    calls = visits(service.runs)
    timing = platform_timing(net, stream(settings.seed, "platform"))
    clocks = clock_offsets(stream(settings.seed, "clock"), settings.noise)
    true_events = expand(net, service.runs, calls, timing, rng("expand"))
    events, stuck = stick_circuits(net, true_events, rng("stuck"), _rate(STUCK_PER_DAY, settings))
    source_of = np.array([SOURCES.index(s.source_system) for s in net.sections])
    sent = transmit(events, source_of[events["section"].to_numpy()], rng("noise"), settings.noise)
    doors = door_events(service.runs, calls, rng("door"), settings.noise)
    assets = build_assets(net, stream(settings.seed, "asset"))
    readings = read_signals(assets, events, stuck, day, settings.scale, rng("reading"))
    return SimulatedDay(
        settings, day, net, plans, trips, service.runs, service.incidents, service.changes, service.call_status,
        delays, calls, timing, clocks, events, stuck, sent, doors, assets, readings,
    )  # fmt: skip


def _slice(content: pa.Table, part: slice) -> pa.Table:
    return content.slice(part.start, part.stop - part.start)


def land(sim: SimulatedDay, landing: Path, upto: datetime | None = None, missing_only: bool = False) -> dict[str, int]:
    """Write the landing files of a day; with `upto`, those that are there by then. Returns rows written per event table.

    `missing_only` writes what is not there yet.
    """
    day = sim.day
    if upto is not None and upto < day.planned:
        return {}
    if not (missing_only and set(zone.TABLES) <= (listed(landing) or set())):
        list_tables(landing, zone.TABLES, of=(table.name for table in LANDING))
    for table, content in plan_tables(sim.net, sim.plans, day).items():
        zone.write_plan_table(landing, table, day, content, missing_only)

    moves = movement_table(sim.net, sim.runs, sim.sent, sim.clocks, day)
    doors = door_table(sim.doors, day)
    changes = plan_change(sim.changes, day)
    rows_of = reading_rows(sim.readings, sim.assets, day)
    change_s = np.sort(np.array([c.ts_s for c in sim.changes]))
    jobs = (
        ("movement_event", sim.sent["ingest"].to_numpy(), moves["event_ts"].to_numpy(), moves),
        ("passenger_event", sim.doors["ingest"].to_numpy(), doors["event_timestamp"].to_numpy(), doors),
        ("plan_change", change_s + PLAN_CHANGE_LAG_S, changes["ts"].to_numpy(), changes),
    )
    landed = {}
    for table, ingest, event_ts, content in jobs:
        event_us = event_ts.astype("datetime64[us]").astype(np.int64)
        landed[table] = zone.write_slots(
            landing, table, day, day.micros(ingest), event_us,
            partial(_slice, content), upto, missing_only,
        )  # fmt: skip
    landed["signal_reading"] = zone.write_slots(
        landing, "signal_reading", day, day.micros(sim.readings.ingest), day.micros(sim.readings.t), rows_of, upto,
        missing_only,
    )  # fmt: skip
    return landed
