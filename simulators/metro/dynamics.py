"""Train movement: a discrete-event simulation from platform to platform.

Rules: one train at a platform, one between two platforms, 90 s between departures from a track, no overtaking
outside turnbacks; whoever is ready first goes first. A train that has to wait does so before the platform or in it.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from simulators.metro.network import Network
from simulators.metro.service import Incident, Run

HEADWAY_S = 90.0
CLEARING_S = 42.0  # from a departure to the next train's standstill at the same platform
TURN_MOVE_S = 45.0  # turnback to departure platform
RUN_NOISE, DRIVER_NOISE = 0.04, 0.025
DWELL_SIGMA = 0.28
DWELL_MEDIAN_S, DWELL_TUNNEL_MEDIAN_S, DWELL_END_S, DWELL_PASS_S = 29.0, 31.0, 32.0, 3.0
ORIGIN_DWELL_S = 25.0
READY, ARRIVE, START = 0, 1, 2


@dataclass
class Delay:
    """Seconds lost at one call: `PRIMARY` with an incident, or `KNOCK_ON` behind another train."""

    run: int
    call: int
    kind: str
    delay_s: float
    cause: str


@dataclass
class _Track:
    """A platform: who is in it, from when the next may stand in it, and who waits for it."""

    train: int | None = None
    free_from: float = 0.0
    waiting: list[tuple[float, int, int]] = field(default_factory=list)


class Dynamics:
    """Runs the heap until every run has ended; fills `arrival`, `departure`, `held`, `turnback` of each run."""

    def __init__(self, net: Network, runs: list[Run], skip: set[int], incidents: list[Incident],
                 rng: np.random.Generator) -> None:  # fmt: skip
        self.net, self.runs, self.rng = net, runs, rng
        self.heap: list[tuple[float, int, int, int, int]] = []
        self.order = 0
        self.tracks = {i: _Track() for i, s in enumerate(net.sections) if s.platform_stop_id}
        self.main = {loop: main for main, loop in net.alternates.items()}
        self.last_departure: dict[int, float] = {}
        self.in_link: dict[int, int] = {}  # first plain section -> run
        self.link_queue: dict[int, list[tuple[int, int]]] = {}
        self.turn_used: dict[int, int] = {}  # turnback section -> run
        self.turn_queue: dict[int, list[int]] = {}
        self.closed: dict[int, list[Incident]] = {}
        for incident in incidents:
            self.closed.setdefault(incident.platform, []).append(incident)
        self.delays: list[Delay] = []
        self.ready_since: dict[tuple[int, int], float] = {}
        self.driver = 1 + rng.normal(0, DRIVER_NOISE, len(runs))
        for i, run in enumerate(runs):
            if i not in skip and run.feeder is None:
                self.push(run.planned[0] + run.origin_delay_s - float(rng.uniform(60, 180)), ARRIVE, i, 0)

    def push(self, time_s: float, event: int, run: int, call: int) -> None:
        self.order += 1
        heapq.heappush(self.heap, (time_s, self.order, event, run, call))

    def simulate(self) -> list[Delay]:
        while self.heap:
            time_s, _, event, run, call = heapq.heappop(self.heap)
            if event == READY:
                self.try_depart(time_s, run, call)
            elif event == ARRIVE:
                self.try_arrive(time_s, time_s, run, call)
            else:
                self.leave_terminal(time_s, run)
        return self.delays

    def dwell(self, run: Run, platform: int, last: bool) -> float:
        if run.kind == "NON_REVENUE":
            return DWELL_PASS_S
        tunnel = self.net.sections[platform].source_system == "ILS-TUN"
        median = DWELL_END_S if last else DWELL_TUNNEL_MEDIAN_S if tunnel else DWELL_MEDIAN_S
        return max(12.0, float(self.rng.lognormal(np.log(median), DWELL_SIGMA)))

    def try_arrive(self, time_s: float, wished_s: float, index: int, call: int) -> None:
        """The train would come to a stand at `time_s` (without hindrance at `wished_s`)."""
        run = self.runs[index]
        platform = run.path[call]
        track = self.tracks[platform]
        if track.train is not None:
            track.waiting.append((wished_s, index, call))
            return
        track.train = index
        arrival = max(time_s, track.free_from)
        run.arrival.append(arrival)
        run.held.append(arrival - wished_s)
        if arrival - wished_s > 10 and call:
            self.delays.append(Delay(index, call, "KNOCK_ON", arrival - wished_s, "PLATFORM_OCCUPIED"))
        if call:
            self.free_link(arrival, self.net.links[run.path[call - 1], platform].sections[0])
        elif run.turnback[0] is not None:
            self.free_turnback(arrival, run.turnback[0])
        last = call == len(run.path) - 1
        if last:
            self.push(arrival + self.dwell(run, platform, True), START, index, call)
        elif call == 0:
            self.push(max(arrival + ORIGIN_DWELL_S, run.planned[0] + run.origin_delay_s), READY, index, 0)
        else:
            self.push(arrival + self.dwell(run, platform, False), READY, index, call)

    def try_depart(self, time_s: float, index: int, call: int) -> None:
        run = self.runs[index]
        platform, following = run.path[call], run.path[call + 1]
        since = self.ready_since.setdefault((index, call), time_s)
        group = self.main.get(platform, platform)
        earliest = self.last_departure.get(group, -1e9) + HEADWAY_S
        for incident in self.closed.get(platform, []):
            if incident.start_s <= time_s < incident.end_s:
                earliest = max(earliest, incident.end_s)
                self.delays.append(Delay(index, call, "PRIMARY", incident.end_s - time_s, incident.incident_id))
                since = self.ready_since[index, call] = incident.end_s
        if time_s < earliest:
            self.push(earliest, READY, index, call)
            return
        link = self.net.links[platform, following]
        if link.sections[0] in self.in_link:
            self.link_queue.setdefault(link.sections[0], []).append((index, call))
            return
        if time_s - since > 10:
            self.delays.append(Delay(index, call, "KNOCK_ON", time_s - since, "TRAIN_AHEAD"))
        self.in_link[link.sections[0]] = index
        self.last_departure[group] = time_s
        self.vacate(time_s, index, call)
        noise = float(np.clip(self.rng.normal(1, RUN_NOISE), 0.88, 1.25))
        self.push(time_s + link.run_s * float(self.driver[index]) * noise, ARRIVE, index, call + 1)

    def vacate(self, time_s: float, index: int, call: int) -> None:
        """The train starts moving: its platform is free for the first that waits, after the clearing time."""
        run = self.runs[index]
        run.departure.append(time_s)
        track = self.tracks[run.path[call]]
        track.train, track.free_from = None, time_s + CLEARING_S
        if track.waiting:
            wished_s, other, other_call = track.waiting.pop(0)
            self.try_arrive(track.free_from, wished_s, other, other_call)

    def free_link(self, time_s: float, first_section: int) -> None:
        self.in_link.pop(first_section, None)
        queue = self.link_queue.get(first_section)
        if queue:
            index, call = queue.pop(0)
            self.push(time_s, READY, index, call)

    def free_turnback(self, time_s: float, section: int) -> None:
        self.turn_used.pop(section, None)
        for arrival, tracks in self.net.turnbacks.items():
            if section in tracks and self.turn_queue.get(arrival):
                self.push(time_s, START, self.turn_queue[arrival].pop(0), -1)

    def leave_terminal(self, time_s: float, index: int) -> None:
        """From the last platform into a free turnback track, then to the next trip or out of service."""
        run = self.runs[index]
        platform = run.path[-1]
        track = next((t for t in self.net.turnbacks[platform] if t not in self.turn_used), None)
        if track is None:
            self.turn_queue.setdefault(platform, []).append(index)
            return
        self.turn_used[track] = index
        run.turnback[1] = track
        self.vacate(time_s, index, len(run.path) - 1)
        if run.follower is None:
            self.free_turnback(time_s + 120, track)  # on to the stabling tracks
            return
        following = self.runs[run.follower]
        following.turnback[0] = track
        early = following.planned[0] + following.origin_delay_s - float(self.rng.uniform(35, 60))
        self.push(max(time_s + 30 + TURN_MOVE_S, early), ARRIVE, run.follower, 0)
