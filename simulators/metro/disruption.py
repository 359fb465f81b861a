"""What goes otherwise than planned: the runs that really take place, and the plan changes that announce some of it.

Cancelled and part-cancelled trips, extra trains, swapped trains, other platforms, ghost trains, incidents.
"""

from __future__ import annotations

import numpy as np

from simulators.metro.network import LINES, Network
from simulators.metro.plan import Trip, planned_times
from simulators.metro.service import Incident, PlanChange, Run, Service

CANCEL, PART_CANCEL, EXTRA, PLATFORM, SWAP = 0.01, 0.007, 0.005, 0.01, 0.005
ANNOUNCED = {"CANCEL": 0.85, "PART_CANCEL": 0.8, "EXTRA": 0.7, "PLATFORM": 0.6}
REASONS = ("ROLLING_STOCK", "CREW", "SIGNAL", "TRACK", "PASSENGER")


def _count(share: float, trips: int) -> int:
    return max(1, round(share * trips))


def _runs_of_plan(trips: list[Trip]) -> list[Run]:
    return [
        Run(
            "", "SCHEDULED", t.line, t.direction, list(t.path), [float(s) for s in t.departure_s],
            list(range(1, len(t.path) + 1)), i, t.feeder, t.follower,
        )
        for i, t in enumerate(trips)
    ]  # fmt: skip


def _announce(service: Service, rng: np.random.Generator, trip_id: str, change: str, sequences: list[int | None],
              first_s: float) -> None:  # fmt: skip
    told, ahead_s, reason = rng.random(), rng.uniform(-300, 3_000), REASONS[int(rng.integers(len(REASONS)))]
    if told < ANNOUNCED[change]:
        service.changes += [PlanChange(trip_id, s, change, first_s - ahead_s, reason) for s in sequences]


def _unlink(runs: list[Run], index: int) -> None:
    """The train of run `index` neither comes from another run nor goes on to one."""
    run = runs[index]
    if run.feeder is not None:
        runs[run.feeder].follower = None
    if run.follower is not None:
        runs[run.follower].feeder = None
    run.feeder = run.follower = None


def _cancel(service: Service, trips: list[Trip], rng: np.random.Generator) -> set[int]:
    cancelled = sorted(int(i) for i in rng.choice(len(trips), _count(CANCEL, len(trips)), replace=False))
    for i in cancelled:
        _unlink(service.runs, i)
        for sequence in service.runs[i].sequence:
            service.call_status[i, sequence] = "CANCELLED"
        _announce(service, rng, trips[i].trip_id, "CANCEL", [None], trips[i].departure_s[0])
    return set(cancelled)


def _cut(service: Service, trips: list[Trip], rng: np.random.Generator, index: int, keep: slice) -> None:
    run = service.runs[index]
    dropped = [s for s in run.sequence if s not in run.sequence[keep]]
    run.kind = "SHORT_TURN"
    run.path, run.planned, run.sequence = run.path[keep], run.planned[keep], run.sequence[keep]
    for sequence in dropped:
        service.call_status[index, sequence] = "PART_CANCELLED"
    first_s = trips[index].departure_s[dropped[0] - 1]
    _announce(service, rng, trips[index].trip_id, "PART_CANCEL", [*dropped], first_s)


def _short_turn(net: Network, service: Service, trips: list[Trip], rng: np.random.Generator, taken: set[int]) -> None:
    """A train turns early: the end of its trip and the beginning of its next one are cancelled."""
    places = []
    for i, run in enumerate(service.runs):
        j = run.follower
        if j is None or i in taken or j in taken or trips[i].kind == "short":
            continue
        for k, platform in enumerate(run.path[2:-3], start=2):
            back = net.turn_to.get(platform)
            if back is not None and back in service.runs[j].path[2:-3]:
                places.append((i, j, k))
    wanted = min(_count(PART_CANCEL / 2, len(trips)), len(places))
    for pick in rng.permutation(len(places)).tolist():
        i, j, k = places[pick]
        if wanted == 0 or taken & {i, j}:
            continue
        back = service.runs[j].path.index(net.turn_to[service.runs[i].path[k]])
        _cut(service, trips, rng, i, slice(0, k + 1))
        _cut(service, trips, rng, j, slice(back, None))
        taken |= {i, j}
        wanted -= 1


def _swap(service: Service, trips: list[Trip], rng: np.random.Generator, taken: set[int]) -> None:
    """Half of the swaps exchange the trains of two trips, half let the later trip depart before the earlier one."""
    runs = service.runs
    pairs = []
    for i in range(len(trips) - 1):
        a, b = trips[i], trips[i + 1]
        same = (a.path[0], a.kind) == (b.path[0], b.kind) and b.departure_s[0] - a.departure_s[0] <= 900
        if same and runs[i].feeder is not None and runs[i + 1].feeder is not None and not taken & {i, i + 1}:
            pairs.append(i)
    for n, pick in enumerate(rng.permutation(len(pairs))[: _count(SWAP, len(trips))].tolist()):
        i = pairs[pick]
        if taken & {i, i + 1}:
            continue
        taken |= {i, i + 1}
        if n % 2:
            gap_s = trips[i + 1].departure_s[0] - trips[i].departure_s[0]
            runs[i].origin_delay_s = gap_s + float(rng.uniform(100, 170))
            runs[i + 1].origin_delay_s = float(rng.uniform(-30, 20))
            continue
        first, second = runs[i].feeder, runs[i + 1].feeder
        assert first is not None and second is not None
        runs[i].feeder, runs[i + 1].feeder = second, first
        runs[first].follower, runs[second].follower = i + 1, i


def _other_platform(net: Network, service: Service, trips: list[Trip], rng: np.random.Generator,
                    taken: set[int]) -> None:  # fmt: skip
    places = [
        (i, k) for i, run in enumerate(service.runs) if i not in taken
        for k, platform in enumerate(run.path) if platform in net.alternates
    ]  # fmt: skip
    changed: set[int] = set()
    for pick in rng.permutation(len(places)).tolist():
        i, k = places[pick]
        if len(changed) >= _count(PLATFORM, len(trips)):
            break
        if i in changed:
            continue
        changed.add(i)
        run = service.runs[i]
        run.path[k] = net.alternates[run.path[k]]
        service.call_status[i, run.sequence[k]] = "RUN_OTHER_PLATFORM"
        _announce(service, rng, trips[i].trip_id, "PLATFORM", [run.sequence[k]], run.planned[k])


def _extra_trains(service: Service, trips: list[Trip], rng: np.random.Generator, day: str) -> None:
    full = [t for t in trips if t.kind == "full"]
    for n in range(_count(EXTRA, len(trips))):
        like = full[int(rng.integers(len(full)))]
        shift = float(rng.uniform(150, 300))
        trip_id = f"X-{day}-{n + 1:02d}"
        planned = [s + shift for s in like.departure_s]
        run = Run("", "EXTRA", like.line, like.direction, list(like.path), planned, list(range(1, len(planned) + 1)))
        run.describer = f"{like.line}9{n + 1:02d}"
        service.runs.append(run)
        _announce(service, rng, trip_id, "EXTRA", [None], planned[0])


def _ghost_trains(net: Network, service: Service, rng: np.random.Generator, count: int) -> None:
    """Depot and maintenance trains: a whole line without a stop, half of them without a number."""
    for n in range(count):
        line, direction = LINES[int(rng.integers(len(LINES)))], int(rng.integers(2))
        path = net.path(line, direction)
        start = float(rng.choice([rng.uniform(33_000, 50_000), rng.uniform(66_000, 88_000)]))
        planned = [start + s for s in planned_times(net, path)[1]]
        run = Run("", "NON_REVENUE", line, direction, path, planned, list(range(1, len(path) + 1)))
        run.describer = f"D{n + 1:02d}" if n % 2 == 0 else None
        service.runs.append(run)


def _incidents(trips: list[Trip], rng: np.random.Generator, scale: float) -> list[Incident]:
    """Three to six a day, each where and when a train is due; fewer on a thinned day."""
    found = []
    for n in range(max(1, round(float(rng.integers(3, 7)) * min(1.0, scale * 4)))):
        trip = trips[int(rng.integers(len(trips)))]
        call = int(rng.integers(1, len(trip.path) - 1))
        start = trip.departure_s[call] - float(rng.uniform(0, 60))
        length = float(np.clip(rng.lognormal(np.log(330), 0.4), 150, 900))
        found.append(Incident(f"I{n + 1}", trip.path[call], start, start + length))
    return found


def _run_ids(runs: list[Run], day: str) -> list[Run]:
    """Run ids follow the planned start and do not reveal the trip."""
    order = sorted(range(len(runs)), key=lambda i: (runs[i].planned[0], runs[i].path[0], i))
    for n, i in enumerate(order):
        runs[i].run_id = f"R-{day}-{n + 1:04d}"
    return runs


def arrange(net: Network, trips: list[Trip], rng: np.random.Generator, day: str, scale: float,
            ghosts: int) -> tuple[Service, set[int]]:  # fmt: skip
    """The service of a day and the indices of cancelled trips (their runs never start)."""
    service = Service(_runs_of_plan(trips), [], [], {})
    for run, trip in zip(service.runs, trips, strict=True):
        run.describer = trip.run_number
        late = rng.exponential(110) if rng.random() < 0.16 else 0.0
        run.origin_delay_s = float(np.clip(rng.normal(-10, 62), -180, 160) + late)
    cancelled = _cancel(service, trips, rng)
    taken = set(cancelled)
    _short_turn(net, service, trips, rng, taken)
    _swap(service, trips, rng, taken)
    _other_platform(net, service, trips, rng, taken)
    _extra_trains(service, trips, rng, day)
    _ghost_trains(net, service, rng, ghosts)
    service.incidents = _incidents(trips, rng, scale)
    _run_ids(service.runs, day)
    return service, cancelled
