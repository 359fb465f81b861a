"""Sections on the index: what stands out, at which pixels, how surely, and since when."""

import numpy as np
import pandas as pd

from expectations.audience import statuses
from spark_jobs.audience import charts, filters, run_charts
from spark_jobs.audience.shown import MINIMUM
from spark_jobs.common.report import Section, nothing
from spark_jobs.common.report.frames import Read

# Rows of a table that repeats what another one holds, and lines that can be told apart.
ROWS, LINES = 2_000, 6
# What the page carries of the trend: points of its lines, and the largest pixels.
TREND_ROWS, TREND_PIXELS = 6_000, 20
_COUNTS = ["segment_id", "pixel_id", "group_id", "matched_users", "group_users", "segment_users", "group_total"]
_INDEX = ["expected", "audience_index", "ci_low", "ci_high", "q_value", "status"]
_NAMES = ["segment_name", "pixel_name", "advertiser_id"]
_NONE = "the index has no cell that is over, under, neutral or a low count"


def top(index: pd.DataFrame, cells: pd.DataFrame) -> Section:
    """The segments that stand out."""
    title = "Most over- and under-indexed segments"
    if cells.empty:
        return nothing(title, _NONE)
    says = (
        f"Up to {charts.BARS} bars a side: blue is more common than in the group, orange-red less, grey could be chance; the black line is "
        "the 95 % interval, and those whose interval lies furthest from 100 come first. Point at a bar for its users. "
        f"Fewer users than the slider says hide a cell; below {MINIMUM} it lets in low counts too. What is picked here "
        f"holds for the charts and tables below as well. {_left_out(index, cells)}"
    )
    table = cells[[*_COUNTS, *_INDEX, "share_excluded_by_order", "shown_up_to", *_NAMES]]
    return Section(title, says, charts.top(cells), table, filters.COLUMNS)


def heatmap(grid: pd.DataFrame) -> Section:
    """The same over all pixels at once."""
    title = "Segments by pixels"
    if grid.empty:
        return nothing(title, _NONE)
    says = (
        f"Blue: more common than in the group, orange-red: less; white: no index, or fewer users than the slider says. The colours end "
        f"at 25 and 400. It draws the {charts.MAP_PIXELS} largest of the picked pixels, largest first, and the "
        f"{charts.MAP_SEGMENTS} segments that differ most, group by group; it has {grid['pixel_id'].nunique():,} pixels and "
        f"{grid['segment_id'].nunique():,} segments to pick from."
    )
    which = {name: column for name, column in filters.COLUMNS.items() if name != filters.PIXEL}
    table = grid.sort_values(["segment_place", "pixel_rank"])
    table = table[["segment_id", "pixel_id", "group_id", "matched_users", "audience_index", *_FOR_FILTERS]]
    return Section(title, says, charts.heatmap(grid), table, which)


def volcano(cells: pd.DataFrame) -> Section:
    """How surely each differs."""
    title = "Index against significance"
    known = cells.dropna(subset=["q_value"])
    if known.empty:
        return nothing(
            title, "no cell has a q value, the share of false findings among the cells at least as far from 100"
        )
    says = (
        "Right of the middle a segment is more common than in its group, left of it less; the higher, the less chance could have "
        "made it. Above the dashed line fewer than 5 % of the findings of a pixel are false (q, Benjamini-Hochberg). Up to "
        f"{charts.POINTS:,} points of the picked cells, the surest first; q below 1e-{charts.SURE} is drawn at the top."
    )
    table = known.head(ROWS)[["segment_id", "pixel_id", "group_id", "audience_index", "z", "q_value", *_FOR_FILTERS]]
    return Section(title, says, charts.volcano(known), table, filters.COLUMNS)


def trend(read: Read, cells: pd.DataFrame) -> Section:
    """Since when the surest are as they are."""
    title = "Trend over the runs"
    far = cells[cells["status"].isin([statuses.OVER, statuses.UNDER])].sort_values("q_value", kind="stable")
    if far.empty:
        return nothing(title, "no index is over or under 100 beyond chance")
    followed = _followed(far, most=max(LINES, TREND_ROWS // max(1, read("air_run_audit")["ds"].nunique())))
    told = [
        read("air_trend", pixel_id=str(pixel)).drop(columns=_OF_TODAY).merge(of_pixel, on=["pixel_id", "segment_id"])
        for pixel, of_pixel in followed.groupby("pixel_id")
    ]
    rows = pd.concat(told).sort_values(["surest", "ds"], kind="stable")
    if rows.empty:
        return nothing(title, "the days before are not on record")
    days = rows["ds"].nunique()
    over = f"Over {days:,} days" if days > 1 else "There is one day so far"
    says = (
        f"{over}: the index of those up to {LINES} of the picked cells that are over or under most surely today, with its 95 % "
        f"interval. It has {len(followed):,} cells to pick from, of {followed['pixel_id'].nunique():,} pixels. A day on which a "
        "cell was withheld or a low count is left out. Every day's index is in the lake: air_index, under the tag of the day."
    )
    table = rows[
        ["ds", "segment_id", "pixel_id", "group_id", "matched_users", *_INDEX_OF_TREND, "status", "advertiser_id"]
    ]
    which = {name: column for name, column in filters.COLUMNS.items() if name != filters.USERS}
    return Section(title, says, run_charts.trend(rows, LINES), table, which)


def _followed(far: pd.DataFrame, most: int) -> pd.DataFrame:
    """Of cells, the surest first: the ``LINES`` surest, and of the largest pixels the surest of each group, then the second of
    each, and so on, ``most`` in all. ``surest``: their place among all.
    """
    ranked = far.assign(
        surest=np.arange(len(far)),
        name=far["segment"] + " · " + far["pixel"],
        turn=far.groupby(["pixel_id", "group_id"]).cumcount(),
    )
    largest = ranked.drop_duplicates("pixel_id").nsmallest(TREND_PIXELS, "pixel_rank")["pixel_id"]
    first, others = ranked[:LINES], ranked[LINES:]
    others = others[others["pixel_id"].isin(largest)].sort_values("turn", kind="stable")
    return pd.concat([first, others]).head(most)[
        ["pixel_id", "segment_id", *_OF_TODAY, "group", "pixel", "name", "surest"]
    ]


def _left_out(index: pd.DataFrame, cells: pd.DataFrame) -> str:
    silent = int((~index["status"].isin([*statuses.SHOWN, statuses.LOW_COUNT])).sum())
    more = len(index) - silent - len(cells)
    where = "All of them are in audience_index.csv beside this page."
    if not more:
        return f"The page holds all {len(cells):,} cells that have an index which can differ from 100; {silent:,} have none. {where}"
    return (
        f"The page holds {len(cells):,} of {len(index):,} cells: the most significant of the "
        f"{cells['pixel_id'].nunique():,} largest pixels. {where}"
    )


_FOR_FILTERS = ["shown_up_to", "advertiser_id"]
_OF_TODAY = ["advertiser_id", "group_id"]
_INDEX_OF_TREND = ["audience_index", "ci_low", "ci_high"]
