"""The landing zone: one Parquet file a table with its manifest, a row group a batch, and the list of what is supplied."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations.arrow import schema
from expectations.contract import Table
from expectations.manifest import write_manifest


def numbered(prefix: str, count: int, width: int) -> pa.Array:
    """``prefix`` and a running number from 0, as strings, without a Python loop."""
    numbers = pc.utf8_lpad(pc.cast(pa.array(np.arange(count)), pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), numbers, "")


def pick(names: Sequence[str | None], codes: np.ndarray) -> pa.Array:
    """Names by code."""
    return pa.array(names, pa.string()).take(pa.array(codes))


def known(values: np.ndarray, is_known: np.ndarray) -> pa.Array:
    """Values as an array that is null where they are not known."""
    return pa.array(values, mask=~is_known)


def land(table: Table, batches: Iterable[pa.Table], path: Path) -> int:
    """Write the batches in the columns and types of the contract; returns the number of rows."""
    columns = schema(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(path, columns, compression="zstd", store_schema=False) as writer:
        for batch in batches:
            writer.write_table(batch.select(columns.names).cast(columns))
            rows += batch.num_rows
    write_manifest(path, rows)
    print(f"landed {table.name}: {rows:,} rows, {path.stat().st_size / 1e6:.1f} MB", flush=True)
    return rows
