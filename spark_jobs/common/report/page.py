"""One HTML page of charts and tables. It carries all it needs, and its Content-Security-Policy lets it fetch nothing.

Vega runs with its expression interpreter, so that no text is ever turned into code: the policy needs no 'unsafe-eval'.
A control that several charts have under one name moves in all of them, and in the tables that name it.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import Any

from spark_jobs.common.report import table
from spark_jobs.common.report.section import Section
from spark_jobs.common.report.theme import specification

# Of Vega-Lite's versions that the converter carries, the one whose schema Altair writes.
_VEGA_LITE = "6.4"


def page(title: str, subtitle: str, sections: Sequence[Section], as_of: date | None = None) -> str:
    """The whole document; everything that comes from data is shown as text.

    ``as_of``: the day that the figures are of, which the page shows with its age on the day that it is read.
    """
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
        age=f'<p><time id="age" datetime="{as_of.isoformat()}">As of {as_of.isoformat()}</time></p>' if as_of else "",
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
        *(f"<p>{escape(said)}</p>" for said in section.says.splitlines()),
    ]
    if section.chart is not None:
        parts.append(f'<div class="chart" id="chart-{number}"></div>')
    if len(section.table):
        parts.append(table.html(number, section))
    return "\n".join([*parts, "</section>"])


def _data(sections: Sequence[Section]) -> dict[str, list[dict[str, Any]]]:
    """What the page's script draws and hands out, by the ids of the elements."""
    numbered = list(enumerate(sections, 1))
    return {
        "charts": [
            {"place": f"chart-{number}", "specification": specification(section.chart, _described(section))}
            for number, section in numbered
            if section.chart is not None
        ],
        "tables": [table.data(number, section) for number, section in numbered if len(section.table)],
    }


def _described(section: Section) -> str:
    return f"{section.title}. {section.says} The table below holds its figures."


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; none of it ends a script element, which the browser test proves."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", _VEGA_LITE)
    return bundle


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
