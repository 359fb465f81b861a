"""The simulated network: stations, platforms, track sections, turnbacks and the paths of the five lines.

Fixed by construction (the seed never changes it), so that two days of one landing zone agree.

* 8 tunnel stations T01 (east) … T08 (west), shared by all lines; direction 0 runs east to west.
* a ring T08-R01-…-R11-T08: line 5 serves R01…R06, line 4 serves R11…R06; at R06 a train goes on under the other
  line's number, without reversing.
* eight branches E1…E5 (east) and W1…W3 (west), index 01 next to the tunnel.

Every section is one-way. Between two platform sections lie three plain ones. A turnback section
(`is_terminal`, no platform) leads from an arrival platform to the departure platform of the other direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np

from simulators.metro.stations import BRANCHES, line_stations, station_list, station_names, station_position

LINES = ("1", "2", "3", "4", "5")
CORRIDOR_GROUP = {"1": "1", "2": "2", "3": "3", "4": "4-5", "5": "4-5"}
SHORT_BRANCH = {"1": "E1", "2": "W2", "3": "E3", "4": "E4", "5": "E5"}
RING_CHANGE = "R06"
# R06 has one arrival and one departure platform for each sense of the ring: (line, direction) -> platform code.
RING_PLATFORM = {("5", 0): "1", ("4", 1): "2", ("4", 0): "3", ("5", 1): "4"}
LOOP_PLATFORMS = (("T04", 0), ("T04", 1), ("E1-05", 0), ("E3-05", 1), ("W3-06", 0), ("E5-04", 1))
SOURCE_OF_AREA = {
    "T": "ILS-TUN", "R": "ILS-RNG", "E1": "ILS-E1", "E2": "ILS-E2", "E3": "ILS-E3", "E4": "ILS-E45", "E5": "ILS-E45",
    "W1": "ILS-W1", "W2": "ILS-W2", "W3": "ILS-W3",
}  # fmt: skip
SOURCES = tuple(dict.fromkeys(SOURCE_OF_AREA.values()))
PLAIN_SECTIONS = 3  # between two platform sections
ACCELERATION, BRAKING = 1.0, 0.9  # m/s²
SPEED_BRANCH, SPEED_TUNNEL = 17.0, 15.0  # m/s


@dataclass
class Section:
    """One track section; `first`… sections of a link are referred to by their index in `Network.sections`."""

    section_id: str
    length_m: int
    source_system: str
    direction_id: int
    stop_mark_m: float | None = None
    platform_stop_id: str | None = None
    station_id: str | None = None
    is_terminal: bool = False
    track_order: int = 0
    signal_id: str | None = None
    line_ids: list[str] = field(default_factory=list)
    next_sections: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """The plain sections between two platforms and the free-flow time from start of movement to standstill."""

    sections: tuple[int, ...]
    run_s: float


@dataclass
class Network:
    """Sections by index, and the look-ups that plan and dynamics need."""

    stations: list[str]
    names: dict[str, str]
    position: dict[str, tuple[float, float]]
    sections: list[Section] = field(default_factory=list)
    platforms: dict[tuple[str, str], int] = field(default_factory=dict)  # (station, platform code) -> section
    alternates: dict[int, int] = field(default_factory=dict)  # platform section -> loop platform beside it
    links: dict[tuple[int, int], Link] = field(default_factory=dict)  # (platform section, platform section)
    turnbacks: dict[int, tuple[int, ...]] = field(default_factory=dict)  # arrival platform -> turnback tracks
    turn_to: dict[int, int] = field(default_factory=dict)  # arrival platform -> departure platform

    def platform(self, station: str, direction: int, line: str) -> int:
        """The platform section that `line` uses at `station` in `direction` by plan."""
        code = RING_PLATFORM[line, direction] if station == RING_CHANGE else str(direction + 1)
        return self.platforms[station, code]

    def path(self, line: str, direction: int, branch: str | None = None) -> list[int]:
        """Platform sections of a full trip, or of a short one on `branch` only, in running order."""
        stations = [s for s in line_stations(line) if branch is None or s.startswith(f"{branch}-")]
        return [self.platform(s, direction, line) for s in (stations if direction == 0 else stations[::-1])]

    def point_count(self) -> int:
        return 2 * sum(len(tracks) for tracks in self.turnbacks.values()) + 2 * len(self.alternates)


def _area(station: str) -> str:
    return station.split("-")[0] if "-" in station else station[0]


def _add_platform(net: Network, station: str, code: str, direction: int, rng: np.random.Generator) -> None:
    mark = float(rng.integers(111, 124))
    section = Section(
        section_id=f"P-{station}-{code}", length_m=int(mark) + int(rng.integers(12, 36)), stop_mark_m=mark,
        source_system=SOURCE_OF_AREA[_area(station)], direction_id=direction, station_id=station,
        platform_stop_id=f"{station}:{code}",
    )  # fmt: skip
    net.platforms[station, code] = len(net.sections)
    net.sections.append(section)


def _add_platforms(net: Network, rng: np.random.Generator) -> None:
    for station in net.stations:
        if station == RING_CHANGE:
            for (_, direction), code in RING_PLATFORM.items():
                _add_platform(net, station, code, direction, rng)
            continue
        for direction in (0, 1):
            _add_platform(net, station, str(direction + 1), direction, rng)
    for station, direction in LOOP_PLATFORMS:
        code = str(direction + 3)
        _add_platform(net, station, code, direction, rng)
        net.alternates[net.platforms[station, str(direction + 1)]] = net.platforms[station, code]


def _add_link(net: Network, a: int, b: int, rng: np.random.Generator) -> None:
    """The plain sections from platform a to platform b; the last ones belong to b's interlocking."""
    start, end = net.sections[a], net.sections[b]
    tunnel = start.source_system == end.source_system == "ILS-TUN"
    low, high = (150, 200) if tunnel else (180, 320)
    indexes = []
    for i in range(PLAIN_SECTIONS):
        source = start.source_system if i < PLAIN_SECTIONS - 1 else end.source_system
        name = f"L-{start.station_id}-{end.station_id}-{start.direction_id}{i + 1}"
        indexes.append(len(net.sections))
        net.sections.append(Section(name, int(rng.integers(low, high)), source, start.direction_id))
    chain = [a, *indexes, b]
    for here, there in pairwise(chain):
        net.sections[here].next_sections.append(there)
    assert start.stop_mark_m is not None and end.stop_mark_m is not None
    metres = start.length_m - start.stop_mark_m + sum(net.sections[i].length_m for i in indexes) + end.stop_mark_m
    speed = SPEED_TUNNEL if tunnel else SPEED_BRANCH
    run_s = metres / speed + speed / 2 * (1 / ACCELERATION + 1 / BRAKING)
    net.links[a, b] = Link(tuple(indexes), run_s)


def _add_loops(net: Network) -> None:
    """Join each loop platform to the plain sections of the platform that it stands beside."""
    for main, loop in net.alternates.items():
        net.sections[loop].next_sections = list(net.sections[main].next_sections)
        for section in net.sections:
            if main in section.next_sections:
                section.next_sections.append(loop)
        for (a, b), link in list(net.links.items()):
            if a == main:
                net.links[loop, b] = link
            if b == main:
                net.links[a, loop] = link


def _add_turnback(net: Network, arrival: int, departure: int, tracks: int, rng: np.random.Generator) -> None:
    platform = net.sections[arrival]
    indexes = []
    for track in range(1, tracks + 1):
        indexes.append(len(net.sections))
        name = f"TB-{platform.station_id}-{platform.direction_id}{track}"
        if platform.station_id == RING_CHANGE:
            name = f"TB-{platform.section_id[2:]}{track}"
        section = Section(name, int(rng.integers(130, 180)), platform.source_system, platform.direction_id)
        section.is_terminal = True
        section.next_sections = [departure]
        net.sections.append(section)
        platform.next_sections.append(indexes[-1])
    net.turnbacks[arrival] = tuple(indexes)
    net.turn_to[arrival] = departure


def _add_turnbacks(net: Network, rng: np.random.Generator) -> None:
    for branch, stations in BRANCHES.items():
        inbound = 0 if branch[0] == "E" else 1
        outer, inner = f"{branch}-{stations:02d}", f"{branch}-01"
        line = branch[1]
        out_arrival = net.platform(outer, 1 - inbound, line)
        _add_turnback(net, out_arrival, net.platform(outer, inbound, line), 3, rng)
        for direction in (inbound, 1 - inbound):
            arrival = net.platform(inner, direction, line)
            tracks = 2 if direction == inbound and branch in SHORT_BRANCH.values() else 1
            _add_turnback(net, arrival, net.platform(inner, 1 - direction, line), tracks, rng)
        for platform in (out_arrival, net.turn_to[out_arrival]):
            net.sections[platform].is_terminal = True
    for arrival_code, departure_code in (("1", "2"), ("3", "4")):
        arrival, departure = net.platforms[RING_CHANGE, arrival_code], net.platforms[RING_CHANGE, departure_code]
        _add_turnback(net, arrival, departure, 3, rng)
        net.sections[arrival].is_terminal = net.sections[departure].is_terminal = True


def _order_and_lines(net: Network) -> None:
    """Line ids of each section, and a `track_order` that rises along every route (1000 where the tunnel starts)."""
    for line in LINES:
        for direction in (0, 1):
            path = net.path(line, direction)
            route: list[int] = []
            for a, b in pairwise(path):
                route += [a, *net.links[a, b].sections]
            route.append(path[-1])
            origin = route.index(net.platform("T01" if direction == 0 else "T08", direction, line))
            for i, index in enumerate(route):
                for member in (index, net.alternates.get(index, index)):
                    net.sections[member].track_order = 1000 + i - origin
                    if line not in net.sections[member].line_ids:
                        net.sections[member].line_ids.append(line)
    for arrival, tracks in net.turnbacks.items():
        for index in tracks:
            net.sections[index].track_order = net.sections[arrival].track_order + 1
            net.sections[index].line_ids = list(net.sections[arrival].line_ids)


def _add_signals(net: Network) -> None:
    """A starting signal at every platform and a block signal on the section after the first plain one."""
    for link in net.links.values():
        section = net.sections[link.sections[1]]
        section.signal_id = f"SIG-{section.section_id}"
    for section in net.sections:
        if section.platform_stop_id or section.is_terminal:
            section.signal_id = f"SIG-{section.section_id}"


@cache
def build_network() -> Network:
    """The whole network; the same object for every caller of one process, so treat it as read-only."""
    rng = np.random.default_rng(4711)
    stations = station_list()
    net = Network(stations, station_names(stations), {s: station_position(s) for s in stations})
    _add_platforms(net, rng)
    for line in LINES:
        for direction in (0, 1):
            path = net.path(line, direction)
            for a, b in pairwise(path):
                if (a, b) not in net.links:
                    _add_link(net, a, b, rng)
    _add_loops(net)
    _add_turnbacks(net, rng)
    _order_and_lines(net)
    _add_signals(net)
    return net
