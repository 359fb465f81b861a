"""Signal readings: what track circuits, axle counters, signals and points report when trains pass, and the periodic
analogue values of some 400 devices. Rows are kept as codes until they are written, the full day has three million.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulators.metro.clock import ServiceDay
from simulators.metro.movements import OCCUPY
from simulators.metro.network import Network
from simulators.metro.noise import Stuck

METRICS = ("STATE", "ASPECT", "POSITION", "CURRENT_A", "VOLTAGE_V", "THROW_TIME_MS", "COUNT")
STATE, ASPECT, POSITION, CURRENT_A, VOLTAGE_V, THROW_TIME_MS, COUNT = range(7)
VALUES = ("OCCUPIED", "FREE", "RED", "YELLOW", "DOUBLE_YELLOW", "GREEN", "NORMAL", "REVERSE")
TYPES = ("TRACK_CIRCUIT", "SIGNAL", "POINT", "POINT_MOTOR", "AXLE_COUNTER")
TRACK_CIRCUIT, SIGNAL, POINT, POINT_MOTOR, AXLE_COUNTER = range(5)
PERIODIC_DEVICES, PERIOD_S = 400, 17.0
WORN_POINTS, WEAR_PER_DAY, WEAR_FROM = 3, 0.01, "2024-01-01"
DEGRADING_CIRCUITS, FLIP_GAP_S = 2, 600.0
THROW_MS, MOTOR_A = 3_200.0, 5.5
AXLES_PER_TRAIN = 24.0


@dataclass(frozen=True)
class Assets:
    """Asset ids and types by code; `circuit`, `signal`, `counter` and `point` give the code of a section (or -1)."""

    ids: list[str]
    types: np.ndarray
    circuit: np.ndarray
    counter: np.ndarray
    signal: np.ndarray
    point: np.ndarray
    motor: np.ndarray
    worn_points: list[int]
    degrading: list[int]


@dataclass
class Readings:
    """Columns of equal length; `text` is -1 where the reading is a number."""

    t: np.ndarray
    ingest: np.ndarray
    asset: np.ndarray
    metric: np.ndarray
    number: np.ndarray
    text: np.ndarray

    def __len__(self) -> int:
        return len(self.t)


def build_assets(net: Network, rng: np.random.Generator) -> Assets:
    """Every section has a circuit and an axle counter; turnbacks and loop platforms have a point with its motor."""
    ids: list[str] = []
    types: list[int] = []

    def add(kind: int, name: str) -> int:
        ids.append(name)
        types.append(kind)
        return len(ids) - 1

    n = len(net.sections)
    circuit = np.array([add(TRACK_CIRCUIT, f"TC-{s.section_id}") for s in net.sections])
    counter = np.array([add(AXLE_COUNTER, f"AC-{s.section_id}") for s in net.sections])
    signal = np.array([add(SIGNAL, s.signal_id) if s.signal_id else -1 for s in net.sections])
    switched = sorted({*net.alternates, *net.alternates.values(), *(t for ts in net.turnbacks.values() for t in ts),
                       *net.turnbacks, *net.turn_to.values()})  # fmt: skip
    point, motor = np.full(n, -1), np.full(n, -1)
    for index in switched:
        point[index] = add(POINT, f"PT-{net.sections[index].section_id}")
        motor[index] = add(POINT_MOTOR, f"PM-{net.sections[index].section_id}")
    worn = sorted(int(p) for p in rng.choice([i for i in switched if net.sections[i].is_terminal], WORN_POINTS, False))
    plain = [i for i, s in enumerate(net.sections) if not s.platform_stop_id and not s.is_terminal]
    degrading = sorted(int(c) for c in rng.choice(plain, DEGRADING_CIRCUITS, False))
    return Assets(ids, np.array(types), circuit, counter, signal, point, motor, worn, degrading)


def _rows(t: np.ndarray, asset: np.ndarray, metric: int, number: np.ndarray | float = np.nan,
          text: np.ndarray | int = -1) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame({"t": t, "asset": asset, "metric": metric, "number": number, "text": text})


def _occupations(events: pd.DataFrame, stuck: list[Stuck]) -> pd.DataFrame:
    """Sections occupied, from when to when: until the next section is taken and the rear has followed."""
    taken = events[(events["type"] == OCCUPY) & (events["run"] >= 0)].sort_values(["run", "t"], kind="stable")
    leaves = taken.groupby("run")["t"].shift(-1)
    free = (leaves + 8.0).fillna(taken["t"] + 90.0)
    spans = pd.DataFrame({"section": taken["section"], "start": taken["t"], "end": free})
    for fault in stuck:
        hit = (spans["section"] == fault.section) & (spans["start"] == fault.start_s)
        spans.loc[hit, "end"] = fault.end_s
    return spans.reset_index(drop=True)


def _event_driven(assets: Assets, spans: pd.DataFrame, wear: float, rng: np.random.Generator) -> list[pd.DataFrame]:
    """An axle counter reports the axles in, the axles out and a zero for the free section."""
    section = spans["section"].to_numpy()
    start, end = spans["start"].to_numpy(), spans["end"].to_numpy()
    circuit, counter = assets.circuit[section], assets.counter[section]
    axles = np.full(len(spans), AXLES_PER_TRAIN)
    parts = [
        _rows(start, circuit, STATE, text=0),
        _rows(end, circuit, STATE, text=1),
        _rows(start + 6, counter, COUNT, axles),
        _rows(end, counter, COUNT, axles),
        _rows(end + 0.4, counter, COUNT, 0.0),
    ]
    signal = assets.signal[section]
    has = signal >= 0
    for text, at in ((2, start), (3, end + 2), (4, end + 40), (5, end + 70)):
        parts.append(_rows(at[has], signal[has], ASPECT, text=text))
    switched = assets.point[section] >= 0
    there, at = section[switched], start[switched] - 25
    slow = np.where(np.isin(there, assets.worn_points), wear, 1.0)
    took = THROW_MS * slow * rng.normal(1, 0.03, len(there))
    parts += [
        _rows(at, assets.point[there], POSITION, text=6 + rng.integers(0, 2, len(there))),
        _rows(at, assets.motor[there], THROW_TIME_MS, np.round(took, 0)),
        _rows(
            at, assets.motor[there], CURRENT_A, np.round(MOTOR_A * np.sqrt(slow) * rng.normal(1, 0.04, len(there)), 2)
        ),
    ]
    return parts


def _flips(assets: Assets, end_s: float, rng: np.random.Generator) -> list[pd.DataFrame]:
    """Degrading circuits show occupied for less than two seconds now and then."""
    parts = []
    for section in assets.degrading:
        t = np.sort(rng.uniform(18_000, end_s, int((end_s - 18_000) / FLIP_GAP_S)))
        code = np.full(len(t), assets.circuit[section])
        parts += [_rows(t, code, STATE, text=0), _rows(t + rng.uniform(0.3, 1.8, len(t)), code, STATE, text=1)]
    return parts


def _periodic(assets: Assets, start_s: float, end_s: float, scale: float, rng: np.random.Generator) -> pd.DataFrame:
    """One value each 17 s: circuit voltage (half of the devices), lamp current and motor heating current."""
    shares = ((TRACK_CIRCUIT, 0.5, VOLTAGE_V, 24.0), (SIGNAL, 0.3, CURRENT_A, 0.42), (POINT_MOTOR, 0.2, CURRENT_A, 1.2))
    parts = []
    for kind, share, metric, normal in shares:
        members = np.flatnonzero(assets.types == kind)
        count = max(1, round(PERIODIC_DEVICES * share * scale))
        devices = np.sort(rng.choice(members, min(count, len(members)), replace=False))
        if kind == TRACK_CIRCUIT:
            weak = assets.circuit[assets.degrading]
            devices[: len(weak)] = weak[: len(devices)]
        ticks = np.arange(start_s, end_s, PERIOD_S)
        t = (ticks[None, :] + rng.uniform(0, PERIOD_S, len(devices))[:, None]).ravel()
        asset = np.repeat(devices, len(ticks))
        level = np.where(np.isin(asset, assets.circuit[assets.degrading]), 0.86 * normal, normal)
        parts.append(_rows(t, asset, metric, np.round(level * rng.normal(1, 0.015, len(t)), 3)))
    return pd.concat(parts, ignore_index=True)


def wear_factor(day: ServiceDay) -> float:
    """Throw time of a worn point relative to a sound one."""
    return 1 + WEAR_PER_DAY * max(0, (pd.Timestamp(day.date) - pd.Timestamp(WEAR_FROM)).days)


def read_signals(assets: Assets, events: pd.DataFrame, stuck: list[Stuck], day: ServiceDay, scale: float,
                 rng: np.random.Generator) -> Readings:  # fmt: skip
    """All readings of the service day in order of arrival. `events` are the messages in true time, without noise."""
    spans = _occupations(events, stuck)
    parts = _event_driven(assets, spans, wear_factor(day), rng) + _flips(assets, day.end_s - 9_000, rng)
    parts.append(_periodic(assets, 4 * 3600.0, day.end_s, scale, rng))
    rows = pd.concat(parts, ignore_index=True)
    arrives = rows["t"].to_numpy() + np.maximum(rng.lognormal(1.0, 0.3, len(rows)), 0.8)
    order = np.argsort(arrives, kind="stable")
    return Readings(
        rows["t"].to_numpy()[order], arrives[order], rows["asset"].to_numpy()[order].astype(np.int16),
        rows["metric"].to_numpy()[order].astype(np.int8), rows["number"].to_numpy()[order],
        rows["text"].to_numpy()[order].astype(np.int8),
    )  # fmt: skip
