"""Observed stop visits and a plan of another system, as files, into the landing tables of metro.

    python -m spark_jobs import metro stop-visits --observed FILE --planned FILE --landing DIR

Reads the columns of the MBTA's published performance data. What carries the answer (the trip id and every
planned figure of the observed file) does not reach the landing tables: it is kept aside in the truth folder.
"""

import argparse
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.arrow import schema
from expectations.contract import Table
from expectations.manifest import list_tables, manifest_of, write_manifest
from expectations.metro import LANDING, observed_visit
from spark_jobs.metro import gtfs
from spark_jobs.metro.import_files import read_table, require_filled
from spark_jobs.metro.import_options import DAY_OPENS, add_corridor, corridor_groups, optional, time_zone

TABLES: dict[str, Table] = {table.name: table for table in LANDING}
ORIGIN = ["source_file", "source_row"]
OBSERVED_KEYS = ("service_date", "stop_sequence", "stop_id", "route_id", "direction_id")
OBSERVED_TIMES = ("move_timestamp", "stop_timestamp")
PLANNED_KEYS = ("trip_id", "stop_id", "arrival_time", "route_id", "direction_id")
ANSWERS = (
    "trip_id",
    "start_time",
    "stop_count",
    "headway_trunk_seconds",
    "headway_branch_seconds",
    "scheduled_arrival_time",
    "scheduled_departure_time",
    "scheduled_travel_time",
    "scheduled_headway_branch",
    "scheduled_headway_trunk",
)


@dataclass(frozen=True)
class ImportedDay:
    """The one service day of an import: its date, local time zone, name in the plan and time of publication."""

    date: pd.Timestamp
    zone: ZoneInfo

    @property
    def service_id(self) -> str:
        return f"day-{self.date:%Y-%m-%d}"

    @property
    def published(self) -> pd.Timestamp:
        """Just before the day of service begins: the day before keeps its departures after midnight."""
        return pd.Timestamp(datetime.combine(self.date.date(), DAY_OPENS, self.zone)).tz_convert("UTC")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands of `python -m spark_jobs import metro`."""
    commands = parser.add_subparsers(dest="importer", required=True)
    command = commands.add_parser("stop-visits", help="observed stop visits and planned stop times of one service day")
    command.add_argument("--observed", type=Path, required=True, help="observed stop visits, Parquet or CSV")
    command.add_argument("--planned", type=Path, required=True, help="planned stop times, Parquet or CSV")
    command.add_argument("--landing", type=Path, required=True, help="folder to write the landing tables to")
    command.add_argument("--truth", type=Path, help="folder for what carries the answer (default LANDING/_truth)")
    command.add_argument("--timezone", default="America/New_York", help="time zone of the plan")
    add_corridor(command)
    command.add_argument("--seed", type=int, help="make run ids repeatable; without it their salt is random")
    command.set_defaults(handler=import_stop_visits)
    gtfs.add_command(commands)


def import_stop_visits(args: argparse.Namespace) -> None:
    """Write observed_visit, the plan and landing.json; raises ValueError with one sentence on input it cannot use."""
    observed = read_table(args.observed, OBSERVED_KEYS, OBSERVED_TIMES)
    planned = read_table(args.planned, PLANNED_KEYS)
    identity = next((name for name in ("run_key", "trip_id") if name in observed), None)
    if identity is None:
        raise ValueError(f"{args.observed.name} has neither run_key nor trip_id, so runs cannot be told apart.")
    require_filled(observed, identity, args.observed)
    day = ImportedDay(_single_date(observed, args.observed), time_zone(args.timezone))
    groups = corridor_groups({*observed.route_id, *planned.route_id}, args.corridor)
    salt = secrets.token_bytes(16) if args.seed is None else str(args.seed).encode()
    visits = observed_visits(observed, day, groups, salt)
    if visits[["arrival_ts", "departure_ts"]].isna().all(axis=None):
        raise ValueError(f"{args.observed.name} has no row with a time: {' and '.join(OBSERVED_TIMES)} are empty.")
    tables = {"observed_visit": visits, **plan_tables(observed, planned, day, groups)}
    _require_lines(tables, args.landing, day)
    for name, frame in tables.items():
        _write(frame, TABLES[name], args.landing, day)
    list_tables(args.landing, tables, of=TABLES)
    _write_truth(observed, visits, args.truth or args.landing / "_truth")


def observed_visits(observed: pd.DataFrame, day: ImportedDay, groups: pd.Series, salt: bytes) -> pd.DataFrame:
    """Rows of observed_visit. Departure: start towards the next stop, else stop + dwell, else the stop."""
    run_id = observed.run_key if "run_key" in observed else _hashed(observed.trip_id, salt)
    rows = observed.assign(run_id=run_id, seen=observed.stop_timestamp.fillna(observed.move_timestamp))
    rows = rows.sort_values(["run_id", "stop_sequence", "seen", "source_row"], kind="stable").reset_index(drop=True)
    started = rows.groupby("run_id").move_timestamp.shift(-1)
    dwell = rows.get("dwell_time_seconds", np.nan)
    # A start before the stop belongs to another pass of the same run number (repeated rows): not this departure.
    departure = started.where(~(started < rows.stop_timestamp)).fillna(rows.stop_timestamp + dwell)
    station = optional(rows, "parent_station").fillna(rows.stop_id)
    rows["corridor_group"] = rows.route_id.map(groups)
    # A train that shows another line on its way is still one run, and so is matched in one group.
    of_run = rows.groupby("run_id")[["corridor_group", "direction_id"]].agg(_most_frequent)
    return pd.DataFrame(
        {
            "visit_id": [f"{day.date:%Y%m%d}-{row}" for row in rows.source_row],
            "service_date": day.date.date(),
            "run_id": rows.run_id,
            "train_number": None,
            "line_id": rows.route_id,
            "corridor_group": rows.run_id.map(of_run.corridor_group),
            "direction_id": rows.run_id.map(of_run.direction_id).astype(int),
            "stop_id": rows.stop_id,
            "station_id": station.astype(str),
            "visit_seq": rows.groupby("run_id").cumcount(),
            "arrival_ts": _instant(rows.stop_timestamp),
            "departure_ts": _instant(departure.fillna(rows.stop_timestamp)),
            "vehicle_id": optional(rows, "vehicle_id"),
            "vehicle_consist": optional(rows, "vehicle_consist"),
            "revenue": True,
            "source_file": rows.source_file,
            "source_row": rows.source_row,
        }
    )


def plan_tables(
    observed: pd.DataFrame, planned: pd.DataFrame, day: ImportedDay, groups: pd.Series
) -> dict[str, pd.DataFrame]:
    """The plan as GTFS: calls in order of time (ties: as in the file), departure = arrival, one service. What many rows tell
    has the first of them as its origin, a planned one where there is one.
    """
    calls = planned.sort_values(["trip_id", "arrival_time"], kind="stable")
    calls["stop_sequence"] = calls.groupby("trip_id").cumcount() + 1
    calls["departure_time"] = calls["arrival_time"].map(_clock)
    both = pd.concat([planned, observed.assign(parent_station=optional(observed, "parent_station"))])
    stations = both.sort_values("parent_station").groupby("stop_id").parent_station.first()
    stops = both.drop_duplicates("stop_id").sort_values("stop_id")
    routes = both.drop_duplicates("route_id").sort_values("route_id")
    trips = calls.drop_duplicates("trip_id")
    tables = {
        "stops": stops[["stop_id", *ORIGIN]].assign(
            stop_name=stops.stop_id, parent_station=stops.stop_id.map(stations).to_numpy(object)
        ),
        "routes": routes[["route_id", *ORIGIN]].assign(
            route_short_name=routes.route_id,
            corridor_group=routes.route_id.map(groups),
            agency_timezone=str(day.zone),
        ),
        "trips": trips[["trip_id", "route_id", "direction_id", *ORIGIN]].assign(service_id=day.service_id),
        "stop_times": calls[["trip_id", "stop_sequence", "stop_id", "departure_time", *ORIGIN]].assign(
            arrival_time=calls.departure_time, timepoint=1
        ),
        "calendar_dates": observed.head(1)[ORIGIN].assign(
            service_id=day.service_id, date=day.date.date(), exception_type=1
        ),
    }
    version = f"import-{day.date:%Y-%m-%d}"
    return {name: frame.assign(plan_version=version, published_ts=day.published) for name, frame in tables.items()}


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _hashed(names: pd.Series, salt: bytes) -> pd.Series:
    """Opaque names without prefix or order: a trip id such as ADDED-… would tell the matcher something."""
    opaque = {name: hashlib.sha256(salt + name.encode()).hexdigest()[:16] for name in names.unique()}
    return names.map(opaque)


def _most_frequent(values: pd.Series) -> object:
    """The value that most rows have, the smallest of those that are as frequent."""
    return values.mode().iloc[0]


def _instant(seconds: pd.Series) -> pd.Series:
    return pd.to_datetime(seconds, unit="s", utc=True).dt.round("us")


def _single_date(observed: pd.DataFrame, path: Path) -> pd.Timestamp:
    dates = observed.service_date.unique()
    if len(dates) != 1:
        raise ValueError(f"{path.name} has {len(dates)} service dates, and one import takes one.")
    try:
        return pd.Timestamp(datetime.fromisoformat(dates[0]).date())
    except ValueError as error:
        raise ValueError(
            f"{path.name} has a service_date that is not a date, such as 20240207: {dates[0]!r}."
        ) from error


def _require_lines(tables: dict[str, pd.DataFrame], landing: Path, day: ImportedDay) -> None:
    """An import replaces all that an earlier one landed of its day, so it must have the lines of that one too."""
    for name, column in (("observed_visit", "line_id"), ("trips", "route_id")):
        for path in _landed(landing, name, day):
            before = set(pq.read_table(path, columns=[column])[column].to_pylist())
            if lost := sorted(before - set(tables[name][column])):
                raise ValueError(
                    f"{day.date:%Y-%m-%d} has landed with {', '.join(lost)} in {name}, which this import lacks and would "
                    "erase: import all lines of a day in one file, or into another landing folder."
                )


def _landed(landing: Path, name: str, day: ImportedDay) -> list[Path]:
    return sorted((landing / name).glob(f"*/{day.service_id}.parquet"))


def _write(frame: pd.DataFrame, table: Table, landing: Path, day: ImportedDay) -> None:
    """The day's one file and its manifest, in the folder of the plan's publication: a later import finds it there again."""
    columns = schema(table)
    if not set(ORIGIN) <= set(columns.names):
        columns = pa.schema([*columns, ("source_file", pa.string()), ("source_row", pa.int64())])
    rows = pa.Table.from_pandas(frame.reindex(columns=columns.names), schema=columns, preserve_index=False)
    said = {}
    if table is observed_visit.TABLE:
        times = pd.concat([frame.arrival_ts, frame.departure_ts]).dropna()
        said = {"start": times.min().isoformat(), "end": times.max().isoformat()}
    path = landing / table.name / f"{day.published:%Y-%m-%d}" / f"{day.service_id}.parquet"
    for old in set(_landed(landing, table.name, day)) - {path}:  # of another time zone, and so of another UTC date
        old.unlink()
        manifest_of(old).unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    write_manifest(path, rows.num_rows, **said)


def _write_truth(observed: pd.DataFrame, visits: pd.DataFrame, truth: Path) -> None:
    answers = observed[[column for column in ANSWERS if column in observed]].reset_index(drop=True)
    truth.mkdir(parents=True, exist_ok=True)
    visits[["source_row", "run_id", "visit_seq"]].merge(
        answers, how="left", left_on="source_row", right_index=True
    ).sort_values("source_row").to_parquet(truth / "observed_visit.parquet", index=False)
