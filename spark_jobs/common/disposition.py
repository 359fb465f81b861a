"""Rows that a stage leaves out on purpose: marked, never lost, so that the receipt's balance adds up.

A transform that keeps a landing table's rows marks what it leaves out in the column ``_dropped``; the job counts the
marks by reason and writes the rest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.contract import Table
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

DROPPED = "_dropped"
DUPLICATE = "duplicate"


def drop_where(frame: "DataFrame", condition: "Column", reason: str) -> "DataFrame":
    """Mark rows for which ``condition`` holds, unless they are marked already."""
    from pyspark.sql import functions as F

    return _markable(frame).withColumn(DROPPED, F.coalesce(F.col(DROPPED), F.when(condition, F.lit(reason))))


def drop_outside(frame: "DataFrame", column: str, window: Window) -> "DataFrame":
    """Mark rows whose instant lies outside the window."""
    from pyspark.sql import functions as F

    inside = (F.col(column) >= F.lit(window.start)) & (F.col(column) < F.lit(window.end))
    return drop_where(frame, ~inside, "outside_window")


def drop_later_copies(frame: "DataFrame", keys: list["Column"], order: Sequence["Column | str"]) -> "DataFrame":
    """Mark all but the first row, by ``order``, of each key among the rows that are not marked yet.

    Rows that tie are told apart by their content, so that every run keeps the same one.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    frame = _markable(frame)
    content = F.xxhash64(*[F.col(f"`{name}`") for name in frame.columns])
    # The hash stands first because a sort compares the first column as a number, and texts one by one.
    key = (F.xxhash64(*keys), F.col(DROPPED).isNull(), *keys)
    place = F.row_number().over(W.partitionBy(*key).orderBy(*order, content))
    return drop_where(frame.withColumn("_copy", place), F.col("_copy") > 1, DUPLICATE).drop("_copy")


def newest_of_each(rows: "DataFrame", table: Table) -> "DataFrame":
    """Mark all but one landing row of each key as duplicates: of the file that landed last, the first row."""
    return _older_dropped(rows, table).select(*table.column_names, DROPPED)


def only_newest(rows: "DataFrame", table: Table) -> "DataFrame":
    """The same rows without the others, for a stage that keeps none of them."""
    return _older_dropped(rows, table).where(f"{DROPPED} IS NULL").drop(DROPPED)


def _older_dropped(rows: "DataFrame", table: Table) -> "DataFrame":
    from pyspark.sql import functions as F

    newest = [F.col("landing_file").desc(), F.col("source_row")]
    return drop_later_copies(rows, [F.col(name) for name in table.key], newest)


def landed_order(moment: str) -> "Column":
    """What ``max_by`` goes by to find a landing table's newest row: of one moment, the first row of the file that landed last."""
    from pyspark.sql import functions as F

    return F.struct(moment, "landing_file", -F.col("source_row"))


def _markable(frame: "DataFrame") -> "DataFrame":
    from pyspark.sql import functions as F

    return frame if DROPPED in frame.columns else frame.withColumn(DROPPED, F.lit(None).cast("string"))
