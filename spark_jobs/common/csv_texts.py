"""CSV files as columns of text, with the lines that cannot be read kept beside them."""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from spark_jobs.common.manifest import last_byte

ROW = "_landed_row"
UNREADABLE = "_unreadable"
csv.field_size_limit(1 << 27)


def read_csv_texts(path: Path) -> pa.Table:
    """Every field as text (an empty one is null), the row's number from 0, and in ``_unreadable`` the text of a line
    that is no row.

    A line is no row when it has more or fewer fields than the header or is not UTF-8. Raises ``ValueError`` for a quote
    that is never closed: what it swallowed cannot be told apart any more.
    """
    try:
        return _all_at_once(path)
    except pa.ArrowInvalid:
        return _line_by_line(path)


def _all_at_once(path: Path) -> pa.Table:
    """The fast way; raises ``ArrowInvalid`` when any line is not as the header says."""
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    texts = dict.fromkeys(_header(path), pa.string())
    convert = pa_csv.ConvertOptions(column_types=texts, strings_can_be_null=True, null_values=[""])
    rows = pa_csv.read_csv(path, parse_options=parse, convert_options=convert)
    if _may_end_in_quotes(path, rows):
        deque(_records(path), maxlen=0)
    rows = rows.append_column(ROW, pa.array(range(rows.num_rows), pa.int64()))
    return rows.append_column(UNREADABLE, pa.nulls(rows.num_rows, pa.string()))


def _line_by_line(path: Path) -> pa.Table:
    header = _header(path)
    rows: list[list[str | None]] = []
    records = _records(path)
    next(records, None)
    for fields in records:
        if len(fields) == len(header) and all(map(is_utf8, fields)):
            rows.append([*(field or None for field in fields), None])
        elif any("\n" in field for field in fields):
            raise _never_closed(len(rows))
        else:
            rows.append([*[None] * len(header), printable(",".join(fields))])
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(header) + 1)]
    return pa.table(
        [*columns[:-1], pa.array(range(len(rows)), pa.int64()), columns[-1]], names=[*header, ROW, UNREADABLE]
    )


def _header(path: Path) -> list[str]:
    return [printable(name) for name in next(_records(path), [])]


def _records(path: Path) -> Iterator[list[str]]:
    """The header and the rows, without empty lines; raises ``ValueError`` at the end of a file that lies in quotes."""
    row, fields = -2, [""]
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        # One more empty line is a record of its own, unless it still belongs to a quote.
        for fields in csv.reader(chain(stream, [""])):
            if fields:
                row += 1
                yield fields
    if fields:
        raise _never_closed(max(row, 0))


def _may_end_in_quotes(path: Path, rows: pa.Table) -> bool:
    """Whether it takes a second look to tell: a quote that is never closed takes in the end of the last line."""
    last = rows.column(rows.num_columns - 1)[-1].as_py() if rows.num_rows else "\n"
    return last_byte(path) not in b"\r\n" or not {"\r", "\n"}.isdisjoint(last or "")


def _never_closed(row: int) -> ValueError:
    return ValueError(f"has a quote that is never closed, in or before row {row}")


def is_utf8(text: str) -> bool:
    """Whether a text, or a file's name, was UTF-8 where it was read."""
    return text.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in text)


def printable(text: str) -> str:
    """The same with a mark for each byte that was not."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
