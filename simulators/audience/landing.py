"""The landing zone: one Parquet file with its manifest a table and day of arrival, a row group a batch of users."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from expectations.arrow import schema
from expectations.contract import Table
from expectations.manifest import write_manifest


def numbered(prefix: str, first: int, count: int, width: int) -> pa.Array:
    """``prefix`` and a running number as strings, without a Python loop."""
    return named(prefix, np.arange(first, first + count), width)


def named(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    """``prefix`` and a number of at least ``width`` digits."""
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def pick(names: Sequence[str | None] | pa.Array, codes: np.ndarray) -> pa.Array:
    """Names by code, as a dictionary of strings."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names, pa.string()))


class Landing:
    """The files of one table, one a day, open until the last batch is written; ``picked``: columns made by `pick`."""

    def __init__(self, table: Table, landing: Path, days: Sequence[str], picked: Iterable[str] = ()) -> None:
        self.table, self.rows = table, [0] * len(days)
        few = pa.dictionary(pa.int32(), pa.string())
        self.schema = pa.schema(
            [field.with_type(few) if field.name in set(picked) else field for field in schema(table)]
        )
        self.paths = [landing / table.name / day / f"{table.name}.parquet" for day in days]
        repeated = [name for name in self.schema.names if name != "event_id"]
        self.writers = [self._open(path, repeated) for path in self.paths]

    def _open(self, path: Path, repeated: list[str]) -> pq.ParquetWriter:
        path.parent.mkdir(parents=True, exist_ok=True)
        return pq.ParquetWriter(path, self.schema, compression="zstd", store_schema=False, use_dictionary=repeated)

    def write(self, batch: pa.Table, bounds: np.ndarray) -> None:
        """Rows that are sorted by day; those of day i lie between bounds[i] and bounds[i + 1]."""
        batch = batch.select(self.schema.names).cast(self.schema)
        for day, (begin, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
            if end > begin:
                self.writers[day].write_table(batch.slice(begin, end - begin))
                self.rows[day] += end - begin

    def close(self) -> int:
        """Finish the files; the rows landed."""
        for writer, path, rows in zip(self.writers, self.paths, self.rows, strict=True):
            writer.close()
            write_manifest(path, rows)
        return sum(self.rows)


def land_whole(table: Table, rows: pa.Table, landing: Path, day: str) -> int:
    """One file on one day."""
    files = Landing(table, landing, [day])
    files.write(rows, np.array([0, rows.num_rows]))
    return files.close()
