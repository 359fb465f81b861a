"""A contract's columns in the types of Apache Arrow, for whoever reads or writes files without Spark."""

from typing import TYPE_CHECKING

from expectations.contract import Table

if TYPE_CHECKING:
    import pyarrow as pa


def schema(table: Table) -> "pa.Schema":
    """The table's columns in order; raises KeyError for a type that files do not have, such as a map."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        "array<string>": pa.list_(pa.string()),
        "array<double>": pa.list_(pa.float64()),
    }
    return pa.schema([(column.name, types[column.type]) for column in table.columns])
