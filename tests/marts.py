"""Served marts that a report reads, made of literal rows."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from expectations.contract import Table

_PANDAS = {"string": "object", "date": "object", "double": "float64", "bigint": "float64", "boolean": "object"}


class Marts:
    """These rows of these tables; what a row does not name is null."""

    def __init__(self, tables: Iterable[Table], rows: dict[str, list[dict[str, Any]]]) -> None:
        self.frames = {table.name: _frame(table, rows[table.name]) for table in tables}

    def __call__(self, mart: str, **equal: str) -> pd.DataFrame:
        found = self.frames[mart]
        for column, value in equal.items():
            found = found[found[column] == value]
        return found

    def export(self, folder: Path) -> Path:
        for name, rows in self.frames.items():
            rows.to_parquet(folder / f"{name}.parquet", index=False)
        return folder


def _frame(table: Table, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    types = {column.name: _PANDAS[column.type] for column in table.columns}
    return pd.DataFrame(list(rows), columns=list(types)).astype(types)
