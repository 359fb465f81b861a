"""A count and a checksum of rows on their way, the same in whichever order the rows come."""

from typing import TYPE_CHECKING, Any

from expectations.arrow import schema
from expectations.contract import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MODULUS = 2**64
_PRIME = 0x9E3779B97F4A7C15
_NULL = 0xD6E8FEB86659FD93


class Tally:
    """Rows of one table, counted and summed. Two tallies are equal when they have seen the same rows, however often
    each."""

    def __init__(self, table: Table) -> None:
        self.schema = schema(table)
        self.rows = 0
        self._sum = 0

    def take(self, rows: Any) -> Any:
        """Count a table or a batch; returns it as the contract's columns and types."""
        seen = rows.select(self.schema.names).cast(self.schema)
        for batch in seen.to_batches() if hasattr(seen, "to_batches") else [seen]:
            self.rows += batch.num_rows
            self._sum = (self._sum + int(_row_hashes(batch).sum())) % _MODULUS
        return seen

    @property
    def checksum(self) -> str:
        return f"{self._sum:016x}"


def _row_hashes(batch: Any) -> "NDArray[np.uint64]":
    import numpy as np
    from pandas.util import hash_array

    mixed = np.zeros(batch.num_rows, dtype=np.uint64)
    for column in batch.columns:
        mixed = mixed * np.uint64(_PRIME) + _hashes(column)
    # Hashed again: else values that change places between rows would leave the sum as it was.
    return hash_array(mixed, categorize=False)


def _hashes(column: Any) -> "NDArray[np.uint64]":
    import numpy as np
    import pyarrow as pa
    from pandas.util import hash_array

    kind = column.type
    if pa.types.is_string(kind):
        # Each text is hashed once; the empty one stands in where all are missing.
        encoded = column.dictionary_encode()
        texts = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)
        hashes = hash_array(texts, categorize=False)[encoded.indices.fill_null(0).to_numpy()]
    elif pa.types.is_list(kind):
        hashes = hash_array(np.array([repr(value) for value in column.to_pylist()], dtype=object), categorize=False)
    else:
        if pa.types.is_floating(kind):
            column = column.view(pa.int64())
        elif pa.types.is_date(kind) or pa.types.is_boolean(kind):
            column = column.cast(pa.int32())
        bits = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        hashes = hash_array(bits.view(np.uint64), categorize=False)
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), hashes, np.uint64(_NULL))
