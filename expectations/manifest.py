"""What lies beside landing files: a manifest for each, and the list of the tables that are supplied at all.

``<file>.manifest.json``: {"rows", "sha256", "time_zone", "start", "end"}, all optional; start and end are the first and
last event time in the file, ISO times with offset. ``landing.json``: {"tables": […]}.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A name to write a file under that takes its place at once when it is whole; what broke off leaves nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def manifest_of(path: Path) -> Path:
    """Where the manifest of a landing file is, if it has one."""
    return path.with_name(path.name + ".manifest.json")


def write_manifest(path: Path, rows: int, **said: str) -> None:
    """Say what a finished file has; written last, so that a reader knows that the file is whole."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _write(manifest_of(path), {"rows": rows, "sha256": digest, "time_zone": "UTC"} | said)


def read_manifest(path: Path) -> dict[str, Any]:
    """What the manifest of a landing file says; a value of null says nothing."""
    manifest = manifest_of(path)
    return manifest_in(manifest.read_bytes() if manifest.exists() else None, manifest.name)


def manifest_in(text: bytes | None, name: str) -> dict[str, Any]:
    """The same from its text; without one nothing is said."""
    said = json.loads(text) if text is not None else {}
    if not isinstance(said, dict):
        raise TypeError(f"{name} is not a JSON object")
    return {key: value for key, value in said.items() if value is not None}


def listed(landing: Path) -> set[str] | None:
    """The tables that landing.json says are supplied; None where there is none, and so any may be.

    Raises ``ValueError`` for a listing that is of another form.
    """
    listing = landing / "landing.json"
    return tables_in(listing.read_bytes(), str(listing)) if listing.exists() else None


def tables_in(listing: bytes, place: str) -> set[str]:
    """The tables that the text of a landing.json lists."""
    try:
        names = json.loads(listing)["tables"]
    except (ValueError, KeyError, TypeError, RecursionError):
        names = None
    # A text would be taken for the list of its letters, and every table for one that is not supplied.
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f'{place} is not of the form {{"tables": ["…"]}}; mend or remove it.')
    return set(names)


def list_tables(landing: Path, names: Iterable[str], of: Iterable[str]) -> None:
    """Which ``of`` these tables are supplied, even without a row; what is said of others, other pipelines' too, stays."""
    known = listed(landing)
    if known is None:
        # A first listing must not declare absent what has landed without one.
        known = {path.name for path in landing.glob("[!_]*") if path.is_dir()}
    _write(landing / "landing.json", {"tables": sorted(known - set(of) | set(names))})


def _write(path: Path, document: object) -> None:
    with appearing(path) as partial:
        partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
