"""A section's table as HTML, with its download, and what the page's script needs to know of it."""

import re
from html import escape
from typing import Any

from spark_jobs.common.report.section import Section
from spark_jobs.common.report.spreadsheet import csv_text

SHOWN_ROWS = 50


def html(number: int, section: Section) -> str:
    """The first rows, folded away, and the link to all of them."""
    rows, shown = len(section.table), section.table.head(SHOWN_ROWS)
    head = "".join(f'<th scope="col">{escape(str(name).replace("_", " "))}</th>' for name in shown.columns)
    body = "\n".join(_row(row, _kinds(section)) for row in shown.itertuples(index=False, name=None))
    counted = f"{rows:,} rows" if rows <= SHOWN_ROWS else f"first {SHOWN_ROWS} of {rows:,} rows"
    more = f"<p>{rows - SHOWN_ROWS:,} more rows are in the CSV file.</p>\n" if rows > SHOWN_ROWS else ""
    return (
        f'<details id="table-{number}"><summary>Table ({"1 row" if rows == 1 else counted})</summary>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {escape(section.title, quote=True)}">\n'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n{more}</details>\n"
        f'<p class="download"><a id="csv-{number}" download="{_file_name(section.title)}">'
        f"Download the whole table (CSV)</a></p>"
    )


def data(number: int, section: Section) -> dict[str, Any]:
    """The whole table as CSV; where a chart's controls pick its rows, these as the page shows them, too."""
    told: dict[str, Any] = {"link": f"csv-{number}", "csv": csv_text(section.table)}
    if section.filters:
        told |= {
            "place": f"table-{number}",
            "most": SHOWN_ROWS,
            "kinds": _kinds(section),
            "rows": [[_shown(value) for value in row] for row in section.table.itertuples(index=False, name=None)],
            "filters": {name: section.table[column].tolist() for name, column in section.filters.items()},
        }
    return told


def _kinds(section: Section) -> list[str]:
    return ["number" if kind.kind in "iuf" else "text" for kind in section.table.dtypes]


def _row(row: tuple[Any, ...], kinds: list[str]) -> str:
    cells = (f"<td class='{kind}'>{escape(_shown(value))}</td>" for value, kind in zip(row, kinds, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def _shown(value: Any) -> str:
    """Whole numbers in full, others with four digits that matter, nothing as a dash."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:,.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _file_name(title: str) -> str:
    return f"{re.sub(r'[^a-z0-9]+', '_', title.lower()).strip('_')}.csv"
