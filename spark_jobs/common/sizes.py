"""How big a session is, by cadence: the one setting ``SIGNALBOX_SIZES``, checked before anything is started with it.

It is a JSON object by cadence. Each cadence may name ``driver_memory``, ``executor_cores`` and ``executor_memory``, and how many
executors: ``executor_instances``, or ``executors_min`` and ``executors_max``, between which Spark then chooses by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

SETTING = "SIGNALBOX_SIZES"
CADENCES = ("live", "nightly")
MEMORIES = ("driver_memory", "executor_memory")
COUNTS = ("executor_instances", "executor_cores", "executors_min", "executors_max")
# As Spark writes it; a number alone would be mebibytes here and bytes there.
MEMORY = re.compile(r"[1-9]\d*[mg]")


def size_of(environ: Mapping[str, str], cadence: str) -> dict[str, Any]:
    """What the setting says for a cadence; nothing where it is not set. A mistake in it raises ``ValueError``."""
    text = environ.get(SETTING)
    if not text:
        return {}
    try:
        sizes = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{SETTING} is not JSON: {error}.") from error
    if not isinstance(sizes, dict) or not all(isinstance(size, dict) for size in sizes.values()):
        raise ValueError(f'{SETTING} is a JSON object by cadence, such as {{"live": {{"driver_memory": "2g"}}}}.')
    if unknown := sorted(set(sizes) - set(CADENCES)):
        raise ValueError(f"{SETTING} names {', '.join(unknown)}; the cadences are {' and '.join(CADENCES)}.")
    for name, size in sizes.items():
        _check(name, size)
    found: dict[str, Any] = sizes.get(cadence, {})
    return found


def _check(cadence: str, size: dict[str, Any]) -> None:
    if unknown := sorted(set(size) - {*MEMORIES, *COUNTS}):
        raise ValueError(
            f"{SETTING}: {cadence} has {', '.join(unknown)}; it may have {', '.join((*MEMORIES, *COUNTS))}."
        )
    for key, value in size.items():
        if key in MEMORIES and not (isinstance(value, str) and MEMORY.fullmatch(value)):
            raise ValueError(f'{SETTING}: {key} of {cadence} is {value!r}; write it as "512m" or "4g".')
        if key in COUNTS and not (type(value) is int and value > 0):
            raise ValueError(f"{SETTING}: {key} of {cadence} is {value!r}; it must be a whole number from 1.")
    bounds = {"executors_min", "executors_max"} & set(size)
    if len(bounds) == 1:
        raise ValueError(f"{SETTING}: {cadence} must have both executors_min and executors_max, or neither.")
    if bounds and "executor_instances" in size:
        raise ValueError(f"{SETTING}: {cadence} has executor_instances and a range of them; leave one of the two away.")
    if bounds and size["executors_min"] > size["executors_max"]:
        raise ValueError(f"{SETTING}: executors_min of {cadence} is more than its executors_max.")
