"""Whether a landing file's bytes agree with its manifest, and which times it has rows of."""

import functools
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from spark_jobs.common.window import Window


def not_as_said(path: Path, digest: str, said: dict[str, Any]) -> str | None:
    """Why a file's bytes cannot be trusted, or None."""
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    if said.get("sha256", digest) != digest:
        return "has other bytes than its manifest says (sha256 differs)"
    if "time_zone" in said and said["time_zone"] not in _time_zones():
        return f"names the unknown time zone {said['time_zone']!r} in its manifest"
    if path.suffix == ".csv" and not {"rows", "sha256"} & set(said) and last_byte(path) not in b"\r\n":
        return "ends in the middle of a line, and no manifest says how many rows it has"
    return None


@functools.cache
def _time_zones() -> set[str]:
    return available_timezones()


def overlaps(said: dict[str, Any], window: Window) -> bool:
    """Whether a file whose manifest gives its first and last event time has rows of the window."""
    start, end = datetime.fromisoformat(said["start"]), datetime.fromisoformat(said["end"])
    return start < window.end and end >= window.start


def last_byte(path: Path) -> bytes:
    """What a file that is not empty ends with."""
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)
