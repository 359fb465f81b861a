"""Histories: every observed month of demand once, every material once.

Reads `monthly_demand` and `material_master`; writes `histories` and `materials`. A negative or unreadable quantity is
in quarantine before this stage sees it: its month counts as not observed, as does one that no row names.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.inventory import histories, material_master, materials, monthly_demand
from spark_jobs.common.disposition import DROPPED, drop_later_copies
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Of rows that say something about the same month, the first by file and row counts.
ORDER = ["source_file", "source_row"]


def transform(
    demand: DataFrame, master: DataFrame, *, window: Window, params: InventoryParams
) -> tuple[DataFrame, DataFrame]:
    """Histories and materials with `_dropped` marks."""
    return (
        first_of_each(demand, monthly_demand.TABLE.key).select(*histories.TABLE.column_names, DROPPED),
        first_of_each(master, material_master.TABLE.key).select(*materials.TABLE.column_names, DROPPED),
    )


def first_of_each(rows: DataFrame, key: tuple[str, ...]) -> DataFrame:
    """Mark all but the first row of each key as duplicates."""
    from pyspark.sql import functions as F

    return drop_later_copies(rows, [F.col(name) for name in key], ORDER)


def everything_landed(window: Window, params: InventoryParams) -> Window:
    """A history is made of all files so far, not of one night's."""
    return window.extended(before=timedelta(days=params.history_reach_days))


STAGE = Stage(
    pipeline="inventory",
    name="histories",
    reads=(Landed(monthly_demand.TABLE), Landed(material_master.TABLE)),
    writes=(
        Write(histories.TABLE, balances="monthly_demand"),
        Write(materials.TABLE, balances="material_master"),
    ),
    transform=transform,
    read_window=everything_landed,
)
