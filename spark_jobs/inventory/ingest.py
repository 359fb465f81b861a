"""Ingest: what landed of each kind, each thing once, as the newest file tells it.

Reads the five landing tables; writes `materials`, `demand_months`, `demand_movements`, `receipts` and
`installed_parts`. A value that breaks its contract is in quarantine before this stage sees it; a movement in a unit that
its material is not kept in goes there from here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.inventory import (
    bom,
    demand_months,
    demand_movements,
    installed_parts,
    lead_times,
    material_master,
    materials,
    monthly_demand,
    movements,
    receipts,
)
from spark_jobs.common.disposition import DROPPED, newest_of_each
from spark_jobs.common.stage import Landed, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(
    master: DataFrame,
    months: DataFrame,
    moves: DataFrame,
    orders: DataFrame,
    bills: DataFrame,
    *,
    window: Window,
    params: InventoryParams,
) -> tuple[DataFrame, ...]:
    """The five tables with `_dropped` marks."""
    known = newest_of_each(master, materials.TABLE)
    return (
        known,
        newest_of_each(months, demand_months.TABLE),
        newest_of_each(with_material_unit(with_bookings(moves), known), demand_movements.TABLE),
        newest_of_each(orders, receipts.TABLE),
        newest_of_each(bills, installed_parts.TABLE),
    )


def with_bookings(moves: DataFrame) -> DataFrame:
    """How often its file books each movement. A later file that tells it again books nothing anew."""
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    of_file = W.partitionBy(*demand_movements.TABLE.key, "landing_file")
    return moves.withColumn("bookings", F.count("*").over(of_file))


def with_material_unit(moves: DataFrame, known: DataFrame) -> DataFrame:
    """Each movement beside the unit that its material is kept in; null where the master does not say."""
    from pyspark.sql import functions as F

    units = known.where(F.col(DROPPED).isNull()).select(*KEY, F.col("uom").alias("material_uom"))
    return moves.join(units, on=KEY, how="left")


def everything_landed(window: Window, params: InventoryParams) -> Window:
    """A history is made of all files so far, not of one night's."""
    return window.extended(before=timedelta(days=params.history_reach_days))


STAGE = Stage(
    pipeline="inventory",
    name="ingest",
    reads=(
        Landed(material_master.TABLE),
        Landed(monthly_demand.TABLE),
        Landed(movements.TABLE),
        Landed(lead_times.TABLE),
        Landed(bom.TABLE),
    ),
    writes=(
        Write(materials.TABLE, balances="material_master"),
        Write(demand_months.TABLE, balances="monthly_demand"),
        Write(demand_movements.TABLE, balances="movements"),
        Write(receipts.TABLE, balances="lead_times"),
        Write(installed_parts.TABLE, balances="bom"),
    ),
    transform=transform,
    read_window=everything_landed,
)
