"""Observed stop visits and a plan of another system, as files, into the landing tables of metro.

    python -m spark_jobs import metro stop-visits --observed FILE --planned FILE --landing DIR

Reads the columns of the MBTA's published performance data. What carries the answer (the trip id and every
planned figure of the observed file) does not reach the landing tables: it is kept aside in the truth folder.
"""

import argparse
import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.manifest import list_tables, write_manifest
from expectations.metro import LANDING
from spark_jobs.metro import gtfs
from spark_jobs.metro.import_options import add_corridor, corridor_groups, time_zone

OBSERVED_KEYS = ("service_date", "stop_sequence", "stop_id", "route_id", "direction_id")
OBSERVED_TIMES = ("move_timestamp", "stop_timestamp")
PLANNED_KEYS = ("trip_id", "stop_id", "arrival_time", "route_id", "direction_id")
NUMBERS = ("stop_sequence", "direction_id", "move_timestamp", "stop_timestamp", "dwell_time_seconds", "arrival_time")
TEXTS = ("run_key", "trip_id", "stop_id", "route_id", "parent_station", "vehicle_id", "vehicle_consist")
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
TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
PLAN_FIELDS = "plan_version string, published_ts timestamp"
LANDING_TABLES = {
    "observed_visit": "visit_id string, service_date date, run_id string, train_number string, line_id string, "
    "corridor_group string, direction_id int, stop_id string, station_id string, visit_seq int, arrival_ts timestamp, "
    "departure_ts timestamp, vehicle_id string, vehicle_consist string, revenue bool, source_file string, "
    "source_row long",
    "stops": "stop_id string, stop_name string, parent_station string, stop_lat double, stop_lon double, "
    f"platform_code string, {PLAN_FIELDS}",
    "routes": f"route_id string, route_short_name string, corridor_group string, agency_timezone string, {PLAN_FIELDS}",
    "trips": "trip_id string, route_id string, service_id string, direction_id int, trip_headsign string, "
    f"block_id string, run_number string, {PLAN_FIELDS}",
    "stop_times": "trip_id string, stop_sequence int, stop_id string, arrival_time string, departure_time string, "
    f"platform_stop_id string, timepoint int, {PLAN_FIELDS}",
    "calendar_dates": f"service_id string, date date, exception_type int, {PLAN_FIELDS}",
}


@dataclass(frozen=True)
class ServiceDay:
    """The one day of an import: its date, local time zone, name in the plan and time of publication."""

    date: pd.Timestamp
    zone: ZoneInfo

    @property
    def service_id(self) -> str:
        return f"day-{self.date:%Y-%m-%d}"

    @property
    def start(self) -> pd.Timestamp:
        """Noon minus 12 hours, from which planned seconds count."""
        return (self.date + pd.Timedelta(hours=12)).tz_localize(self.zone).tz_convert("UTC") - pd.Timedelta(hours=12)

    @property
    def published(self) -> pd.Timestamp:
        """The plan is taken as published at the start of the day, before the 04:00 that closes its version."""
        return self.start


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
    if not {"run_key", "trip_id"} & set(observed):
        raise ValueError(f"{args.observed.name} has neither run_key nor trip_id, so runs cannot be told apart.")
    day = ServiceDay(_single_date(observed, args.observed), time_zone(args.timezone))
    groups = corridor_groups({*observed.route_id, *planned.route_id}, args.corridor)
    salt = secrets.token_bytes(16) if args.seed is None else str(args.seed).encode()
    visits = observed_visits(observed, day, groups, salt).assign(source_file=args.observed.name)
    tables = {"observed_visit": visits, **plan_tables(observed, planned, day, groups)}
    for name, frame in tables.items():
        _write(frame, name, args.landing, day)
    list_tables(args.landing, tables, of=(table.name for table in LANDING))
    _write_truth(observed, visits, args.truth or args.landing / "_truth")


def read_table(path: Path, keys: tuple[str, ...], nullable: tuple[str, ...] = ()) -> pd.DataFrame:
    """One Parquet or CSV file with at least these columns, the keys filled, numbers as numbers and ids as text."""
    frame = _read(path)
    missing = [column for column in (*keys, *nullable) if column not in frame]
    if missing:
        raise ValueError(f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if frame.empty:
        raise ValueError(f"{path.name} has no rows.")
    for column in keys:
        if empty := int(frame[column].isna().sum()):
            raise ValueError(f"{path.name} has {empty} rows without a {column}.")
    for column in set(NUMBERS) & set(frame):
        try:
            frame[column] = pd.to_numeric(frame[column])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path.name} has a {column} that is not a number: {error}.") from error
    texts = {column: "str" for column in TEXTS if column in keys}
    return frame.astype(texts)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=dict.fromkeys(TEXTS, "str"))
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist.") from error
    except (OSError, pa.ArrowException, ValueError) as error:
        raise ValueError(f"{path.name} cannot be read as {path.suffix.lstrip('.') or 'CSV'}: {error}") from error


def observed_visits(observed: pd.DataFrame, day: ServiceDay, groups: pd.Series, salt: bytes) -> pd.DataFrame:
    """Rows of observed_visit. Departure: start towards the next stop, else stop + dwell, else the stop."""
    rows = observed.reset_index(drop=True).rename_axis("source_row").reset_index()
    rows["run_id"] = rows.run_key.astype(str) if "run_key" in rows else _hashed(rows.trip_id.astype(str), salt)
    rows["seen"] = rows.stop_timestamp.fillna(rows.move_timestamp)
    rows = rows.sort_values(["run_id", "stop_sequence", "seen", "source_row"], kind="stable").reset_index(drop=True)
    started = rows.groupby("run_id").move_timestamp.shift(-1)
    dwell = rows.get("dwell_time_seconds", np.nan)
    # A start before the stop belongs to another pass of the same run number (repeated rows): not this departure.
    departure = started.where(~(started < rows.stop_timestamp)).fillna(rows.stop_timestamp + dwell)
    station = _optional(rows, "parent_station").fillna(rows.stop_id)
    return pd.DataFrame(
        {
            "visit_id": [f"{day.date:%Y%m%d}-{row}" for row in rows.source_row],
            "service_date": day.date.date(),
            "run_id": rows.run_id,
            "train_number": None,
            "line_id": rows.route_id,
            "corridor_group": rows.route_id.map(groups),
            "direction_id": rows.direction_id.astype(int),
            "stop_id": rows.stop_id,
            "station_id": station.astype(str),
            "visit_seq": rows.groupby("run_id").cumcount(),
            "arrival_ts": _instant(rows.stop_timestamp),
            "departure_ts": _instant(departure.fillna(rows.stop_timestamp)),
            "vehicle_id": _optional(rows, "vehicle_id"),
            "vehicle_consist": _optional(rows, "vehicle_consist"),
            "revenue": True,
            "source_row": rows.source_row,
        }
    )


def plan_tables(
    observed: pd.DataFrame, planned: pd.DataFrame, day: ServiceDay, groups: pd.Series
) -> dict[str, pd.DataFrame]:
    """The plan as GTFS: calls in order of time (ties: as in the file), departure = arrival, one service."""
    calls = planned.reset_index(drop=True)
    calls = calls.sort_values(["trip_id", "arrival_time"], kind="stable")
    calls["stop_sequence"] = calls.groupby("trip_id").cumcount() + 1
    calls["departure_time"] = calls["arrival_time"].map(_clock)
    stations = observed.assign(parent_station=_optional(observed, "parent_station"))
    station_of = stations.sort_values("parent_station").groupby("stop_id").parent_station.first()
    stops = pd.Index(sorted(set(calls.stop_id) | set(station_of.index)))
    trips = calls.drop_duplicates("trip_id")
    tables = {
        "stops": pd.DataFrame(
            {"stop_id": stops, "stop_name": stops, "parent_station": station_of.reindex(stops).to_numpy(object)}
        ),
        "routes": pd.DataFrame(
            {
                "route_id": groups.index,
                "route_short_name": groups.index,
                "corridor_group": groups.to_numpy(),
                "agency_timezone": str(day.zone),
            }
        ),
        "trips": trips[["trip_id", "route_id", "direction_id"]].assign(service_id=day.service_id),
        "stop_times": calls[["trip_id", "stop_sequence", "stop_id", "departure_time"]].assign(
            arrival_time=calls.departure_time, timepoint=1
        ),
        "calendar_dates": pd.DataFrame({"service_id": [day.service_id], "date": day.date.date(), "exception_type": 1}),
    }
    version = f"import-{day.date:%Y-%m-%d}"
    return {name: frame.assign(plan_version=version, published_ts=day.published) for name, frame in tables.items()}


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def _hashed(names: pd.Series, salt: bytes) -> pd.Series:
    """Opaque names without prefix or order: a trip id such as ADDED-… would tell the matcher something."""
    opaque = {name: hashlib.sha256(salt + name.encode()).hexdigest()[:16] for name in names.unique()}
    return names.map(opaque)


def _instant(seconds: pd.Series) -> pd.Series:
    return pd.to_datetime(seconds, unit="s", utc=True)


def _optional(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows[column] if column in rows else pd.Series(None, index=rows.index, dtype=object)


def _single_date(observed: pd.DataFrame, path: Path) -> pd.Timestamp:
    dates = observed.service_date.astype(str).unique()
    if len(dates) != 1:
        raise ValueError(f"{path.name} has {len(dates)} service dates, and one import takes one.")
    try:
        return pd.Timestamp(dates[0])
    except ValueError as error:
        raise ValueError(f"{path.name} has a service_date that is not a date: {dates[0]!r}.") from error


def _write(frame: pd.DataFrame, table: str, landing: Path, day: ServiceDay) -> None:
    """One file and its manifest in the folder of its arrival: the plan when published, visits with the last."""
    fields = [field.split() for field in LANDING_TABLES[table].split(", ")]
    schema = pa.schema([(name, TYPES[kind]) for name, kind in fields])
    rows = pa.Table.from_pandas(frame.reindex(columns=schema.names), schema=schema, preserve_index=False)
    said, arrived = {}, day.published
    if table == "observed_visit":
        times = pd.concat([frame.arrival_ts, frame.departure_ts]).dropna()
        said = {"start": times.min().isoformat(), "end": times.max().isoformat()}
        arrived = times.max()
    path = landing / table / f"{arrived:%Y-%m-%d}" / f"{day.service_id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    write_manifest(path, rows.num_rows, **said)


def _write_truth(observed: pd.DataFrame, visits: pd.DataFrame, truth: Path) -> None:
    answers = observed[[column for column in ANSWERS if column in observed]].reset_index(drop=True)
    truth.mkdir(parents=True, exist_ok=True)
    visits[["source_row", "run_id", "visit_seq"]].merge(
        answers, how="left", left_on="source_row", right_index=True
    ).sort_values("source_row").to_parquet(truth / "observed_visit.parquet", index=False)
