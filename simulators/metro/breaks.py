"""Data that breaks a named rule: twins of landing files whose rows are wrong in one way, and their removal.

A twin lies beside the file that it copies and bears the rule in its name, so half of what a run reads there is wrong. No other
file is touched, but for a mention in `landing.json` of a table that was not supplied before: once the twins are gone the landing
zone is what it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations import metro as contracts
from expectations.contract import CRITICAL, LONGEST_TEXT, Column, Rule, Table
from expectations.manifest import list_tables, listed, manifest_of, read_manifest, write_manifest
from simulators.metro.clock import ServiceDay
from simulators.metro.landing import write_parquet

PLANTED = ".planted-"
PLAN_TABLES = ("trips", "stop_times", "calendar", "calendar_dates", "stops", "routes")
TABLES = {table.name: table for table in contracts.ALL}

Change = Callable[[pa.Table], pa.Table]
# Where a planted file lies, its rows, and what its manifest says of its times.
Planted = tuple[Path, pa.Table, dict[str, str]]
Files = Callable[[Path, datetime, datetime], Iterator[Planted]]


@dataclass(frozen=True)
class Break:
    """One rule, the stage that it blocks, and the files that break it for a time."""

    table: Table
    rule: Rule
    stage: str
    files: Files

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.rule.name}"


def plant(landing: Path, name: str, start: datetime, end: datetime) -> list[Path]:
    """Break a rule for the runs that read the landing files of this time; the files that were added."""
    paths = []
    for source, rows, times in BREAKS[name].files(landing, start, end):
        path = source.with_name(f"{source.stem}{_mark(name)}.parquet")
        write_parquet(rows, path)
        write_manifest(path, rows.num_rows, **times)
        paths.append(path)
        _supply(landing, path.parent.parent.name)
    return paths


def mend(landing: Path, name: str | None = None) -> list[Path]:
    """Take away what was planted against a rule, or against any; the files that are gone."""
    paths = sorted(landing.glob(f"*/*/*{_mark(name) if name else f'{PLANTED}*'}.parquet"))
    for path in paths:
        path.unlink()
        manifest_of(path).unlink(missing_ok=True)
        _withdraw(landing, path.parent)
    return paths


def unbreakable() -> dict[str, list[str]]:
    """Why a critical rule cannot be broken from the landing zone, and the rules of which that is true."""
    found: dict[str, list[str]] = {}
    for table in contracts.ALL:
        for rule in (*table.row_rules(), *table.suite_rules()):
            name = f"{table.name}.{rule.name}"
            if rule.severity == CRITICAL and name not in BREAKS:
                found.setdefault(_why_not(rule), []).append(name)
    return found


# -- files


def _twins(changes: Mapping[str, Change]) -> Files:
    """Twins of the files of these landing tables, each table's rows changed in its own way."""

    def files(landing: Path, start: datetime, end: datetime) -> Iterator[Planted]:
        for table, change in changes.items():
            for path in _files_of(landing / table, start, end):
                times = {key: said for key, said in read_manifest(path).items() if key in ("start", "end")}
                yield path, change(pq.read_table(path)), times

    return files


def _files_of(folder: Path, start: datetime, end: datetime) -> Iterator[Path]:
    """The whole files whose rows lie in this time; those of the plan, which say no time, by the day of their folder."""
    for path in sorted(folder.glob("*/*.parquet")):
        if PLANTED in path.name or not manifest_of(path).exists():
            continue
        said = read_manifest(path)
        if "start" in said:
            if datetime.fromisoformat(said["start"]) < end and datetime.fromisoformat(said["end"]) >= start:
                yield path
        elif start.date().isoformat() <= path.parent.name <= end.date().isoformat():
            yield path


def _pair(table: str, change: Change) -> Files:
    """A row of a table that the world lands seldom or never, and its changed twin."""

    def files(landing: Path, start: datetime, end: datetime) -> Iterator[Planted]:
        moment = end - timedelta(minutes=1)
        row = pa.Table.from_pylist([_SELDOM[table](moment)])
        rows = pa.concat_tables([row, change(row)], promote_options="default")
        times = {"start": moment.isoformat(), "end": moment.isoformat()}
        yield landing / table / f"{moment:%Y-%m-%d}" / f"{moment:%H%M}.parquet", rows, times

    return files


def _visit(moment: datetime) -> dict[str, Any]:
    return {
        "visit_id": "planted", "service_date": ServiceDay.at(moment).date, "run_id": "planted", "line_id": "L1",
        "corridor_group": "planted", "direction_id": 0, "stop_id": "PLANTED", "station_id": "PLANTED", "visit_seq": 0,
        "arrival_ts": moment, "departure_ts": moment + timedelta(seconds=30), "revenue": True,
    }  # fmt: skip


def _decision(moment: datetime) -> dict[str, Any]:
    return {"trip_id": "PLANTED", "service_date": ServiceDay.at(moment).date, "change": "CANCEL", "ts": moment}


_SELDOM: dict[str, Callable[[datetime], dict[str, Any]]] = {"observed_visit": _visit, "plan_change": _decision}


def _mark(name: str) -> str:
    return PLANTED + re.sub(r"[^\w.]+", "-", name)


def _supply(landing: Path, table: str) -> None:
    """A table that landing.json does not name is one that nobody reads."""
    known = listed(landing)
    if known is not None and table not in known:
        list_tables(landing, [table], of=[table])


def _withdraw(landing: Path, folder: Path) -> None:
    """Take back what only planted files had made necessary: their folder and the mention in landing.json."""
    table = folder.parent
    if not any(folder.iterdir()):
        folder.rmdir()
    if not any(table.iterdir()):
        table.rmdir()
        if listed(landing) is not None:
            list_tables(landing, [], of=[table.name])


# -- changes


def _with(column: str, value_of: Callable[[pa.Table], Any]) -> Change:
    """Every row with another value in a column."""

    def change(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index(column)
        return rows.set_column(at, rows.schema.field(at), value_of(rows))

    return change


def _all(column: str, value: Any) -> Change:
    """Every row with this value, also where the file lacks the column."""

    def change(rows: pa.Table) -> pa.Table:
        if column not in rows.column_names:
            return rows.append_column(column, pa.array([value] * rows.num_rows))
        return _with(column, lambda of: pa.array([value] * of.num_rows, of.schema.field(column).type))(rows)

    return change


def _both(*changes: Change) -> Change:
    def change(rows: pa.Table) -> pa.Table:
        for one in changes:
            rows = one(rows)
        return rows

    return change


def _later(column: str, than: str, by: timedelta) -> Change:
    return _with(column, lambda rows: pc.add(rows[than], pa.scalar(by, pa.duration("us"))))


def _beyond(column: Column, kind: str) -> Change:
    """One step beyond what a column's own description allows."""
    text = "x" * (LONGEST_TEXT + 1)
    values: dict[str, Any] = {
        "present": None,
        "text": [text] if column.type.startswith("array") else text,
        "number": float("nan"),
        "minimum": (column.minimum or 0) - 1,
        "maximum": (column.maximum or 0) + 1,
        "allowed": "something else",
    }
    return _all(column.name, values[kind])


def _on_another_section(rows: pa.Table) -> pa.Table:
    """Messages of their own, which do not pass for repeats, from a section that no register knows."""
    own = _with("event_id", lambda rows: pc.binary_join_element_wise("planted", rows["event_id"], "-"))
    return _both(own, _all("section_id", "NOWHERE"))(rows)


def _far_apart(rows: pa.Table) -> pa.Table:
    """Sections between platforms as long as a register may have them: no train is that fast."""
    longest = pa.scalar(TABLES["infra_section"]["length_m"].maximum, rows.schema.field("length_m").type)
    return _with("length_m", lambda of: pc.if_else(pc.is_null(of["platform_stop_id"]), longest, of["length_m"]))(rows)


_REPUBLISHED = _both(_all("plan_version", "PLANTED"), _later("published_ts", "published_ts", timedelta(seconds=1)))


def _plan_with(change: Change) -> dict[str, Change]:
    """A version of the plan that takes the place of the day's own, with other stop times."""
    return dict.fromkeys(PLAN_TABLES, _REPUBLISHED) | {"stop_times": _both(_REPUBLISHED, change)}


# -- the rules

# The stage that reads a landing table first.
_READ_BY = {
    "timetable": PLAN_TABLES,
    "movements": ("movement_event", "infra_section"),
    "readings": ("signal_reading",),
    "visits": ("passenger_event", "observed_visit"),
    "matching": ("plan_change",),
}
_LONG_AGO = date(1900, 1, 1)
_STATED: dict[str, Change] = {
    "movement_event.not_from_the_future": _later("event_ts", "ingest_ts", timedelta(seconds=6)),
    "movement_event.not_too_late": _later("event_ts", "ingest_ts", -timedelta(days=8)),
    "signal_reading.not_from_the_future": _later("reading_ts", "ingest_ts", timedelta(seconds=6)),
    "signal_reading.not_too_late": _later("reading_ts", "ingest_ts", -timedelta(days=8)),
    "signal_reading.value_fits_metric": _both(_all("metric", "STATE"), _all("value_str", None)),
    "infra_section.stop_mark_inside": _both(_all("length_m", 1), _all("stop_mark_m", 2.0)),
    "infra_section.platform_has_stop_mark": _both(_all("platform_stop_id", "PLANTED"), _all("stop_mark_m", None)),
    "infra_section.validity_in_order": _all("valid_to", _LONG_AGO),
    "stop_times.arrival_is_clock": _all("arrival_time", "8 o'clock"),
    "stop_times.departure_is_clock": _all("departure_time", "08:61:00"),
    "calendar.dates_in_order": _all("end_date", _LONG_AGO),
    "observed_visit.has_a_time": _both(_all("arrival_ts", None), _all("departure_ts", None)),
    "observed_visit.in_order": _later("arrival_ts", "departure_ts", timedelta(seconds=1)),
}


def _row_rules(table: Table, stage: str) -> Iterator[Break]:
    """The rules of a landing table: half of its rows are refused, more than its stage may leave out."""
    for rule in table.row_rules():
        column, _, kind = rule.name.partition(":")
        change = _STATED.get(f"{table.name}.{rule.name}") or _beyond(table[column], kind)
        files = _pair(table.name, change) if table.name in _SELDOM else _twins({table.name: change})
        yield Break(table, rule, stage, files)


def _breaks() -> Iterator[Break]:
    for stage, names in _READ_BY.items():
        for name in names:
            yield from _row_rules(TABLES[name], stage)
    yield _of("movements", "known_section", _twins({"movement_event": _on_another_section}))
    yield _of("timetable", "arrival_first", _twins(_plan_with(_all("arrival_time", "99:59:59"))))
    for rule, beyond in (("minimum", "03:59:59"), ("maximum", "28:00:00")):
        yield _of("timetable", f"planned_departure_s:{rule}", _twins(_plan_with(_all("departure_time", beyond))))
    yield _of("visits", "run_time", _twins({"infra_section": _far_apart}))
    once = f"unique:{','.join(TABLES['visits'].key)}"
    yield _of("visits", once, _pair("observed_visit", _all("visit_id", "planted-again")))


def _of(stage: str, rule: str, files: Files) -> Break:
    """A rule of the lake table that a stage is named after."""
    return Break(TABLES[stage], TABLES[stage].rule(rule), stage, files)


BREAKS = {one.name: one for one in _breaks()}

_ONE_OF_EACH = "its stage keeps, or makes, one row of each key"
_COMPUTED = "it is about what its stage computes: no landing file that the contracts admit is known to break it, or to break enough"


def _why_not(rule: Rule) -> str:
    return _ONE_OF_EACH if rule.name.startswith("unique:") else _COMPUTED
