"""A landing zone: the folder or the S3 prefix below which ``<table>/<YYYY-MM-DD>/<name>.{parquet,csv}`` land."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from spark_jobs.common.s3 import on_s3

SUFFIXES = (".parquet", ".csv")
MANIFEST = ".manifest.json"


@dataclass(frozen=True)
class Found:
    """A file in a landing zone: its name below the zone, when it changed (in Unix time), and by what a change shows.

    ``bare``: no manifest says that it is whole. ``plain``: it is a file, and lies where its name says.
    """

    name: str
    stamp: Hashable
    changed_at: float
    bare: bool
    plain: bool = True


def changed(name: str) -> str:
    """What is said of a file whose rows may be a mixture of before and after."""
    return f"The landing file {name} changed while it was read; build the stage again."


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Zone(Protocol):
    """What a run asks of a landing zone."""

    def files(self, table: str, first: date, last: date) -> list[Found]:
        """The table's files in the folders of these days, in the order of their names."""

    def read(self, name: str) -> bytes | None:
        """What a small file holds; None where there is none."""

    def at_hand(self, found: Found) -> tuple[Path, str]:
        """The file where this machine can read it, and the SHA-256 of its bytes."""

    def size(self) -> int:
        """Bytes of all that has landed."""


def zone_at(place: Path | str, staging: Path) -> Zone:
    """The zone of that folder, or of an URL s3://bucket/prefix; ``staging`` takes what must be brought here."""
    if on_s3(str(place)):
        # Imported here: a zone in a folder needs no boto3.
        from spark_jobs.common.bucket import Bucket

        return Bucket(str(place), staging)
    return Folder(Path(place))


class Folder:
    """A landing zone on a disk of this machine."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise FileNotFoundError(
                f"The landing folder {root} does not exist; name an existing one with --landing or SIGNALBOX_LANDING."
            )
        self._root = root.resolve()

    def files(self, table: str, first: date, last: date) -> list[Found]:
        folder = self._root / table
        days = sorted(folder.iterdir()) if folder.is_dir() else []
        return [
            found
            for day in days
            if day.is_dir() and first <= _folder_date(day.name) <= last
            for found in self._of_day(day)
        ]

    def _of_day(self, day: Path) -> Iterator[Found]:
        names = {path.name for path in day.iterdir()}
        for path in (day / name for name in sorted(names)):
            if path.suffix in SUFFIXES:
                with suppress(FileNotFoundError):  # It went while the others were looked at.
                    yield self._found(path, bare=f"{path.name}{MANIFEST}" not in names)

    def _found(self, path: Path, bare: bool) -> Found:
        name, at = str(path.relative_to(self._root)), path.lstat()
        below = path.resolve().is_relative_to(self._root / name.partition("/")[0])
        plain = below and path.is_file() and not path.is_symlink()
        return Found(name, (at.st_ino, at.st_size, at.st_mtime_ns), at.st_mtime, bare and plain, plain)

    def read(self, name: str) -> bytes | None:
        path = self._root / name
        return path.read_bytes() if path.exists() else None

    def at_hand(self, found: Found) -> tuple[Path, str]:
        path = self._root / found.name
        return path, sha256_of(path)

    def size(self) -> int:
        total = 0
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):  # It was moved meanwhile.
                total += path.lstat().st_size
        return total


def _folder_date(name: str) -> date:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return date.min
