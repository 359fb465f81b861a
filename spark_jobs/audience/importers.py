"""Public data sets into the landing tables of audience.

    python -m spark_jobs import audience completejourney --data DIR --landing DIR

The Complete Journey: households are users, departments pixels, campaigns and demographic attributes segments. A campaign's
add lies at its start. The attributes carry no time: each is added anew at 00:00 UTC on the 1st and 16th of every month of
2017. A row of visits is an event at its first time, and another at its last where that differs. Files lie in the folder of
the day of their events, the dimensions in that of the first; event ids are made of the row's number in its file.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from expectations.audience import LANDING
from expectations.manifest import list_tables, write_manifest
from spark_jobs.audience.complete_journey import (
    ADD,
    SEGMENT,
    VISIT,
    campaign_adds,
    demographic_adds,
    pixel_dim,
    same,
    segment_dim,
    visit_events,
)

CAMPAIGNS, DEMOGRAPHICS, VISITS = "campaign_segment_adds.csv", "demographic_segments.csv", "site_visits_daily.parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands of `python -m spark_jobs import audience`."""
    commands = parser.add_subparsers(dest="importer", required=True)
    command = commands.add_parser(
        "completejourney", help="households, departments, campaigns and demographic attributes"
    )
    command.add_argument("--data", type=Path, required=True, help=f"folder of {CAMPAIGNS}, {DEMOGRAPHICS}, {VISITS}")
    command.add_argument("--landing", type=Path, required=True, help="folder to write the landing tables to")
    command.set_defaults(handler=import_complete_journey)


def import_complete_journey(args: argparse.Namespace) -> None:
    """Write the landing tables and landing.json; raises ValueError with one sentence on a file it cannot use."""
    campaigns = _read(args.data / CAMPAIGNS, ADD)
    demographics = _read(args.data / DEMOGRAPHICS, SEGMENT)
    visits = _read(args.data / VISITS, VISIT)
    events = {
        "segment_events": pa.concat_tables([campaign_adds(campaigns), demographic_adds(demographics)]),
        "pixel_events": visit_events(visits),
    }
    first = min(_day(pc.min(rows["ts"]).as_py()) for rows in events.values())
    dims = {"segment_dim": segment_dim([campaigns, demographics], first), "pixel_dim": pixel_dim(visits)}
    for name, rows in dims.items():
        _write(rows, args.landing / name / first.isoformat() / "completejourney.parquet")
    days = {name: _write_by_day(rows, args.landing / name) for name, rows in events.items()}
    list_tables(args.landing, events | dims, of=(table.name for table in LANDING))
    print(", ".join(f"{name} {rows.num_rows:,}" for name, rows in (events | dims).items()))
    print(f"Landed from {first} to {max(days.values())}.")


def _read(path: Path, columns: dict[str, pa.DataType]) -> pa.Table:
    """These columns of a CSV or Parquet file in these types, with ``source_file`` and ``source_row`` (0 = the first)."""
    # Types are told, so that an id of digits stays the text that it is in the file.
    told = pacsv.ConvertOptions(column_types=columns)
    try:
        rows = pacsv.read_csv(path, convert_options=told) if path.suffix == ".csv" else pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error
    if missing := [name for name in columns if name not in rows.column_names]:
        raise ValueError(f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if rows.num_rows == 0:
        raise ValueError(f"{path.name} has no rows.")
    try:
        rows = rows.select(list(columns)).cast(pa.schema(list(columns.items())))
    except pa.ArrowException as error:
        raise ValueError(f"{path.name} has a column of another type: {str(error).splitlines()[0]}.") from error
    for name in columns:
        if rows[name].null_count:
            at = pc.index(pc.is_null(rows[name]), True).as_py()
            raise ValueError(f"{path.name} has no {name} in row {at} (0 is the first).")
    rows = rows.append_column("source_file", same(path.name, rows))
    return rows.append_column("source_row", pa.array(range(rows.num_rows), pa.int64()))


def _day(second: int) -> date:
    return date(1970, 1, 1) + timedelta(days=second // 86_400)


def _write_by_day(rows: pa.Table, folder: Path) -> date:
    """One file a day of events, sorted by time; the last day."""
    rows = rows.sort_by([("ts", "ascending"), ("event_id", "ascending")])
    days = pc.floor(pc.divide(rows["ts"].cast(pa.float64()), 86_400)).cast(pa.int64()).combine_chunks()
    begin = 0
    for run in pc.run_end_encode(days).run_ends.to_pylist():
        day = _day(rows["ts"][begin].as_py())
        _write(rows.slice(begin, run - begin), folder / day.isoformat() / "completejourney.parquet")
        begin = run
    return day


def _write(rows: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, compression="zstd", store_schema=False)
    write_manifest(path, rows.num_rows)
