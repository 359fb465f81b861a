"""``report``: write a pipeline's report page and the files beside it."""

import argparse
import importlib
import importlib.util
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from spark_jobs.common import pipelines
from spark_jobs.common.report import frames


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The sub-command; what draws and reads loads only when it runs."""
    meaning = "write a pipeline's report, one HTML page, and the CSV files beside it"
    parser = commands.add_parser("report", help=meaning, description=meaning)
    parser.add_argument("slug", help="the pipeline, e.g. inventory")
    parser.add_argument(
        "--tables", type=Path, help="folder of tables that `run --export` wrote; default: the serving database"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.set_defaults(handler=_report)


def write(slug: str, folder: Path, tables: Path | None = None) -> list[Path]:
    """Write ``<slug>.html`` and a ``<slug>_<what for>.csv`` each of its files into the folder; each is the old one or
    the new one, whole.

    Raises ``ValueError`` for a pipeline that has no report and for a table that is missing.
    """
    from spark_jobs.common.report.page import page
    from spark_jobs.common.report.spreadsheet import csv_parts

    module = _module(slug)
    with frames.exported(tables) if tables else frames.served(slug) as read_anew:
        # Several parts of a page ask for the same rows, of which there may be millions.
        read = cache(read_anew)
        html = page(module.TITLE, module.subtitle(read), module.sections(read), module.as_of(read))
        files = module.files(read)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_replace(folder / f"{slug}.html", [html])]
    return written + [_replace(folder / f"{slug}_{name}.csv", csv_parts(frame)) for name, frame in files.items()]


def _report(args: argparse.Namespace) -> None:
    for path in write(args.slug, args.out, args.tables):
        print(path)


def _module(slug: str) -> ModuleType:
    pipelines.pipeline(slug)
    name = f"spark_jobs.{slug}.report"
    if importlib.util.find_spec(name) is None:
        raise ValueError(f"Pipeline {slug} has no report.")
    return importlib.import_module(name)


def _replace(path: Path, parts: Iterable[str]) -> Path:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.writelines(parts)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
