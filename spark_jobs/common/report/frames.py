"""Where a report's frames come from: the served marts in PostgreSQL, or a folder of exported Parquet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spark_jobs.common.serve import marts_uri

if TYPE_CHECKING:
    import pandas as pd


class Read(Protocol):
    """Reads a mart by its name; ``equal`` keeps the rows in which these columns have these values."""

    def __call__(self, mart: str, **equal: str) -> "pd.DataFrame": ...


class MissingTable(ValueError):
    """A table that a report is made from is not there."""


@contextmanager
def served(slug: str) -> Iterator[Read]:
    """The marts of a pipeline, all as of one moment."""
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(marts_uri()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, viewname) FROM pg_views "
            "WHERE schemaname = $1 AND right(viewname, 8) = '_current' ORDER BY 1",
            (slug,),
        )
        views = [view for (view,) in cursor.fetchall()]
        connection.commit()
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if views:
            # Before the moment is fixed: a table that is swapped in after it would look empty as of that moment.
            cursor.execute(f"LOCK TABLE {', '.join(views)} IN ACCESS SHARE MODE")

        def read(mart: str, **equal: str) -> "pd.DataFrame":
            view = f'"{slug}"."{mart}_current"'
            cursor.execute("SELECT to_regclass($1) IS NULL", (view,))
            if cursor.fetchone()[0]:
                raise MissingTable(f"The serving database has no mart {mart} of {slug}; has the pipeline been served?")
            where = " AND ".join(f'"{column}" = ${place}' for place, column in enumerate(equal, 1)) or "true"
            cursor.execute(f"SELECT * FROM {view} WHERE {where}", tuple(equal.values()) or None)
            return _nulls_as_none(cursor.fetch_arrow_table())

        yield read


@contextmanager
def exported(folder: Path) -> Iterator[Read]:
    """What ``python -m spark_jobs run … --export FOLDER`` wrote: a file or a folder ``<table>.parquet`` each."""

    def read(mart: str, **equal: str) -> "pd.DataFrame":
        import pyarrow.parquet as pq

        path = folder / f"{mart}.parquet"
        if not path.exists():
            raise MissingTable(f"There is no table {mart} in {folder}: {path.name} is missing.")
        wanted = [(column, "=", value) for column, value in equal.items()]
        return _nulls_as_none(pq.read_table(path, filters=wanted or None))

    yield read


def _nulls_as_none(table: Any) -> "pd.DataFrame":
    """Numbers with nulls as floats with NaN, texts and dates with None. Of a table of millions of rows the memory is given
    back column by column.
    """
    frame: pd.DataFrame = table.to_pandas(date_as_object=True, split_blocks=True, self_destruct=True)
    return frame
