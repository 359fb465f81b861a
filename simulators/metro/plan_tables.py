"""The timetable and the track as landing tables (GTFS names), published at noon of the day before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from simulators.metro.clock import ServiceDay
from simulators.metro.landing import TIMESTAMP, micros
from simulators.metro.network import CORRIDOR_GROUP, LINES, Network
from simulators.metro.plan import Trip
from simulators.metro.service import PlanChange

WEEKDAY, WEEKEND = "WD", "WE"
HOLIDAYS = ((1, 1), (5, 1), (5, 17), (12, 25), (12, 26))  # month, day: the weekend service runs
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIELD = {
    "int": pa.int32(), "str": pa.string(), "date": pa.date32(), "float": pa.float64(), "bool": pa.bool_(),
    "list": pa.list_(pa.string()),
}  # fmt: skip
Rows = Sequence[Sequence[Any]]


def service_of(day: date) -> str:
    """The service that runs on a date."""
    return WEEKEND if day.weekday() >= 5 or (day.month, day.day) in HOLIDAYS else WEEKDAY


def gtfs_time(seconds: int) -> str:
    """HH:MM:SS, above 24:00:00 after midnight."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _table(columns: str, rows: Rows, day: ServiceDay | None = None) -> pa.Table:
    """`columns` as "name:type …"; with a day, plan_version and published_ts are added."""
    arrays, names = [], []
    for i, column in enumerate(columns.split()):
        name, kind = column.split(":")
        names.append(name)
        arrays.append(pa.array([row[i] for row in rows], FIELD[kind]))
    if day is not None:
        names += ["plan_version", "published_ts"]
        arrays += [pa.array([f"PLAN-{day.compact}"] * len(rows), pa.string()),
                   pa.array([day.planned] * len(rows), TIMESTAMP)]  # fmt: skip
    return pa.table(arrays, names=names)


def infra_section(net: Network, day: ServiceDay) -> pa.Table:
    """The register as valid on this one day; the next day brings its own."""
    rows = [
        (
            s.section_id, s.length_m, s.stop_mark_m, s.platform_stop_id, s.is_terminal, s.track_order, s.direction_id,
            s.source_system, s.line_ids, [net.sections[n].section_id for n in s.next_sections], s.signal_id,
            day.date, day.date,
        )
        for s in net.sections
    ]  # fmt: skip
    return _table(
        "section_id:str length_m:int stop_mark_m:float platform_stop_id:str is_terminal:bool track_order:int "
        "direction_id:int source_system:str line_ids:list next_sections:list signal_id:str valid_from:date "
        "valid_to:date",
        rows,
    )


def stops(net: Network, day: ServiceDay) -> pa.Table:
    rows: list[tuple[Any, ...]] = [(s, net.names[s], None, *net.position[s], None) for s in net.stations]
    for (station, code), index in net.platforms.items():
        stop_id = net.sections[index].platform_stop_id
        rows.append((stop_id, net.names[station], station, *net.position[station], code))
    columns = "stop_id:str stop_name:str parent_station:str stop_lat:float stop_lon:float platform_code:str"
    return _table(columns, rows, day)


def routes(day: ServiceDay) -> pa.Table:
    rows = [(line, line, CORRIDOR_GROUP[line]) for line in LINES]
    return _table("route_id:str route_short_name:str corridor_group:str", rows, day)


def trips(net: Network, plans: dict[str, list[Trip]], day: ServiceDay) -> pa.Table:
    rows = [
        (
            t.trip_id, t.line, service, t.direction, net.names[net.sections[t.path[-1]].station_id or ""],
            t.block_id, t.run_number,
        )
        for service, plan in plans.items() for t in plan
    ]  # fmt: skip
    columns = "trip_id:str route_id:str service_id:str direction_id:int trip_headsign:str block_id:str run_number:str"
    return _table(columns, rows, day)


def stop_times(net: Network, plans: dict[str, list[Trip]], day: ServiceDay) -> pa.Table:
    rows = [
        (t.trip_id, k + 1, stop, gtfs_time(t.arrival_s[k]), gtfs_time(t.departure_s[k]), stop, 1)
        for plan in plans.values() for t in plan
        for k, stop in enumerate(net.sections[p].platform_stop_id for p in t.path)
    ]  # fmt: skip
    columns = (
        "trip_id:str stop_sequence:int stop_id:str arrival_time:str departure_time:str platform_stop_id:str "
        "timepoint:int"
    )
    return _table(columns, rows, day)


def calendar(day: ServiceDay) -> pa.Table:
    year = (date(day.date.year, 1, 1), date(day.date.year, 12, 31))
    rows = [(WEEKDAY, *([1] * 5), 0, 0, *year), (WEEKEND, *([0] * 5), 1, 1, *year)]
    columns = "service_id:str " + " ".join(f"{d}:int" for d in WEEKDAYS) + " start_date:date end_date:date"
    return _table(columns, rows, day)


def calendar_dates(day: ServiceDay) -> pa.Table:
    """Public holidays on weekdays: 2 removes the weekday service, 1 adds the weekend's."""
    dates = [date(day.date.year, month, number) for month, number in HOLIDAYS]
    rows = [row for d in dates if d.weekday() < 5 for row in ((WEEKDAY, d, 2), (WEEKEND, d, 1))]
    return _table("service_id:str date:date exception_type:int", rows, day)


def plan_change(changes: list[PlanChange], day: ServiceDay) -> pa.Table:
    """In order of `ts`."""
    columns = "trip_id:str service_date:date stop_sequence:int change:str reason_code:str"
    ordered = sorted(changes, key=lambda c: (c.ts_s, c.trip_id, c.stop_sequence or 0))
    table = _table(columns, [(c.trip_id, day.date, c.stop_sequence, c.change, c.reason_code) for c in ordered])
    return table.add_column(4, "ts", micros(day.micros(np.array([c.ts_s for c in ordered]))))


def plan_tables(net: Network, plans: dict[str, list[Trip]], day: ServiceDay) -> dict[str, pa.Table]:
    """All plan tables by name."""
    return {
        "infra_section": infra_section(net, day),
        "stops": stops(net, day),
        "routes": routes(day),
        "trips": trips(net, plans, day),
        "stop_times": stop_times(net, plans, day),
        "calendar": calendar(day),
        "calendar_dates": calendar_dates(day),
    }
