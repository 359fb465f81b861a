"""One HTML page of charts and tables. It carries all it needs, and its Content-Security-Policy lets it fetch nothing.

Vega runs with its expression interpreter, so that no text is ever turned into code: the policy needs no 'unsafe-eval'.
"""

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from spark_jobs.common.report.spreadsheet import csv_text
from spark_jobs.common.report.theme import Drawable, specification

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 50
# Of Vega-Lite's versions that the converter carries, the one whose schema Altair writes.
_VEGA_LITE = "6.4"


@dataclass(frozen=True)
class Section:
    """A part of a report. ``says``: how to read it, or why there is nothing to show, and then ``chart`` is None.

    ``table``: the figures behind it, all of them; the page shows the first and hands out the rest as CSV.
    """

    title: str
    says: str
    chart: Drawable | None
    table: "pd.DataFrame"


def page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """The whole document; everything that comes from data is shown as text."""
    scripts = {"bundle": _bundle(), "start": _part("page.js")}
    style = _part("page.css")
    hashes = " ".join(_hash(script) for script in scripts.values())
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_part("page.html")).substitute(
        scripts,
        policy=escape(policy, quote=True),
        style=style,
        title=escape(title),
        subtitle=escape(subtitle),
        contents="\n".join(
            f'<li><a href="#section-{number}">{escape(section.title)}</a></li>'
            for number, section in enumerate(sections, 1)
        ),
        sections="\n".join(_section(number, section) for number, section in enumerate(sections, 1)),
        data=_json(_data(sections)),
    )


def _section(number: int, section: Section) -> str:
    parts = [
        f'<section id="section-{number}" aria-labelledby="title-{number}">',
        f'<h2 id="title-{number}">{escape(section.title)}</h2>',
        f"<p>{escape(section.says)}</p>",
    ]
    if section.chart is not None:
        parts.append(f'<div class="chart" id="chart-{number}"></div>')
    if len(section.table):
        parts.append(_table(number, section))
    return "\n".join([*parts, "</section>"])


def _table(number: int, section: Section) -> str:
    rows, shown = len(section.table), section.table.head(SHOWN_ROWS)
    kinds = ["number" if kind.kind in "iuf" else "text" for kind in section.table.dtypes]
    head = "".join(f'<th scope="col">{escape(str(name).replace("_", " "))}</th>' for name in shown.columns)
    body = "\n".join(_row(row, kinds) for row in shown.itertuples(index=False, name=None))
    counted = f"{rows:,} rows" if rows <= SHOWN_ROWS else f"first {SHOWN_ROWS} of {rows:,} rows"
    more = f"<p>{rows - SHOWN_ROWS:,} more rows are in the CSV file.</p>\n" if rows > SHOWN_ROWS else ""
    return (
        f"<details><summary>Table ({'1 row' if rows == 1 else counted})</summary>\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {escape(section.title, quote=True)}">\n'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n{more}</details>\n"
        f'<p class="download"><a id="csv-{number}" download="{_file_name(section.title)}">'
        f"Download the whole table (CSV)</a></p>"
    )


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


def _data(sections: Sequence[Section]) -> dict[str, list[dict[str, Any]]]:
    """What the page's script draws and hands out, by the ids of the elements."""
    numbered = list(enumerate(sections, 1))
    return {
        "charts": [
            {"place": f"chart-{number}", "specification": specification(section.chart, _described(section))}
            for number, section in numbered
            if section.chart is not None
        ],
        "tables": [
            {"link": f"csv-{number}", "csv": csv_text(section.table)}
            for number, section in numbered
            if len(section.table)
        ],
    }


def _described(section: Section) -> str:
    return f"{section.title}. {section.says} The table below holds its figures."


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; none of it ends a script element, which the browser test proves."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", _VEGA_LITE)
    return bundle


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _file_name(title: str) -> str:
    return f"{re.sub(r'[^a-z0-9]+', '_', title.lower()).strip('_')}.csv"
