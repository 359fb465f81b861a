"""Ground truth of the simulated days, one Parquet file per table.

A pipeline has run ids of its own. To score (`score.py`), look in `gt_visit` for the planned call of each of its visits: there it is true if it
was at that `stop_id` (the platform) within 30 s of the visit's departure (arrival at the last stop).

| table | one row per |
|---|---|
| gt_run | train run: kind, trip, number shown and whether it was right, vehicles |
| gt_visit | visit of a run at a platform; there is no departure at the last stop |
| gt_pair | visit with its planned call |
| gt_call | planned call: RUN, RUN_OTHER_PLATFORM, CANCELLED, PART_CANCELLED, and the true departure |
| gt_delay | delay that arose at a call: PRIMARY (incident) or KNOCK_ON |
| gt_asset | fault of an asset |
| gt_clock | clock offset of an interlocking |
| gt_platform | true seconds from the start of movement to the next OCCUPY, and from OCCUPY to standstill |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simulators.metro.landing import micros
from simulators.metro.network import CORRIDOR_GROUP, SOURCES
from simulators.metro.readings import wear_factor

if TYPE_CHECKING:
    from simulators.metro.day import SimulatedDay


def _dates(sim: SimulatedDay, n: int) -> pa.Array:
    return pa.array([sim.day.date] * n, pa.date32())


def _strings(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.string())


def _optional_time(sim: SimulatedDay, seconds: np.ndarray) -> pa.Array:
    known = ~np.isnan(seconds)
    values = micros(sim.day.micros(np.where(known, seconds, 0.0)))
    return pc.if_else(pa.array(known), values, pa.scalar(None, values.type))


def _trip_ids(sim: SimulatedDay, runs: np.ndarray) -> list[str | None]:
    trips = [None if r.trip is None else sim.trips[r.trip].trip_id for r in sim.runs]
    return [trips[i] for i in runs.tolist()]


def _departures(sim: SimulatedDay, calls: pd.DataFrame) -> np.ndarray:
    last = calls["call"].to_numpy() == np.array([len(r.path) - 1 for r in sim.runs])[calls["run"].to_numpy()]
    return np.where(last, np.nan, calls["departure"].to_numpy())


def gt_run(sim: SimulatedDay) -> pa.Table:
    runs = [r for r in sim.runs if r.arrival]
    return pa.table(
        {
            "service_date": _dates(sim, len(runs)),
            "run_id": _strings([r.run_id for r in runs]),
            "kind": _strings([r.kind for r in runs]),
            "line_id": _strings([r.line for r in runs]),
            "corridor_group": _strings([CORRIDOR_GROUP[r.line] for r in runs]),
            "direction_id": pa.array([r.direction for r in runs], pa.int32()),
            "trip_id": _strings([None if r.trip is None else sim.trips[r.trip].trip_id for r in runs]),
            "train_describer": _strings([r.describer for r in runs]),
            "number_quality": _strings([r.number_quality for r in runs]),
            "vehicle_ids": pa.array([list(r.units) for r in runs], pa.list_(pa.string())),
        }
    )


def gt_visit(sim: SimulatedDay) -> pa.Table:
    calls = sim.calls
    run = calls["run"].to_numpy()
    planned = [r.trip is not None for r in sim.runs]
    has_plan = np.array(planned)[run]
    sections = [sim.net.sections[p] for p in calls["platform"].tolist()]
    return pa.table(
        {
            "service_date": _dates(sim, len(calls)),
            "run_id": _strings([sim.runs[i].run_id for i in run.tolist()]),
            "stop_id": _strings([s.platform_stop_id for s in sections]),
            "station_id": _strings([s.station_id for s in sections]),
            "stop_sequence": pa.array(calls["sequence"].to_numpy(), pa.int32()),
            "true_arrival_ts": micros(sim.day.micros(calls["arrival"].to_numpy())),
            "true_departure_ts": _optional_time(sim, _departures(sim, calls)),
            "trip_id": _strings(_trip_ids(sim, run)),
            "planned_departure_ts": _optional_time(sim, np.where(has_plan, calls["planned"].to_numpy(), np.nan)),
            "status": _strings([sim.runs[i].kind for i in run.tolist()]),
        }
    )


def gt_pair(sim: SimulatedDay) -> pa.Table:
    calls = sim.calls[[sim.runs[i].trip is not None for i in sim.calls["run"].tolist()]]
    run = calls["run"].to_numpy()
    return pa.table(
        {
            "service_date": _dates(sim, len(calls)),
            "run_id": _strings([sim.runs[i].run_id for i in run.tolist()]),
            "trip_id": _strings(_trip_ids(sim, run)),
            "stop_sequence": pa.array(calls["sequence"].to_numpy(), pa.int32()),
            "stop_id": _strings([sim.net.sections[p].platform_stop_id for p in calls["platform"].tolist()]),
            "planned_departure_ts": micros(sim.day.micros(calls["planned"].to_numpy())),
            "true_departure_ts": _optional_time(sim, _departures(sim, calls)),
            "train_describer": _strings([sim.runs[i].describer for i in run.tolist()]),
        }
    )


def gt_call(sim: SimulatedDay) -> pa.Table:
    """`true_departure_ts` is the arrival at the last stop, where nothing departs, and null where nothing ran."""
    seen = {(sim.runs[i].trip, q): (d if k < len(sim.runs[i].path) - 1 else a) for i, k, q, a, d in zip(
        *(sim.calls[c].tolist() for c in ("run", "call", "sequence", "arrival", "departure")), strict=True)}  # fmt: skip
    keys = [(i, k) for i, t in enumerate(sim.trips) for k in range(len(t.path))]
    actual = np.array([seen.get((i, k + 1), np.nan) for i, k in keys])
    return pa.table(
        {
            "service_date": _dates(sim, len(keys)),
            "trip_id": _strings([sim.trips[i].trip_id for i, _ in keys]),
            "stop_sequence": pa.array([k + 1 for _, k in keys], pa.int32()),
            "route_id": _strings([sim.trips[i].line for i, _ in keys]),
            "planned_departure_ts": micros(sim.day.micros(np.array([sim.trips[i].departure_s[k] for i, k in keys]))),
            "status": _strings([sim.call_status.get((i, k + 1), "RUN") for i, k in keys]),
            "true_departure_ts": _optional_time(sim, actual),
        }
    )


def gt_delay(sim: SimulatedDay) -> pa.Table:
    return pa.table(
        {
            "service_date": _dates(sim, len(sim.delays)),
            "run_id": _strings([sim.runs[d.run].run_id for d in sim.delays]),
            "trip_id": _strings(_trip_ids(sim, np.array([d.run for d in sim.delays], dtype=int))),
            "stop_sequence": pa.array([sim.runs[d.run].sequence[d.call] for d in sim.delays], pa.int32()),
            "kind": _strings([d.kind for d in sim.delays]),
            "delay_s": pa.array([round(d.delay_s, 3) for d in sim.delays], pa.float64()),
            "cause": _strings([d.cause for d in sim.delays]),
        }
    )


def gt_asset(sim: SimulatedDay) -> pa.Table:
    rows: list[tuple[str, str, float, float | None, float | None]] = [
        (sim.assets.ids[sim.assets.motor[p]], "WEAR", wear_factor(sim.day), None, None) for p in sim.assets.worn_points
    ]
    rows += [(sim.assets.ids[sim.assets.circuit[c]], "DEGRADING", 1.0, None, None) for c in sim.assets.degrading]
    rows += [(sim.assets.ids[sim.assets.circuit[s.section]], "STUCK", 1.0, s.start_s, s.end_s) for s in sim.stuck]
    return pa.table(
        {
            "service_date": _dates(sim, len(rows)),
            "asset_id": _strings([r[0] for r in rows]),
            "fault": _strings([r[1] for r in rows]),
            "severity": pa.array([r[2] for r in rows], pa.float64()),
            "start_ts": _optional_time(sim, np.array([np.nan if r[3] is None else r[3] for r in rows])),
            "end_ts": _optional_time(sim, np.array([np.nan if r[4] is None else r[4] for r in rows])),
        }
    )


def gt_clock(sim: SimulatedDay) -> pa.Table:
    return pa.table(
        {
            "service_date": _dates(sim, len(SOURCES)),
            "source_system": _strings(SOURCES),
            "offset_s": pa.array(sim.clocks, pa.float64()),
        }
    )


def gt_platform(sim: SimulatedDay) -> pa.Table:
    index = [i for i, s in enumerate(sim.net.sections) if s.platform_stop_id]
    return pa.table(
        {
            "service_date": _dates(sim, len(index)),
            "stop_id": _strings([sim.net.sections[i].platform_stop_id for i in index]),
            "off_dep_s": pa.array(sim.timing.off_dep_s[index], pa.float64()),
            "off_arr_s": pa.array(sim.timing.off_arr_s[index], pa.float64()),
        }
    )


TRUTH = {t.__name__: t for t in (gt_run, gt_visit, gt_pair, gt_call, gt_delay, gt_asset, gt_clock, gt_platform)}
