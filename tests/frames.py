"""Literal rows as Spark frames: what a test does not name is null."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from expectations.contract import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def frame(spark: SparkSession, table: Table, rows: Sequence[dict[str, Any]]) -> DataFrame:
    """Rows of a table; a landing table's rows also say where they come from."""
    columns = {column.name: column.type for column in table.columns}
    if table.landing:
        columns = {"landing_file": "string", "source_file": "string", "source_row": "bigint"} | columns
    known = set(columns)
    for row in rows:
        assert set(row) <= known, f"{table.name} has no column {set(row) - known}"
    origin = {"landing_file": f"{table.name}/2024-01-01/a.parquet", "source_file": "a.parquet"}
    numbered = [{**origin, "source_row": n, **row} for n, row in enumerate(rows)]
    ddl = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
    return spark.createDataFrame([tuple(row.get(name) for name in columns) for row in numbered], ddl)


def listed(frame: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of these columns in order; times as UTC."""
    return sorted(
        (tuple(_aware(row[column]) for column in columns) for row in frame.select(*columns).collect()),
        key=lambda row: tuple((value is not None, str(value)) for value in row),
    )


def _aware(value: Any) -> Any:
    # Spark hands out times of the session's zone, which is UTC here, as local times without one.
    return value.astimezone(UTC) if isinstance(value, datetime) else value
