"""What a run replaces in a table, and how the table is therefore laid out."""

from dataclasses import dataclass
from typing import Literal

# Enough for some hundred million rows of a whole-state table, and few enough for a laptop.
BUCKETS = 16


@dataclass(frozen=True)
class Replace:
    """What a run replaces: rows whose ``columns[0]`` lies in its window, rows of its scope keys, or the whole table.

    A *state* is replaced as a whole too, and what it was at the end of each day stays readable. ``bucketed_by`` names the
    column by whose hash a table that is replaced as a whole is laid out.
    """

    kind: Literal["window", "keys", "whole", "state"]
    columns: tuple[str, ...] = ()
    bucketed_by: str | None = None

    @property
    def has_many_rows(self) -> bool:
        """Whether the table is laid out, or goes on from day to day, as one of millions of rows."""
        return self.kind == "state" or self.bucketed_by is not None


def window(column: str) -> Replace:
    """Replace rows whose instant in ``column`` lies in the write window. The column is never null and stable under
    recomputation.
    """
    return Replace("window", (column,))


def keys(*scope: str) -> Replace:
    """Replace rows that share the run's values of the ``scope`` columns."""
    return Replace("keys", scope)


def whole(bucketed_by: str | None = None) -> Replace:
    """Replace everything."""
    return Replace("whole", bucketed_by=bucketed_by)


def state(bucketed_by: str | None = None) -> Replace:
    """Replace everything by the state at the end of the run's last day; the state of each day stays under its tag."""
    return Replace("state", bucketed_by=bucketed_by)
