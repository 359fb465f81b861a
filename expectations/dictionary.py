"""The data dictionary ``docs/PIPELINES.md``, written from the contracts: ``python -m expectations.dictionary``."""

import importlib
import pkgutil
import sys
from pathlib import Path

import expectations
from expectations.contract import Table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "PIPELINES.md"


def page() -> str:
    """The whole page: every pipeline, its landing files and its lake tables."""
    lines = [
        "# Pipelines and their tables",
        "",
        "Generated from `expectations/` by `make docs`; edit the contracts, not this page.",
        "",
    ]
    for found in pkgutil.iter_modules(expectations.__path__):
        if found.ispkg:
            package = importlib.import_module(f"expectations.{found.name}")
            lines += [f"## `{found.name}`", ""]
            for title, tables in (("Landing files", package.LANDING), ("Lake tables", package.LAKE)):
                lines += [f"### {title}", ""]
                for table in tables:
                    lines += _table(table)
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    replaced = {
        "window": "the rows whose `{0}` lies in its window",
        "keys": "the rows of its `{0}`",
        "whole": "everything",
        "state": "everything; what it was at the end of each day stays under a tag",
    }[table.replace.kind]
    lines = [f"#### `{table.name}`", "", table.meaning, ""]
    key = ", ".join(f"`{name}`" for name in table.key)
    lines += [
        f"Key: {key}." + ("" if table.landing else f" A run replaces {replaced.format(*table.replace.columns)}."),
        "",
    ]
    lines += ["| column | type | meaning | |", "|---|---|---|---|"]
    for column in table.columns:
        notes = [
            column.unit or "",
            "may be null" if column.nullable else "",
            f"one of {', '.join(column.allowed)}" if column.allowed else "",
        ]
        lines.append(
            f"| `{column.name}` | {_cell(column.type)} | {_cell(column.meaning)} | {_cell('; '.join(filter(None, notes)))} |"
        )
    rules = {rule.name: rule for rule in (*table.suite_rules(), *table.rules)}
    lines += ["", *[f"* *{rule.severity}*: {rule.sentence}" for rule in rules.values()], ""]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE} written\n")
