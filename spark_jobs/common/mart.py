"""Marts: the tables of the serving database, each a lake table under a name of its own."""

import re
from dataclasses import dataclass

from expectations.contract import Table

POSTGRES = {
    "string": "text",
    "int": "integer",
    "bigint": "bigint",
    "double": "double precision",
    "boolean": "boolean",
    "timestamp": "timestamptz",
    "date": "date",
    "array<string>": "text[]",
    "array<double>": "double precision[]",
}
# With what a swap appends, the name of a table or an index must stay within PostgreSQL's 63 bytes.
_LONGEST_NAME = 32
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Swap:
    """How a mart is published whose rows are replaced as a whole: by a table that was loaded beside it (see ``swap``).

    ``log`` is the table of its pipeline's schema that tells every publish, refusal and rollback; marts may share it.
    ``index`` are the columns of one index beside the key's. A new version is refused when it has less than
    ``min_rows_share`` of the published rows, or when the median of ``watched`` over the rows of ``watched_where`` (SQL)
    has moved by more than ``max_median_change_share``.
    """

    log: str
    index: tuple[str, ...] = ()
    watched: str | None = None
    watched_where: str = "true"
    min_rows_share: float = 0.5
    max_median_change_share: float = 0.3


@dataclass(frozen=True)
class View:
    """A view that is made with its mart; ``select`` names the schema as ``{schema}``."""

    name: str
    select: str


@dataclass(frozen=True)
class Mart:
    """A table of the serving database: a lake table under a name of its own. ``day`` is the column that tells settled
    days from live ones.

    Without ``swap`` the rows of a run's scope are replaced, in both tiers. With it the mart holds exactly the rows that
    the newest settled run has written. ``views`` are made when they are missing, after ``<mart>_current``.
    """

    name: str
    table: Table
    day: str = "service_date"
    swap: Swap | None = None
    views: tuple[View, ...] = ()

    def __post_init__(self) -> None:
        if foreign := [column.name for column in self.table.columns if column.type not in POSTGRES]:
            raise ValueError(f"Mart {self.name} has columns that PostgreSQL has no type for: {', '.join(foreign)}.")
        if self.swap is None:
            return
        for name in (self.name, self.swap.log):
            if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
                raise ValueError(f"{name!r} cannot name a mart that is swapped: {_LONGEST_NAME} letters, digits and _.")
        wanted = (self.day, *self.swap.index, *filter(None, [self.swap.watched]))
        if missing := [column for column in wanted if column not in self.table.column_names]:
            raise ValueError(f"Mart {self.name} names no column of its table: {', '.join(missing)}.")

    @property
    def whole(self) -> bool:
        """Whether a run replaces all of it, so that an older day must not come after a newer one."""
        return self.swap is not None or self.table.replace.kind in ("whole", "state")

    def columns_sql(self) -> str:
        return ", ".join(f'"{column.name}" {POSTGRES[column.type]}' for column in self.table.columns)

    def unique_sql(self) -> str | None:
        """The key within a tier; None for a table without one."""
        return f"UNIQUE ({', '.join(['tier', *map(quoted, self.table.key)])})" if self.table.key else None

    def views_sql(self, schema: str) -> dict[str, str]:
        """How each view is made, by name: ``<mart>_current`` (settled days and, for days not settled yet, live rows) and
        the mart's own.
        """
        full = named(schema, self.name)
        current = (
            f"SELECT * FROM {full} m WHERE tier = 'settled' OR NOT EXISTS "
            f'(SELECT 1 FROM {full} s WHERE s.tier = \'settled\' AND s."{self.day}" = m."{self.day}")'
        )
        selects = {f"{self.name}_current": current}
        selects |= {view.name: view.select.format(schema=quoted(schema)) for view in self.views}
        return {name: f"CREATE VIEW {named(schema, name)} AS {select}" for name, select in selects.items()}


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def named(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"
