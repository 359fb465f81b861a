"""Histories: all that is known of a material, in one row.

Reads the tables of `ingest` and the demand that it refused; writes `histories`. Returns are netted against issues,
movements become months, months become one list in order of time; a month that no row names is not padded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.inventory import (
    demand_months,
    demand_movements,
    histories,
    installed_parts,
    material_master,
    materials,
    monthly_demand,
    movements,
    receipts,
)
from spark_jobs.common.stage import FromRun, Quarantined, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.criticality import with_criticality
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.lead_time import DAYS_PER_MONTH
from spark_jobs.inventory.left_out import left_out, with_ends
from spark_jobs.inventory.lists import mean_of
from spark_jobs.inventory.observed import observed_months
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FACTS = tuple(column.name for column in material_master.FACTS)


def transform(
    master: DataFrame,
    months: DataFrame,
    moves: DataFrame,
    orders: DataFrame,
    parts: DataFrame,
    bad_months: DataFrame,
    bad_moves: DataFrame,
    other_units: DataFrame,
    *,
    window: Window,
    params: InventoryParams,
) -> tuple[DataFrame]:
    """One row a material, whether the master knows it, or demand names it, or both."""
    observed = observed_months(months, moves, window, params)
    missing = left_out(months, moves, bad_months, bad_moves, other_units)
    demanded = with_ends(master.join(observed, on=KEY, how="full").join(missing, on=KEY, how="left"))
    known = filled(demanded.join(lead_times_seen(orders), on=KEY, how="left"))
    return (with_hash(with_criticality(known, parts, params), params).select(*histories.TABLE.column_names),)


def lead_times_seen(orders: DataFrame) -> DataFrame:
    """The lead times of each material's receipts in months, ascending."""
    from pyspark.sql import functions as F

    months = F.datediff("gr_date", "po_date") / F.lit(DAYS_PER_MONTH)
    return orders.groupBy(*KEY).agg(F.sort_array(F.collect_list(months)).alias("seen"))


def filled(known: DataFrame) -> DataFrame:
    """Nothing known as an empty list; a lead time is drawn from receipts, and is the planned one without any."""
    from pyspark.sql import functions as F

    none = F.array().cast("array<double>")
    planned = F.when(F.col("lead_time_months").isNotNull(), F.array("lead_time_months")).otherwise(none)
    return known.withColumns(
        {
            "has_master": F.col("source_file").isNotNull(),
            "quantities": F.coalesce("quantities", none),
            "missing_months": F.coalesce("missing_months", F.lit(0)),
            "returns_clipped": F.coalesce("returns_clipped", F.lit(0.0)),
            "lead_times": F.coalesce("seen", planned),
        }
    ).withColumn("mean_lead_time", mean_of("lead_times"))


def with_hash(rows: DataFrame, params: InventoryParams) -> DataFrame:
    """The hash changes when anything changes that a recommendation is computed from, params included."""
    from pyspark.sql import functions as F

    inputs = ["quantities", "missing_months", "returns_clipped", "left_out", "lead_times", "criticality", *FACTS]
    # The hash passes over nulls and runs lists together: what is null, and how long a list is, is told to it.
    told = [part for name in inputs for part in (F.col(name).isNull(), F.col(name))]
    lengths = [F.size(name) for name in ("quantities", "lead_times")]
    return rows.withColumn("input_hash", F.xxhash64(F.lit(params.model), *told, *lengths))


STAGE = Stage(
    pipeline="inventory",
    name="histories",
    reads=(
        FromRun(materials.TABLE, "ingest"),
        FromRun(demand_months.TABLE, "ingest"),
        FromRun(demand_movements.TABLE, "ingest"),
        FromRun(receipts.TABLE, "ingest"),
        FromRun(installed_parts.TABLE, "ingest"),
        Quarantined(monthly_demand.TABLE, "ingest"),
        Quarantined(movements.TABLE, "ingest"),
        Quarantined(demand_movements.TABLE, "ingest"),
    ),
    writes=(Write(histories.TABLE),),
    transform=transform,
)
