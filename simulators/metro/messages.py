"""Landing rows of movement_event, signal_reading and passenger_event from the simulated frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simulators.metro.clock import ServiceDay
from simulators.metro.landing import micros, numbered, pick
from simulators.metro.movements import EVENT_TYPES, INTERPOSE, OCCUPY
from simulators.metro.network import LINES, SOURCES, Network
from simulators.metro.readings import METRICS, TYPES, VALUES, Assets, Readings
from simulators.metro.service import Run

SEQUENCES_PER_DAY = 1_000_000
DEPOT = "DEPOT"


def movement_table(net: Network, runs: list[Run], sent: pd.DataFrame, clocks: np.ndarray, day: ServiceDay) -> pa.Table:
    """All messages of the day in order of arrival."""
    source = sent["source"].to_numpy()
    run = sent["run"].to_numpy()
    sequence = sent["seq"].to_numpy() + day.date.toordinal() * SEQUENCES_PER_DAY
    second = sent["copy"].to_numpy() == 2
    # A message sent again under a new id is a new one for the interlocking: its sequence lies above all others.
    sequence = np.where(second, sequence + SEQUENCES_PER_DAY // 2, sequence)
    ids = pc.binary_join_element_wise(pick(list(SOURCES), source), pc.cast(pa.array(sequence), pa.string()), "-")
    describer, line = _numbers(runs, sent)
    named = (run >= 0) & np.isin(sent["type"].to_numpy(), (OCCUPY, INTERPOSE))
    sections: list[str | None] = [s.section_id for s in net.sections]
    return pa.table(
        {
            "event_id": ids,
            "source_system": pick(list(SOURCES), source),
            "message_seq": pa.array(sequence, pa.int64()),
            "event_ts": micros(day.micros(sent["t"].to_numpy() + clocks[source])),
            "ingest_ts": micros(day.micros(sent["ingest"].to_numpy())),
            "event_type": pick(list(EVENT_TYPES), sent["type"].to_numpy()),
            "section_id": pick(sections, sent["section"].to_numpy()),
            "prev_section_id": pick(sections, sent["prev"].to_numpy()),
            "next_section_id": pick(sections, sent["next"].to_numpy()),
            "train_describer": describer,
            "vehicle_ids": _vehicles(runs, np.where(sent["type"].to_numpy() == INTERPOSE, run, -1)),
            "line_id": line,
            "destination_code": pick([_destination(net, r) for r in runs], np.where(named, run, -1)),
        }
    )


def _numbers(runs: list[Run], sent: pd.DataFrame) -> tuple[pa.Array, pa.Array]:
    """The number of each message's train, and the line that follows from it: none without a (known) number."""
    run = sent["run"].to_numpy()
    n = len(runs)
    corrected_at = np.array([r.corrected_at for r in runs])
    corrected = (run >= 0) & (sent["call"].to_numpy() >= corrected_at[run])
    names = [r.describer for r in runs] + [r.late_describer for r in runs]
    lines = [None if name is None or name[0] not in LINES else name[0] for name in names]
    codes = np.where(run < 0, -1, np.where(corrected, run + n, run))
    return pick(names, codes), pick(lines, codes)


def _vehicles(runs: list[Run], codes: np.ndarray) -> pa.Array:
    lists = pa.array([list(r.units) for r in runs], pa.list_(pa.string()))
    return lists.take(pa.array(codes.astype(np.int64), mask=codes < 0))


def _destination(net: Network, run: Run) -> str | None:
    return DEPOT if run.kind == "NON_REVENUE" else net.sections[run.path[-1]].station_id


def reading_rows(readings: Readings, assets: Assets, day: ServiceDay) -> Callable[[slice], pa.Table]:
    """A function that builds the rows of a slice; the whole day at once would need gigabytes."""
    types: list[str | None] = list(TYPES)
    names: list[str | None] = list(assets.ids)
    prefix = f"R-{day.compact}-"

    def rows(part: slice) -> pa.Table:
        asset = readings.asset[part]
        number = readings.number[part]
        return pa.table(
            {
                "reading_id": numbered(prefix, part.start, part.stop - part.start, 8),
                "asset_id": pick(names, asset),
                "asset_type": pick(types, assets.types[asset]),
                "reading_ts": micros(day.micros(readings.t[part])),
                "ingest_ts": micros(day.micros(readings.ingest[part])),
                "metric": pick(list(METRICS), readings.metric[part]),
                "value_num": pa.array(number, pa.float64(), mask=np.isnan(number)),
                "value_str": pick(list(VALUES), readings.text[part]),
            }
        )

    return rows


def door_table(doors: pd.DataFrame, day: ServiceDay) -> pa.Table:
    """Each train reports through one door of its first car."""
    vehicle = doors["vehicle"].to_numpy()
    n = len(doors)
    return pa.table(
        {
            "passenger_event_id": numbered(f"D-{day.compact}-", 0, n, 7),
            "service_date": pa.array([day.date] * n, pa.date32()),
            "event_timestamp": micros(day.micros(doors["t"].to_numpy())),
            "vehicle_id": pa.array(vehicle, pa.string()),
            "train_car_id": pa.array([f"{v}-C1" for v in vehicle], pa.string()),
            "device_id": pa.array([f"{v}-C1-D1" for v in vehicle], pa.string()),
            "event_type": pick(["Door opened", "Door closed"], np.where(doors["opened"].to_numpy(), 0, 1)),
            "event_count": pa.array(np.ones(n), pa.int32()),
        }
    )
