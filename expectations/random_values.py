"""Random values that satisfy a column's own statement, for tests."""

import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from expectations.contract import SPANS, Column

_BASE = datetime(2024, 3, 12, 6, 0, tzinfo=UTC)


def random_value(column: Column, rng: random.Random, row: int, order: int) -> Any:
    """One value; ``row`` makes texts, whole numbers and instants differ from row to row, ``order`` is the column's
    place in its table.
    """
    if column.allowed:
        return rng.choice(column.allowed)
    low = column.minimum if column.minimum is not None else min(0, column.maximum or 0)
    high = column.maximum if column.maximum is not None else low + 1000
    match column.type:
        case "string":
            return f"{column.name}-{row:05d}"
        case "int" | "bigint":
            return math.ceil(low) + (
                row if column.maximum is None else rng.randint(0, math.floor(high) - math.ceil(low))
            )
        case "double":
            return rng.uniform(low, high)
        case "boolean":
            return rng.random() < 0.5
        case "timestamp":
            return _BASE + timedelta(seconds=30 * row, milliseconds=order)
        case "date":
            return date(2024, 3, 12)
        case "array<string>":
            return [f"{column.name}-{row:05d}"]
        case "array<double>":
            return [rng.uniform(0, 1000) for _ in range(3)]
        case kind if kind == SPANS:
            first = rng.randint(1, 1_000_000)
            return {f"{column.name}-{row:05d}": {"min": first, "max": first + row}}
    raise ValueError(f"{column.name}: no random values for type {column.type}.")
