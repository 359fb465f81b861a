"""Monthly demand in one wide file into the landing tables of inventory.

    python -m spark_jobs import inventory monthly --demand FILE --landing DIR [--blank no-demand|not-observed]

A row is an item: ``item,lead_time_months,price,YYYY-MM,…``; other columns are ignored. Every cell with a number is an
observed month, zeros included. A cell that holds no number lands as it is, for quarantine to name.
"""

import argparse
import csv
import re
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from expectations.inventory import LANDING
from expectations.manifest import list_tables, write_manifest

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
REQUIRED = ("item", "lead_time_months")
# Where there is only one location, or none is told.
LOCATION = "_"
NO_DEMAND, NOT_OBSERVED = "no-demand", "not-observed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands of `python -m spark_jobs import inventory`."""
    commands = parser.add_subparsers(dest="importer", required=True)
    command = commands.add_parser("monthly", help="a wide CSV: a row an item, a column a month")
    command.add_argument("--demand", type=Path, required=True, help="CSV item,lead_time_months,price,YYYY-MM,…")
    command.add_argument("--landing", type=Path, required=True, help="folder to write the landing tables to")
    command.add_argument(
        "--blank",
        choices=(NO_DEMAND, NOT_OBSERVED),
        default=NOT_OBSERVED,
        help="what an empty month cell means (default not-observed)",
    )
    command.set_defaults(handler=import_monthly)


def import_monthly(args: argparse.Namespace) -> None:
    """Write material_master, monthly_demand and landing.json; raises ValueError with one sentence on a file it cannot use."""
    wide, months = read_wide(args.demand)
    arrived = _month_after(months[-1])
    tables = {
        "material_master": master(wide, args.demand.name),
        "monthly_demand": long_demand(wide, months, args.demand.name, args.blank),
    }
    for name, rows in tables.items():
        _write(rows, args.landing / name / arrived.isoformat() / f"{args.demand.stem}.parquet")
    list_tables(args.landing, tables, of=(table.name for table in LANDING))
    print(
        f"Landed {tables['material_master'].num_rows:,} items with {tables['monthly_demand'].num_rows:,} observed months;"
        f" a run whose window lies on {arrived} or later takes them."
    )


def read_wide(path: Path) -> tuple[pa.Table, list[str]]:
    """The file as text without blanks around it, and its month columns in order of time."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            names = [name.strip() for name in next(csv.reader(stream), [])]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from error
    months = sorted(name for name in names if MONTH.fullmatch(name))
    if missing := [name for name in REQUIRED if name not in names]:
        raise ValueError(f"{path.name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    if not months:
        raise ValueError(f"{path.name} has no month columns; they are named like 2024-03.")
    wanted = [*REQUIRED, *(["price"] if "price" in names else []), *months]
    if twice := sorted({name for name in wanted if names.count(name) > 1}):
        raise ValueError(f"{path.name} names a column more than once: {', '.join(twice)}.")
    try:
        wide = pacsv.read_csv(
            path,
            pacsv.ReadOptions(column_names=names, skip_rows=1),
            pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowException as error:
        raise ValueError(f"{path.name} cannot be read as CSV: {str(error).splitlines()[0]}.") from error
    if wide.num_rows == 0:
        raise ValueError(f"{path.name} has no rows.")
    trimmed = [pc.utf8_trim_whitespace(wide[name]) for name in wanted]
    return pa.table(trimmed, names=wanted), months


def master(wide: pa.Table, source: str) -> pa.Table:
    """Rows of material_master."""
    nothing = pa.nulls(wide.num_rows, pa.string())
    price = _blank_as_null(wide["price"]) if "price" in wide.column_names else nothing
    columns = {
        "location_id": _same(LOCATION, wide.num_rows),
        "material_id": _blank_as_null(wide["item"]),
        "lead_time_months": _numbers(_blank_as_null(wide["lead_time_months"])),
        "price": _numbers(price),
        "criticality": nothing,
        "source_file": _same(source, wide.num_rows),
        "source_row": pa.array(range(wide.num_rows), pa.int64()),
    }
    return pa.table(columns)


def long_demand(wide: pa.Table, months: list[str], source: str, blank: str) -> pa.Table:
    """Rows of monthly_demand: a row a cell that was observed."""
    row, item = pa.array(range(wide.num_rows), pa.int64()), _blank_as_null(wide["item"])
    parts = []
    for month in months:
        cells = wide[month]
        empty = pc.equal(cells, "")
        told = pc.if_else(empty, "0", cells) if blank == NO_DEMAND else cells
        part = pa.table({"material_id": item, "qty": told, "source_row": row})
        part = part if blank == NO_DEMAND else part.filter(pc.invert(empty))
        parts.append(part.append_column("month", _same(date.fromisoformat(f"{month}-01"), part.num_rows)))
    rows = pa.concat_tables(parts)
    rows = rows.set_column(rows.column_names.index("qty"), "qty", _numbers(rows["qty"]))
    rows = rows.append_column("location_id", _same(LOCATION, rows.num_rows))
    return rows.append_column("source_file", _same(source, rows.num_rows))


def _numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """As double; as they are where one of them is no number: its row is then named by quarantine, and no other."""
    try:
        return texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return texts


def _blank_as_null(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def _same(value: str | date, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows)


def _month_after(month: str) -> date:
    """The day on which the month was over."""
    return (date.fromisoformat(f"{month}-01") + timedelta(days=31)).replace(day=1)


def _write(rows: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, compression="zstd")
    write_manifest(path, rows.num_rows)
