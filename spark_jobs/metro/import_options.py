"""What the importers of metro take alike: groups of lines, time zones by name, and columns that may be absent."""

import argparse
from collections.abc import Iterable
from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

# A plan without a time of publication of its own is taken as published just before its first day of service begins, local time.
DAY_OPENS = time(3, 59, 59)


def add_corridor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--corridor", action="append", default=[], metavar="ROUTE=GROUP", help="put a route into a corridor group"
    )


def corridor_groups(routes: Iterable[str], chosen: list[str]) -> pd.Series:
    """route_id -> corridor group: as chosen on the command line, else the route itself."""
    names = pd.Index(sorted(set(routes)))
    groups = pd.Series(names, index=names)
    for choice in chosen:
        route, equals, group = choice.partition("=")
        if not (route and equals and group):
            raise ValueError(f"--corridor takes ROUTE=GROUP, not {choice!r}.")
        if route not in groups.index:
            raise ValueError(f"--corridor names the route {route!r}, which the input does not have.")
        groups[route] = group
    return groups


def time_zone(name: str) -> ZoneInfo:
    """The time zone of this name, or a ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone.") from error


def optional(rows: pd.DataFrame, column: str) -> pd.Series:
    """The column, or one without values."""
    return rows[column] if column in rows else pd.Series(None, index=rows.index, dtype="str")
