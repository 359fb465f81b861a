"""Landing files: which of them a run takes, whether each is whole, and their rows as one frame in the contract's types.

A file that cannot be trusted (empty, truncated, other bytes than its manifest says, text times without an offset) is left out as a whole
and named with its reason; a row that breaks a row rule is left out by itself. Nothing is dropped in silence.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from expectations.contract import Column, Table
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Files are sorted into folders by the UTC date of arrival; a late file may hold rows of up to this long ago.
LATEST_ARRIVAL = timedelta(days=7)
_SOURCE_COLUMNS = {"source_file": "string", "source_row": "bigint"}


@dataclass(frozen=True)
class LandedFile:
    """One file that a run takes: where its rows are, and what its bytes hash to."""

    name: str
    path: Path
    rows: int
    sha256: str
    schema: pa.Schema
    time_zone: str | None


@dataclass(frozen=True)
class RefusedFile:
    """A file that was left out as a whole, and why."""

    name: str
    reason: str
    sha256: str | None = None
    rows: int = 0


@dataclass
class Arrival:
    """What landed of one table for one window. ``supplied`` is False when landing.json declares the table absent."""

    table: Table
    supplied: bool = True
    files: list[LandedFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class Landing:
    """A landing folder ``DIR/<table>/<YYYY-MM-DD>/<name>.{parquet,csv}``."""

    def __init__(self, root: Path, staging: Path) -> None:
        if not root.is_dir():
            raise FileNotFoundError(f"The landing folder {root} does not exist; name an existing one with --landing or SIGNALBOX_LANDING.")
        self._root = root.resolve()
        self._staging = staging

    def take(self, table: Table, window: Window) -> Arrival:
        """Inspect the files whose manifests overlap the window (all files of the days around it when they have none)."""
        arrival = Arrival(table, supplied=self._supplied(table.name))
        seen: dict[str, str] = {}
        for path in self._candidates(table.name, window) if arrival.supplied else ():
            name = str(path.relative_to(self._root))
            taken = self._inspect(path, name, table, window)
            if isinstance(taken, LandedFile) and taken.sha256 in seen:
                taken = RefusedFile(name, f"has the same bytes as {seen[taken.sha256]}", taken.sha256, taken.rows)
            if isinstance(taken, RefusedFile):
                arrival.refused.append(taken)
            elif taken is not None:
                seen[taken.sha256] = name
                arrival.files.append(taken)
        known = {*table.column_names, *_SOURCE_COLUMNS, "_landed_row"}
        arrival.unknown_columns = sorted({column for file in arrival.files for column in file.schema.names} - known)
        return arrival

    def _supplied(self, name: str) -> bool:
        listing = self._root / "landing.json"
        return name in json.loads(listing.read_text())["tables"] if listing.exists() else True

    def _candidates(self, name: str, window: Window) -> Iterator[Path]:
        folder = self._root / name
        if not folder.is_dir():
            return
        first, last = window.start.date() - timedelta(days=1), window.end.date() + LATEST_ARRIVAL
        for day in sorted(folder.iterdir()):
            if day.is_dir() and first <= _folder_date(day.name) <= last:
                yield from (path for path in sorted(day.iterdir()) if path.suffix in (".parquet", ".csv") and not path.is_symlink())

    def _inspect(self, path: Path, name: str, table: Table, window: Window) -> LandedFile | RefusedFile | None:
        manifest = path.with_name(path.name + ".manifest.json")
        try:
            said = json.loads(manifest.read_text()) if manifest.exists() else {}
            if said.get("start") and said.get("end") and not _overlaps(said, window):
                return None
            digest = _sha256(path)
            if path.stat().st_size == 0:
                return RefusedFile(name, "is empty (0 bytes)", digest)
            if "sha256" in said and said["sha256"] != digest:
                return RefusedFile(name, "has other bytes than its manifest says (sha256 differs)", digest)
            zone = said.get("time_zone")
            if zone:
                ZoneInfo(zone)
            staged = self._stage_csv(path, digest) if path.suffix == ".csv" else self._stage_nanoseconds(path, digest)
            meta = pq.read_metadata(staged)
        except ZoneInfoNotFoundError:
            return RefusedFile(name, f"names the unknown time zone {said['time_zone']!r} in its manifest")
        except (pa.ArrowInvalid, pa.ArrowException, OSError, ValueError, KeyError) as error:
            return RefusedFile(name, f"cannot be read: {str(error).splitlines()[0][:200]}")
        if "rows" in said and said["rows"] != meta.num_rows:
            return RefusedFile(name, f"has {meta.num_rows} rows where its manifest says {said['rows']}", digest, meta.num_rows)
        schema = meta.schema.to_arrow_schema()
        if missing := [c.name for c in table.columns if not c.nullable and c.name not in schema.names and c.name not in _SOURCE_COLUMNS]:
            return RefusedFile(name, f"lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}", digest, meta.num_rows)
        if naive := _naive_times(schema, table, zone):
            return RefusedFile(name, f"has times without an offset in {naive} and no manifest that names their time zone", digest, meta.num_rows)
        return LandedFile(name, staged, meta.num_rows, digest, schema, zone)

    def _stage_csv(self, path: Path, digest: str) -> Path:
        """A CSV file as Parquet of texts, with its row numbers, so that both formats are read the same way."""
        staged = self._staging / f"{digest}.parquet"
        if not staged.exists():
            parse = pa_csv.ParseOptions(newlines_in_values=True)
            header = pa_csv.open_csv(path, parse_options=parse).schema.names
            texts = pa_csv.ConvertOptions(column_types={column: pa.string() for column in header}, strings_can_be_null=True)
            self._stage(pa_csv.read_csv(path, parse_options=parse, convert_options=texts), staged)
        return staged

    def _stage_nanoseconds(self, path: Path, digest: str) -> Path:
        """Spark cannot read nanoseconds, which pandas writes by default: such a file is staged in microseconds."""
        schema = pq.read_schema(path)
        fine = [field.name for field in schema if pa.types.is_timestamp(field.type) and field.type.unit == "ns"]
        if not fine:
            return path
        staged = self._staging / f"{digest}.parquet"
        if not staged.exists():
            coarse = [f.with_type(pa.timestamp("us", f.type.tz)) if f.name in fine else f for f in schema]
            self._stage(pq.read_table(path).cast(pa.schema(coarse), safe=False), staged)
        return staged

    def _stage(self, rows: pa.Table, staged: Path) -> None:
        rows = rows.append_column("_landed_row", pa.array(range(rows.num_rows), pa.int64()))
        self._staging.mkdir(parents=True, exist_ok=True)
        half = staged.with_suffix(f".{os.getpid()}.part")
        pq.write_table(rows, half)
        half.rename(staged)


def read_arrival(spark: "SparkSession", arrival: Arrival) -> "DataFrame":
    """The rows of the files taken, cast to the contract's columns, plus ``source_file``, ``source_row`` and ``_broken_rule``.

    A value that cannot be cast breaks the rule ``<column>:type``.
    """
    from pyspark.sql import functions as F

    groups: dict[tuple[Any, ...], list[LandedFile]] = {}
    for file in arrival.files:
        shape = tuple((f.name, str(f.type)) for f in file.schema)
        groups.setdefault((shape, file.time_zone), []).append(file)
    frames = [_read_group(spark, arrival.table, files) for files in groups.values()]
    if not frames:
        columns = ", ".join([arrival.table.ddl(), *(f"{n} {t}" for n, t in _SOURCE_COLUMNS.items() if n not in arrival.table.column_names)])
        return spark.createDataFrame([], f"{columns}, _raw string, _broken_rule string")
    frame = frames[0]
    for other in frames[1:]:
        frame = frame.unionByName(other)
    return frame.withColumn("_broken_rule", F.coalesce("_broken_type", F.expr(arrival.table.first_broken_rule_sql()))).drop("_broken_type")


def _read_group(spark: "SparkSession", table: Table, files: list[LandedFile]) -> "DataFrame":
    """Files of one schema and time zone."""
    from pyspark.sql import functions as F

    names = files[0].schema.names
    raw = spark.read.parquet(*[f"file://{file.path}" for file in files]).withColumns(
        {"_path": F.col("_metadata.file_path"), "_row": F.col("_metadata.row_index")}
    )
    casts = {c.name: _cast(c, files[0].schema, files[0].time_zone) for c in table.columns if c.name not in _SOURCE_COLUMNS}
    source_file, source_row = _source(names, files)
    broken = " ".join(
        f"WHEN `{c.name}` IS NOT NULL AND {casts[c.name]} IS NULL THEN '{c.name}:type'" for c in table.columns if c.name in casts and c.name in names
    )
    own = [F.expr(sql).alias(name) for name, sql in casts.items()]
    text = F.to_json(F.struct(*[F.col(f"`{n}`").cast("string").alias(n) for n in names if n != "_landed_row"]))
    kinds = F.expr(f"CASE {broken} END") if broken else F.lit(None).cast("string")
    return raw.select(*own, source_file.alias("source_file"), source_row.alias("source_row"), text.alias("_raw"), kinds.alias("_broken_type"))


def _source(names: list[str], files: list[LandedFile]) -> tuple[Any, Any]:
    """Where a row came from: what the importer wrote down, else the landing file and its row."""
    from pyspark.sql import functions as F

    known = F.create_map(*[F.lit(part) for file in files for part in (file.path.name, file.name)])
    by_path = {file.path.name for file in files}
    # File names repeat from day to day: then the path below the landing folder tells them apart.
    here = F.element_at(known, F.element_at(F.split("_path", "/"), -1)) if len(by_path) == len(files) else _relative(files)
    file = F.col("source_file") if "source_file" in names else here
    row = F.col("source_row").cast("bigint") if "source_row" in names else F.col("_landed_row" if "_landed_row" in names else "_row")
    return file, row


def _relative(files: list[LandedFile]) -> Any:
    from pyspark.sql import functions as F

    depth = len(Path(files[0].name).parts)
    return F.array_join(F.slice(F.split("_path", "/"), -depth, depth), "/")


def _cast(column: Column, schema: pa.Schema, zone: str | None) -> str:
    """SQL that reads one landed column in the contract's type; null where it cannot be read."""
    if column.name not in schema.names:
        return f"CAST(NULL AS {column.type})"
    name = f"`{column.name}`"
    if column.type == "timestamp":
        text = f"CAST({name} AS STRING)"
        offset = f"{text} RLIKE '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$'"
        local = f"to_utc_timestamp(try_cast({name} AS TIMESTAMP), '{zone}')" if zone else "NULL"
        return f"CASE WHEN typeof({name}) = 'timestamp' OR {offset} THEN try_cast({name} AS TIMESTAMP) ELSE {local} END"
    if column.type.startswith("array") and not pa.types.is_list(schema.field(column.name).type):
        return f"from_json({name}, '{column.type}')"
    return f"try_cast({name} AS {column.type})"


def _naive_times(schema: pa.Schema, table: Table, zone: str | None) -> str | None:
    """The first Parquet time column that has no time zone of its own while the manifest names none."""
    timed = {column.name for column in table.columns if column.type == "timestamp"}
    return next((f.name for f in schema if f.name in timed and pa.types.is_timestamp(f.type) and f.type.tz is None and zone is None), None)


def _overlaps(said: dict[str, Any], window: Window) -> bool:
    start, end = datetime.fromisoformat(said["start"]), datetime.fromisoformat(said["end"])
    return start < window.end and end >= window.start


def _folder_date(name: str) -> date:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return date.min


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

