"""The landing zone: five-minute files by arrival with manifests, and the plan tables of a day.

A file `HHMM.parquet` holds what arrived in the five minutes from HH:MM (UTC) and is there at their end. What arrives
after the end of its service day goes to `HHMM-YYYYMMDD.parquet`, so that two days never write the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations.manifest import appearing, manifest_of, write_manifest
from simulators.metro.clock import ServiceDay

SLOT_US = 300_000_000
TIMESTAMP = pa.timestamp("us", tz="UTC")
TABLES = (
    "movement_event", "signal_reading", "passenger_event", "infra_section", "stops", "routes", "trips", "stop_times",
    "calendar", "calendar_dates", "plan_change",
)  # fmt: skip


def micros(values: np.ndarray) -> pa.Array:
    return pa.array(values.astype(np.int64), pa.int64()).cast(TIMESTAMP)


def pick(names: list[str | None], codes: np.ndarray) -> pa.Array:
    """Strings by code; a negative code is null."""
    indices = pa.array(codes.astype(np.int64), mask=codes < 0)
    return pa.array(names, pa.string()).take(indices)


def numbered(prefix: str, first: int, count: int, width: int = 0) -> pa.Array:
    """`prefix` + running number as strings, without a Python loop."""
    numbers = pc.cast(pa.array(np.arange(first, first + count)), pa.string())
    if width:
        numbers = pc.utf8_lpad(numbers, width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), numbers, "")


def write_parquet(table: pa.Table, path: Path) -> None:
    with appearing(path) as partial:
        pq.write_table(table, partial, compression="zstd", store_schema=False)


def iso(epoch_us: int) -> str:
    """ISO time in UTC with milliseconds."""
    instant = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(epoch_us))
    return instant.isoformat(timespec="milliseconds")


def write_slots(landing: Path, table: str, day: ServiceDay, ingest_us: np.ndarray, event_us: np.ndarray,
                rows: Callable[[slice], pa.Table], upto: datetime | None, missing_only: bool) -> int:  # fmt: skip
    """Write the files of a table whose rows are sorted by arrival; returns the number of rows landed.

    ``missing_only`` leaves alone what has its manifest already.
    """
    slots = ingest_us // SLOT_US
    starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]]) if len(slots) else np.array([], dtype=int)
    landed = 0
    day_end = int(day.end.timestamp()) * 1_000_000
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(slots)], strict=True):
        slot_us = int(slots[begin]) * SLOT_US
        opened = datetime.fromtimestamp(slot_us / 1e6, UTC)
        if upto is not None and opened + timedelta(microseconds=SLOT_US) > upto:
            break
        suffix = f"-{day.compact}" if slot_us >= day_end else ""
        path = landing / table / opened.strftime("%Y-%m-%d") / f"{opened:%H%M}{suffix}.parquet"
        if missing_only and manifest_of(path).exists():
            continue
        write_parquet(rows(slice(begin, end)), path)
        write_manifest(path, end - begin, start=iso(event_us[begin:end].min()), end=iso(event_us[begin:end].max()))
        landed += end - begin
    return landed


def write_plan_table(landing: Path, table: str, day: ServiceDay, content: pa.Table, missing_only: bool) -> None:
    """One file in the folder of the UTC date on which the service day starts; no reader may skip it by time."""
    path = landing / table / f"{day.start:%Y-%m-%d}" / f"{table}.parquet"
    if not (missing_only and manifest_of(path).exists()):
        write_parquet(content, path)
        write_manifest(path, content.num_rows)
