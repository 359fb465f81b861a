"""Logs that nobody rotates: Airflow writes a file for each try of each task, and a folder of the DAG processor for each day."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from platform_local.problem import Problem

# A folder that has just been made is about to get its file.
EMPTY_FOR_S = 3600


def keep_days(environ: Mapping[str, str]) -> float:
    """For how many days logs are kept."""
    days = environ["SIGNALBOX_LOG_DAYS"]
    with suppress(ValueError):
        if float(days) > 0:
            return float(days)
    raise Problem(f"SIGNALBOX_LOG_DAYS={days} cannot be: set a number of days above 0.")


def remove_old(folder: Path, before: float) -> int:
    """Delete the files last written before a moment (seconds since 1970), and folders that have been empty for an hour; the
    number of files. Links are followed nowhere.
    """
    removed = 0
    for place, _, names in os.walk(folder, topdown=False):
        here = Path(place)
        for name in names:
            with suppress(FileNotFoundError):
                if (here / name).lstat().st_mtime < before:
                    (here / name).unlink()
                    removed += 1
        with suppress(OSError):  # It is not empty.
            if here != folder and here.stat().st_mtime < time.time() - EMPTY_FOR_S:
                here.rmdir()
    return removed
