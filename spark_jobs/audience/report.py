"""The report of audience: which segments are more, or less, common among a site's visitors, and the whole index as CSV."""

from datetime import date

import pandas as pd

from expectations.audience import air_index
from spark_jobs.audience import report_index, report_run, shown
from spark_jobs.common.report import Section
from spark_jobs.common.report.frames import Read

TITLE = "Audience index"

# What scripts that read the file count on.
FIRST = (
    "segment_id",
    "pixel_id",
    "group_id",
    "matched_users",
    "group_users",
    "segment_users",
    "group_total",
    "expected",
    "audience_index",
)
_COUNTS = {column.name: "Int64" for column in air_index.TABLE.columns if column.type == "bigint"}


def as_of(read: Read) -> date | None:
    """The day at the end of which the index was computed that is shown; None before the first.

    After a rollback that is not the newest that was computed. An index without a cell tells no day: then the newest run does.
    """
    return max(read("air_index")["ds"], default=None) or max(read("air_run_audit")["ds"], default=None)


def subtitle(read: Read) -> str:
    """What the figures compare."""
    return (
        "Visitors of each site (pixel) against third-party segments: 100 means that a segment is as common among the "
        "visitors as in its group, 200 twice as common, 50 half."
    )


def sections(read: Read) -> list[Section]:
    """The page's sections in reading order."""
    index, day = read("air_index"), as_of(read)
    segments, pixels = shown.on(read("segments"), day), read("pixels")
    cells = shown.cells(index, segments, pixels)
    return [
        report_run.at_a_glance(read("air_run_audit"), index, day),
        report_index.top(index, cells),
        report_index.heatmap(shown.grid(index, segments, pixels)),
        report_index.volcano(cells),
        report_index.trend(read, cells),
        report_run.by_status(index),
    ]


def files(read: Read) -> dict[str, pd.DataFrame]:
    """The whole index, in full precision, to be written without formulas as all of a report's files are."""
    index = read("air_index")
    columns = [*FIRST, *(name for name in air_index.TABLE.column_names if name not in FIRST)]
    ordered = index[columns].sort_values(["pixel_id", "segment_id"], kind="stable", ignore_index=True)
    return {"index": ordered.astype(_COUNTS)}
