"""A stage: one computation, what it reads, what it writes, and which rows it answers for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from expectations.contract import Table
from spark_jobs.common.window import Window


@dataclass(frozen=True)
class Landed:
    """Landing files of a table whose manifests overlap the read window: the stage's, or one of its own.

    ``by_arrival``: the files in the folders of the read window's UTC days, whatever their rows are about. What comes late
    then belongs to the day on which it came.
    """

    table: Table
    by_arrival: bool = False
    read_window: Callable[[Window, Any], Window] | None = None


@dataclass(frozen=True)
class FromRun:
    """What an earlier stage of the same run wrote, by the snapshot in its receipt."""

    table: Table
    stage: str


@dataclass(frozen=True)
class Quarantined:
    """Rows of a table that an earlier stage of the same run refused, by the snapshot in its receipt.

    The transform gets every column of the contract as text, for what was refused need not be of its type, and what
    the quarantine says of the row: ``_broken_rule`` and ``_raw``, the row as it was read.
    """

    table: Table
    stage: str


@dataclass(frozen=True)
class Released:
    """The newest released rows of a table, pinned when the build starts. ``tier`` None means the run's own tier."""

    table: Table
    tier: str | None = None


@dataclass(frozen=True)
class StateBefore:
    """A state as it was when the run's window began, and nothing where ``params.state_from`` names that very day."""

    table: Table


# The scope of a table that is replaced as a whole, as a SQL condition.
EVERYTHING = "true"
Read = Landed | FromRun | Quarantined | Released | StateBefore
Scope = Callable[[Window, Any], Window | list[date]]


def run_window(window: Window, params: Any) -> Window:
    """The plain write scope: the run's window itself."""
    return window


@dataclass(frozen=True)
class Write:
    """An output: its contract, and the window (or scope keys) that this run replaces in it.

    ``balances`` names the landing table whose rows must all be found again in this output: published, quarantined,
    deduplicated or filtered. ``made`` is the SQL condition of the rows that did not land there, where the stage adds its own.
    """

    table: Table
    scope: Scope = run_window
    balances: str | None = None
    made: str | None = None


@dataclass(frozen=True)
class Stage:
    """``read_window`` says how far a build looks beyond the run's window, e.g. back to the start of the business day."""

    pipeline: str
    name: str
    reads: tuple[Read, ...]
    writes: tuple[Write, ...]
    transform: Callable[..., tuple[Any, ...]]
    read_window: Callable[[Window, Any], Window] = run_window

    @property
    def joins_buckets(self) -> bool:
        """Whether it reads tables that lie in buckets, to be joined with each other."""
        return sum(read.table.replace.bucketed_by is not None for read in self.reads) > 1

    @property
    def upstream(self) -> tuple[str, ...]:
        """The stages of the same run that must have passed before this one builds."""
        return tuple(dict.fromkeys(read.stage for read in self.reads if isinstance(read, FromRun | Quarantined)))


def scope_condition(write: Write, window: Window, params: Any) -> str:
    """The SQL condition of the rows that a run replaces; every literal in it is a date or an instant."""
    scope = write.scope(window, params)
    replace = write.table.replace
    if replace.kind in ("whole", "state"):
        return EVERYTHING
    column = replace.columns[0]
    if isinstance(scope, Window):
        return f"`{column}` >= {instant_sql(scope.start)} AND `{column}` < {instant_sql(scope.end)}"
    return f"`{column}` IN ({', '.join(_literal(value) for value in scope)})"


def _literal(value: date) -> str:
    if isinstance(value, datetime) or not isinstance(value, date):
        raise TypeError(f"A scope key is a date, not {type(value).__name__}.")
    return f"DATE '{value.isoformat()}'"


def instant_sql(value: datetime) -> str:
    """A Spark SQL literal of an instant in UTC."""
    return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}+00:00'"
