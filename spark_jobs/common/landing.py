"""Landing files: which of them a run takes, and whether each is whole.

A file that cannot be trusted (empty, truncated, other bytes than its manifest says, times without an offset) is left
out as a whole and named with its reason. Nothing is dropped in silence.
"""

import csv
import errno
import hashlib
import os
import time
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from expectations.contract import Table
from expectations.manifest import manifest_in, tables_in
from spark_jobs.common.csv_texts import ROW, UNREADABLE, is_utf8, printable, read_csv_texts
from spark_jobs.common.manifest import not_as_said, overlaps
from spark_jobs.common.outcome import TryAgain
from spark_jobs.common.spark_types import as_spark_reads
from spark_jobs.common.window import Window
from spark_jobs.common.zone import MANIFEST, Found, Zone, changed, sha256_of, zone_at

# Files are sorted into folders by the UTC date of arrival; a late file may hold rows of up to this long ago.
LATEST_ARRIVAL = timedelta(days=7)
SOURCE_COLUMNS = {"source_file": "string", "source_row": "bigint"}
_MOST_COLUMNS = 1000
_HIDDEN = "_metadata"
_STAGED_FOR_S = 2 * 86400


@dataclass(frozen=True)
class LandedFile:
    """One file that a run takes: where Spark reads it, what its bytes hash to, and by what a later change would show.

    ``schema`` is of what Spark reads, ``columns`` are all that landed.
    """

    name: str
    staged: Path
    rows: int
    sha256: str
    schema: pa.Schema
    columns: tuple[str, ...]
    time_zone: str | None
    stamp: Hashable


@dataclass(frozen=True)
class RefusedFile:
    """A file that was left out as a whole, and why. A ``repeat`` brings nothing that another file does not bring."""

    name: str
    reason: str
    sha256: str | None = None
    rows: int = 0
    repeat: bool = False


@dataclass
class Arrival:
    """What landed of one table for one window. ``supplied`` is False when landing.json declares the table absent;
    ``by_arrival``: what arrived on the window's days, whatever it is about.
    """

    table: Table
    zone: Zone
    days: tuple[date, date]
    supplied: bool = True
    by_arrival: bool = False
    files: list[LandedFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    unknown_columns: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    def require_unchanged(self) -> None:
        """Raise ``TryAgain`` when a file was overwritten after it was inspected: its rows may be a mixture of both."""
        now = {found.name: found.stamp for found in self.zone.files(self.table.name, *self.days)} if self.files else {}
        for file in self.files:
            if now.get(file.name) != file.stamp:
                raise TryAgain(changed(file.name))


class Landing:
    """The landing zone of a folder, or of an URL s3://bucket/prefix.

    ``quiet_s``: a file without a manifest may still be growing; it is taken once it has not changed for this long.
    """

    def __init__(self, place: Path | str, staging: Path, quiet_s: float = 0.0) -> None:
        self._zone = zone_at(place, staging)
        self._place = place
        self._staging = staging
        self._quiet_s = quiet_s

    def size(self) -> int:
        """Bytes of all that has landed."""
        return self._zone.size()

    def take(self, table: Table, window: Window, by_arrival: bool = False) -> Arrival:
        """Inspect the files whose manifests overlap the window (all files of the days around it when they have none), or
        those that arrived on the window's days.
        """
        self._sweep()
        days = _arrival_days(window) if by_arrival else _days_around(window)
        arrival = Arrival(table, self._zone, days, self._supplied(table.name), by_arrival)
        candidates, growing = self._watched(table.name, days) if arrival.supplied else ([], set())
        seen: dict[tuple[str, str], str] = {}
        for found in candidates:
            name = found.name
            if name in growing:
                arrival.unfinished.append(printable(name))
                continue
            taken = self._inspect(found, table, None if by_arrival else window)
            # By arrival, what another day brings is news of that day, though it says the same as a day before.
            day = name.split("/")[1] if by_arrival else ""
            if isinstance(taken, LandedFile) and (first := seen.setdefault((day, taken.sha256), name)) != name:
                taken = RefusedFile(name, f"has the same bytes as {first}", taken.sha256, taken.rows, repeat=True)
            if isinstance(taken, RefusedFile):
                arrival.refused.append(taken)
            elif taken is not None:
                arrival.files.append(taken)
        known = {*table.column_names, *SOURCE_COLUMNS, ROW, UNREADABLE}
        arrival.unknown_columns = sorted({column for file in arrival.files for column in file.columns} - known)
        return arrival

    def _supplied(self, name: str) -> bool:
        listing = self._zone.read("landing.json")
        return listing is None or name in tables_in(listing, f"{self._place}/landing.json")

    def _watched(self, name: str, days: tuple[date, date]) -> tuple[list[Found], set[str]]:
        """The table's files, and the names of those without a manifest that changed just now and go on changing while they
        are watched for a while.
        """
        files = self._zone.files(name, *days)
        youth = time.time() - self._quiet_s
        young = {file.name: file.stamp for file in files if file.bare and file.changed_at > youth}
        if not young:
            return files, set()
        time.sleep(self._quiet_s)
        now = {file.name: file for file in self._zone.files(name, *days)}
        growing = {name for name, stamp in young.items() if name not in now or now[name].stamp != stamp}
        return [now.get(file.name, file) for file in files], growing

    def _inspect(self, found: Found, table: Table, window: Window | None) -> LandedFile | RefusedFile | None:
        """The file if it is whole, what is wrong with it, or None when its manifest says that it lies outside of the
        window.
        """
        name = found.name
        if not is_utf8(name):
            return RefusedFile(printable(name), "has a name that is not UTF-8")
        if not found.plain:
            return RefusedFile(name, "is not a plain file below the landing folder")
        digest = None
        try:
            said = manifest_in(self._zone.read(f"{name}{MANIFEST}"), f"{name}{MANIFEST}")
            if window and "start" in said and "end" in said and not overlaps(said, window):
                return None
            path, digest = self._zone.at_hand(found)
            if reason := not_as_said(path, digest, said):
                return RefusedFile(name, reason, digest)
            staged, landed = self._staged(name, path, digest, trusted="sha256" in said)
            meta = pq.read_metadata(staged)
        except (pa.ArrowException, csv.Error, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # That is no fault of the file.
            return RefusedFile(name, f"cannot be read: {(str(error) or repr(error)).splitlines()[0][:200]}", digest)
        if said.get("rows", meta.num_rows) != meta.num_rows:
            return RefusedFile(
                name, f"has {meta.num_rows} rows where its manifest says {said['rows']}", digest, meta.num_rows
            )
        zone, schema = said.get("time_zone"), meta.schema.to_arrow_schema()
        if reason := _misfit(landed, table, zone):
            return RefusedFile(name, reason, digest, meta.num_rows)
        return LandedFile(name, staged, meta.num_rows, digest, schema, tuple(landed.names), zone, found.stamp)

    def _staged(self, name: str, path: Path, digest: str, trusted: bool) -> tuple[Path, pa.Schema]:
        """A Parquet file of a plain name that Spark can read: the file itself under a link, or what was converted from
        it; and the schema of what landed. Files of the same bytes have one each, for a row is known by it to be of its
        landing file.
        """
        self._staging.mkdir(parents=True, exist_ok=True)
        staged = self._staging / f"{digest}-{hashlib.sha256(name.encode()).hexdigest()[:16]}.parquet"
        half = staged.with_suffix(f".{os.getpid()}.part")
        if path.suffix == ".csv":
            if staged.exists():
                staged.touch()  # In use again.
            else:
                pq.write_table(read_csv_texts(path), half)
                if sha256_of(path) != digest:  # Later runs would find these rows under the bytes of before.
                    half.unlink()
                    raise TryAgain(changed(name))
                half.rename(staged)
            return staged, pq.read_schema(staged)
        schema = pq.read_schema(path)
        if not trusted:  # Broken pages would show only in the middle of a job.
            for _ in pq.ParquetFile(path).iter_batches():
                pass
        readable = as_spark_reads(schema)
        if list(readable.values()) != list(schema):
            rows = pq.ParquetFile(path).read().select(list(readable))
            pq.write_table(rows.cast(pa.schema(list(readable.values())), safe=False), half)
        else:
            half.unlink(missing_ok=True)
            half.symlink_to(path)
        half.rename(staged)
        return staged, schema

    def _sweep(self) -> None:
        """Remove what was staged for runs of days ago."""
        for old in self._staging.iterdir() if self._staging.is_dir() else ():
            with suppress(FileNotFoundError):  # Stages run side by side, and rename what they have staged.
                if time.time() - old.lstat().st_mtime > _STAGED_FOR_S:
                    old.unlink()


def _misfit(schema: pa.Schema, table: Table, zone: str | None) -> str | None:
    """Why a file's columns cannot be the contract's, or None."""
    if len(own := [name for name in schema.names if name not in (ROW, UNREADABLE)]) > _MOST_COLUMNS:
        return f"has {len(own):,} columns"
    lower = [name.lower() for name in schema.names]
    if _HIDDEN in lower:
        return f"has a column {_HIDDEN}, as Spark names its own"
    if twins := sorted({name for name in schema.names if lower.count(name.lower()) > 1}):
        return f"names a column more than once: {', '.join(twins)}"
    needed = [column.name for column in table.columns if not column.nullable and column.name not in SOURCE_COLUMNS]
    if missing := [name for name in needed if name not in schema.names]:
        return f"lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
    read = {field.name for field in as_spark_reads(schema).values()}
    for column in table.columns:
        if column.name in schema.names:
            found = schema.field(column.name).type
            listed = pa.types.is_list(found) or pa.types.is_large_list(found)
            readable = (
                listed or pa.types.is_string(found)
                if column.type.startswith("array")
                else not pa.types.is_nested(found)
            )
            if not readable or column.name not in read:
                return f"has {column.name} as {found} where the contract says {column.type}"
            if column.type == "timestamp" and pa.types.is_timestamp(found) and found.tz is None and zone is None:
                return f"has times without an offset in {column.name} and no manifest that names their time zone"
    return None


def _days_around(window: Window) -> tuple[date, date]:
    """The first and the last day of arrival on which rows of the window may have come."""
    return window.start.date() - timedelta(days=1), window.end.date() + LATEST_ARRIVAL


def _arrival_days(window: Window) -> tuple[date, date]:
    """The window's own first and last UTC day."""
    days = window.business_days("UTC", 0)
    return days[0], days[-1]
