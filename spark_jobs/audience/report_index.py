"""Sections on the index: what stands out, at which pixels, how surely, and since when."""

import pandas as pd

from expectations.audience import statuses
from spark_jobs.audience import charts, filters, run_charts
from spark_jobs.audience.shown import MINIMUM
from spark_jobs.common.report import Section, nothing
from spark_jobs.common.report.frames import Read

# Rows of a table that repeats what another one holds, and lines that can be told apart.
ROWS, LINES = 2_000, 6
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
    surest = cells[cells["status"].isin([statuses.OVER, statuses.UNDER])].sort_values("q_value", kind="stable")
    surest = surest.head(LINES)
    if surest.empty:
        return nothing(title, "no index is over or under 100 beyond chance")
    named = surest.assign(name=surest["segment"] + " · " + surest["pixel"])
    told = [
        read("air_trend", pixel_id=pixel, segment_id=segment).assign(name=name)
        for pixel, segment, name in zip(named["pixel_id"], named["segment_id"], named["name"], strict=True)
    ]
    rows = pd.concat(told).sort_values(["name", "ds"], kind="stable")
    if rows.empty:
        return nothing(title, "the days before are not on record")
    days = rows["ds"].nunique()
    over = f"Over {days:,} days" if days > 1 else "There is one day so far"
    says = (
        f"{over}: the index of the {len(surest)} cells that are over or under most surely today, whatever is picked above, with "
        "its 95 % interval. A day on which a cell was withheld or a low count is left out. Every day's index is in the lake: "
        "air_index, under the tag of the day."
    )
    table = rows[["ds", "segment_id", "pixel_id", "group_id", "matched_users", *_INDEX_OF_TREND, "status"]]
    return Section(title, says, run_charts.trend(rows), table)


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
_INDEX_OF_TREND = ["audience_index", "ci_low", "ci_high"]
