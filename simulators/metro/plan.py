"""The timetable: departures of a service, planned times of each call, blocks and run numbers.

Per line and direction: a full trip every 7.5 min 06-20 h and every 15 min otherwise, 05:00-25:30. Lines 1 and 2 run
every second of them as a short trip on one branch, and lines 3-5 add short trips in the peaks, so that the tunnel
carries 32 trains an hour (one each 112.5 s) against a minimum headway of 90 s.
Times are seconds from noon minus 12 h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from simulators.metro.network import LINES, RING_CHANGE, SHORT_BRANCH, Network

FIRST_S, LAST_S = 18_000, 91_800  # 05:00, 25:30
BASE_FROM_S, BASE_TO_S = 21_600, 72_000  # 06:00, 20:00
PEAKS_S = ((21_600, 34_200), (50_400, 64_800))  # 06:00-09:30, 14:00-18:00
TUNNEL_PHASE_S = {"3": 0.0, "4": 112.5, "5": 225.0, "1": 337.5, "2": 787.5}
DIRECTION_SHIFT_S = 60.0
DWELL_S, DWELL_TUNNEL_S = 30, 33
RUN_SLACK = 1.01
MIN_LAYOVER_S, MIN_LAYOVER_RING_S, MAX_LAYOVER_S = 240, 150, 1_500


@dataclass
class Trip:
    """One planned one-way run; `path`, `arrival_s` and `departure_s` are parallel lists."""

    trip_id: str
    line: str
    direction: int
    kind: str  # full | short
    path: list[int]
    arrival_s: list[int]
    departure_s: list[int]
    run_number: str
    block_id: str = ""
    feeder: int | None = None  # index of the trip that its train ran before
    follower: int | None = field(default=None)


def planned_times(net: Network, path: list[int]) -> tuple[list[int], list[int]]:
    """Arrival and departure offsets in seconds from the departure at the first platform."""
    arrivals, departures = [0], [0]
    for a, b in pairwise(path):
        arrivals.append(departures[-1] + round(net.links[a, b].run_s * RUN_SLACK))
        tunnel = net.sections[b].source_system == "ILS-TUN"
        departures.append(arrivals[-1] + (DWELL_TUNNEL_S if tunnel else DWELL_S))
    departures[-1] = arrivals[-1]
    return arrivals, departures


def _grid(phase: float, period: float, start: float, end: float) -> list[float]:
    """The instants ≡ phase (mod period) in [start, end)."""
    first = phase % period
    first += period * -(-(start - first) // period)
    count = int(-(-(end - first) // period))
    return [first + i * period for i in range(max(count, 0))]


def _full_departures(line: str, phase: float) -> list[float]:
    quarter_hourly = _grid(phase, 900, FIRST_S, LAST_S)
    if line in ("1", "2"):
        return quarter_hourly
    return sorted(quarter_hourly + _grid(phase + 450, 900, BASE_FROM_S, BASE_TO_S))


def _short_departures(line: str, phase: float) -> list[float]:
    """Half-way between two full trips."""
    if line in ("1", "2"):
        return _grid(phase + 450, 900, BASE_FROM_S, BASE_TO_S)
    return [t for start, end in PEAKS_S for t in _grid(phase + 225, 900, start, end)]


def _thin(items: list[float], scale: float) -> list[float]:
    """Every 1/scale-th item, evenly, and at least one."""
    kept = [x for i, x in enumerate(items) if int((i + 0.5) * scale + 0.5) > int((i - 0.5) * scale + 0.5)]
    return kept or items[len(items) // 2 : len(items) // 2 + 1]


def _line_trips(net: Network, service: str, line: str, direction: int, scale: float) -> list[Trip]:
    full, short = net.path(line, direction), net.path(line, direction, SHORT_BRANCH[line])
    gate = net.platform("T01" if direction == 0 else "T08", direction, line)
    arrivals, departures = planned_times(net, full)
    phase = TUNNEL_PHASE_S[line] + DIRECTION_SHIFT_S * direction - departures[full.index(gate)]
    starts = [(t, "full") for t in _thin(_full_departures(line, phase), scale)]
    short_phase = phase + departures[full.index(short[0])]
    starts += [(t, "short") for t in _thin(_short_departures(line, short_phase), scale)]
    trips = []
    for n, (start, kind) in enumerate(sorted(starts)):
        path = full if kind == "full" else short
        arrivals, departures = planned_times(net, path)
        base = round(start)
        trips.append(
            Trip(
                f"{service}-{line}-{direction}-{n:03d}", line, direction, kind, list(path),
                [base + t for t in arrivals], [base + t for t in departures], f"{line}{2 * n + direction:03d}",
            )
        )  # fmt: skip
    return trips


def _assign_blocks(net: Network, trips: list[Trip], service: str, max_layover_s: float) -> None:
    """A train that arrives takes the next free departure of its kind there; else a new block leaves the depot."""
    waiting: dict[tuple[int, str], list[int]] = {}
    blocks = 0
    events = [(t.departure_s[0], 1, i) for i, t in enumerate(trips)] + [
        (t.arrival_s[-1], 0, i) for i, t in enumerate(trips)
    ]
    for time_s, is_departure, i in sorted(events):
        trip = trips[i]
        if not is_departure:
            waiting.setdefault((net.turn_to[trip.path[-1]], trip.kind), []).append(i)
            continue
        ring = net.sections[trip.path[0]].station_id == RING_CHANGE
        least = MIN_LAYOVER_RING_S if ring else MIN_LAYOVER_S
        queue = waiting.get((trip.path[0], trip.kind), [])
        queue[:] = [j for j in queue if time_s - trips[j].arrival_s[-1] <= max_layover_s]
        if queue and time_s - trips[queue[0]].arrival_s[-1] >= least:
            trip.feeder = queue.pop(0)
            trips[trip.feeder].follower = i
            trip.block_id = trips[trip.feeder].block_id
        else:
            blocks += 1
            trip.block_id = f"{service}-B{blocks:03d}"


def build_plan(net: Network, service: str, scale: float) -> list[Trip]:
    """All trips of a service, ordered by trip id, with blocks."""
    trips = [t for line in LINES for d in (0, 1) for t in _line_trips(net, service, line, d, scale)]
    _assign_blocks(net, trips, service, min(MAX_LAYOVER_S / scale, 9_000))
    return trips
