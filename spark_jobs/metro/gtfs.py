"""A timetable in GTFS into the landing tables of metro.

    python -m spark_jobs import metro gtfs --feed DIR_OR_ZIP --landing DIR --day DAY

Values land as they stand in the feed: what breaks a contract goes to quarantine, with the file and row that it came from. A run
looks for timetables that arrived up to a week before or after it, so a feed is landed again, under another day, each week.
"""

import argparse
import hashlib
import io
import zipfile
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from expectations.contract import Table
from expectations.manifest import list_tables, listed, write_manifest
from expectations.metro import calendar, calendar_dates, routes, stop_times, stops, trips
from spark_jobs.metro.import_options import DAY_OPENS, add_corridor, corridor_groups, optional, time_zone

TABLES: dict[str, Table] = {m.TABLE.name: m.TABLE for m in (stops, routes, trips, stop_times, calendar, calendar_dates)}
USED = ("agency", *TABLES)
CALENDARS = {"calendar": "start_date", "calendar_dates": "date"}  # a feed has one of them, or both
ADDED = {"corridor_group", "plan_version", "published_ts"}  # what GTFS does not have
NO_STOPS = ("2", "3", "4")  # entrances, nodes and boarding areas, at which no train calls


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`gtfs` beside the other importers of metro."""
    command = commands.add_parser("gtfs", help="a timetable in GTFS, as a folder or zip file")
    command.add_argument("--feed", type=Path, required=True, help="GTFS feed, a folder or zip file")
    command.add_argument("--landing", type=Path, required=True, help="folder to write the landing tables to")
    command.add_argument("--day", type=date.fromisoformat, required=True, help="day of arrival, such as 2024-03-12")
    command.add_argument("--published", type=datetime.fromisoformat, help="since when it holds (default: first day)")
    add_corridor(command)
    command.set_defaults(handler=import_gtfs)


def import_gtfs(args: argparse.Namespace) -> None:
    """Write the plan's tables and say what landed; raises ValueError with one sentence on a feed that it cannot use."""
    content = feed_files(args.feed)
    feed = {name: rows_of(name, raw) for name, raw in content.items()}
    zone = time_zone(feed["agency"].agency_timezone.iloc[0])
    published = args.published or datetime.combine(first_day(feed), DAY_OPENS, zone)
    if published.tzinfo is None:
        raise ValueError("--published needs an offset, such as 2024-03-12T04:00:00+01:00.")
    version = f"gtfs-{hashlib.sha256(b''.join(content.values())).hexdigest()[:12]}"
    _require_order(args.landing / "trips" / f"{args.day}", version, published)
    group = feed["routes"].route_id.map(corridor_groups(feed["routes"].route_id.dropna(), args.corridor))
    feed["routes"] = feed["routes"].assign(corridor_group=group, agency_timezone=str(zone))
    feed["stops"] = feed["stops"][~optional(feed["stops"], "location_type").isin(NO_STOPS)]
    landed = {name: rows for name, rows in feed.items() if name in TABLES and len(rows)}
    for name, rows in landed.items():
        path = args.landing / name / f"{args.day}" / f"{version}.parquet"
        _write(rows.assign(plan_version=version, published_ts=pd.Timestamp(published)), TABLES[name], path)
    if listed(args.landing) is not None:
        list_tables(args.landing, landed, of=TABLES)
    counts = ", ".join(f"{name} {len(rows):,}" for name, rows in landed.items())
    print(f"{version}, in force from {published.isoformat()}: {counts}")


def feed_files(feed: Path) -> dict[str, bytes]:
    """The files of a feed that are used, by name without `.txt`; one that is needed and missing is a ValueError."""
    try:
        top = feed if feed.is_dir() else zipfile.Path(feed)
        found = {name: file.read_bytes() for name in USED if (file := top / f"{name}.txt").exists()}
    except FileNotFoundError as error:
        raise ValueError(f"{feed} does not exist.") from error
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{feed} is neither a folder nor a zip file that can be read: {error}.") from error
    missing = [f"{name}.txt" for name in USED if name not in found and name not in CALENDARS]
    missing += [] if found.keys() & CALENDARS.keys() else ["calendar.txt or calendar_dates.txt"]
    if missing:
        raise ValueError(f"{feed} has no {', '.join(missing)} at its top.")
    return found


def rows_of(name: str, raw: bytes) -> pd.DataFrame:
    """The rows of one file as texts, each with its origin; a file that lacks rows or a column is a ValueError."""
    try:
        rows = pd.read_csv(io.BytesIO(raw), dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8-sig")
    except ValueError as error:  # pandas' own errors, and bytes that are no UTF-8
        raise ValueError(f"{name}.txt cannot be read as CSV in UTF-8: {str(error).strip()}.") from error
    rows = rows.rename(columns=str.strip)
    if name == "routes":
        rows["route_short_name"] = optional(rows, "route_short_name").fillna(optional(rows, "route_long_name"))
    columns = TABLES[name].columns if name in TABLES else ()
    needed = [c.name for c in columns if not c.nullable and c.name not in ADDED] or ["agency_timezone"]
    if missing := [column for column in needed if column not in rows]:
        raise ValueError(f"{name}.txt lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if rows.empty and name not in CALENDARS:
        raise ValueError(f"{name}.txt has no rows.")
    for column in [c.name for c in columns if c.type == "date"]:
        rows[column] = rows[column].str.replace(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", regex=True)
    return rows.assign(source_file=f"{name}.txt", source_row=range(len(rows)))


def first_day(feed: dict[str, pd.DataFrame]) -> date:
    """The first day that a calendar of the feed names."""
    days = pd.concat([feed[name][column] for name, column in CALENDARS.items() if name in feed])
    first = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce").min()
    if pd.isna(first):
        raise ValueError("Neither calendar.txt nor calendar_dates.txt names a day, written YYYYMMDD.")
    return date(first.year, first.month, first.day)


def _require_order(folder: Path, version: str, published: datetime) -> None:
    """Of two feeds that hold from one time on, the one that landed on a later day counts; of one day neither would."""
    for path in folder.glob("gtfs-*.parquet"):
        known = pq.read_table(path, columns=["published_ts"])["published_ts"][0].as_py()
        if path.stem != version and known == published:
            raise ValueError(
                f"{path.stem} landed on {folder.name} too and holds from {published.isoformat()} on as well: "
                "say since when this feed holds (--published)."
            )


def _write(rows: pd.DataFrame, table: Table, path: Path) -> None:
    names = [name for name in (*table.column_names, "source_file", "source_row") if name in rows]
    types = {"published_ts": pa.timestamp("us", tz="UTC"), "source_row": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(rows[names], schema=schema, preserve_index=False), path)
    write_manifest(path, len(rows))
