"""Histories: all that is known of a material, in one row.

Reads the tables of `ingest`; writes `histories`. Returns are netted against issues, movements become months, months
become one list in order of time; a month that no row names is not padded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from expectations.inventory import (
    demand_months,
    demand_movements,
    histories,
    installed_parts,
    material_master,
    materials,
    receipts,
)
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.criticality import with_criticality
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.lead_time import DAYS_PER_MONTH
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

NETTED = "location_id string, material_id string, first_month bigint, quantities array<double>, returns_clipped double"
FACTS = tuple(column.name for column in material_master.FACTS)


def transform(
    master: DataFrame,
    months: DataFrame,
    moves: DataFrame,
    orders: DataFrame,
    parts: DataFrame,
    *,
    window: Window,
    params: InventoryParams,
) -> tuple[DataFrame]:
    """One row a material, whether the master knows it, or demand names it, or both."""
    netted = netted_movements(moves, newest_month(months, moves, window), params)
    observed = in_order_of_time(listed(reliable(months, window, params)), months_of_movements(netted, window, params))
    known = master.join(observed, on=KEY, how="full").join(lead_times_seen(orders), on=KEY, how="left")
    return (with_hash(with_criticality(filled(known), parts, params), params).select(*histories.TABLE.column_names),)


def reliable(months: DataFrame, window: Window, params: InventoryParams) -> DataFrame:
    """Months that are over, without those that are known to be wrong: these are removed and not zeroed."""
    from pyspark.sql import functions as F

    named = F.date_format("month", "yyyy-MM")
    return months.where(is_over(F.col("month"), window) & ~named.isin(*params.unreliable)).select(*KEY, "month", "qty")


def is_over(month: Column, window: Window) -> Column:
    from pyspark.sql import functions as F

    return F.add_months(month, 1) <= F.lit(window.end.date())


def newest_month(months: DataFrame, moves: DataFrame, window: Window) -> DataFrame:
    """The newest month that any row names and that is over, in months since 1970-01; one row."""
    from pyspark.sql import functions as F

    posted = moves.select(F.trunc("posting_date", "month").alias("month"))
    named = months.select("month").union(posted).where(is_over(F.col("month"), window))
    return named.agg(_month_number(F.max("month")).alias("newest"))


def netted_movements(moves: DataFrame, newest: DataFrame, params: InventoryParams) -> DataFrame:
    """The months of each material that has movements, from its first to the newest of all; transfers are no demand."""
    from pyspark.sql import functions as F

    from spark_jobs.inventory import netting

    # Of one day, issues stand before returns.
    booked = F.sort_array(F.collect_list(F.struct(F.unix_date("posting_date"), -F.col("qty"), "document_id")))
    lists = moves.where("movement_type <> 'transfer'").groupBy(*KEY).agg(booked.alias("booked"))
    rows = lists.crossJoin(newest.where("newest IS NOT NULL")).select(
        *KEY,
        "newest",
        F.transform("booked", lambda move: move["col1"]).alias("days"),
        F.transform("booked", lambda move: -move["col2"]).alias("quantities"),
    )
    return rows.mapInArrow(partial(netting.netted, reach_days=params.return_reach_days), NETTED)


def listed(months: DataFrame) -> DataFrame:
    """A row a material: its months as a list."""
    from pyspark.sql import functions as F

    return months.groupBy(*KEY).agg(F.collect_list(F.struct("month", "qty")).alias("told"))


def months_of_movements(netted: DataFrame, window: Window, params: InventoryParams) -> DataFrame:
    """A row a material that has movements: its months as a list, and what was returned for nothing."""
    from pyspark.sql import functions as F

    first = F.add_months(F.lit("1970-01-01").cast("date"), F.col("first_month").cast("int"))
    dated = netted.select(*KEY, first.alias("first"), F.posexplode("quantities").alias("n", "qty"))
    months = reliable(dated.withColumn("month", F.expr("add_months(first, n)")), window, params)
    moved = listed(months).withColumnRenamed("told", "moved")
    return netted.select(*KEY, "returns_clipped").join(moved, on=KEY, how="left")


def in_order_of_time(told: DataFrame, moved: DataFrame) -> DataFrame:
    """A row a material: its quantities, and what they say of its use.

    A month that a row of monthly demand names is told by that row alone: nothing is counted twice.
    """
    from pyspark.sql import functions as F

    none = F.array().cast("array<struct<month: date, qty: double>>")
    both = told.join(moved, on=KEY, how="full").withColumns(
        {"told": F.coalesce("told", none), "moved": F.coalesce("moved", none)}
    )
    named = F.transform("told", lambda month: month["month"])
    only_moved = F.filter("moved", lambda month: ~F.array_contains(named, month["month"]))
    listed_together = both.withColumn("told", F.sort_array(F.concat("told", only_moved)))
    since = F.array_position(F.reverse(F.transform("quantities", lambda q: q > 0)), True) - 1
    return listed_together.select(
        *KEY,
        "returns_clipped",
        F.get("told", F.lit(0))["month"].alias("first_month"),
        F.try_element_at("told", F.lit(-1))["month"].alias("last_month"),
        F.transform("told", lambda month: month["qty"]).alias("quantities"),
    ).withColumns(
        {
            "missing_months": (F.months_between("last_month", "first_month") + 1 - F.size("quantities")).cast("bigint"),
            "months_since_issue": F.when(since >= 0, since),
            "used_units": F.aggregate("quantities", F.lit(0.0), lambda total, q: total + q),
        }
    )


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


def mean_of(column: str) -> Column:
    """The mean of a list; null of an empty one."""
    from pyspark.sql import functions as F

    total = F.aggregate(column, F.lit(0.0), lambda so_far, value: so_far + value)
    return F.when(F.size(column) > 0, total / F.size(column))


def with_hash(rows: DataFrame, params: InventoryParams) -> DataFrame:
    """The hash changes when anything changes that a recommendation is computed from, params included."""
    from pyspark.sql import functions as F

    inputs = ["quantities", "missing_months", "returns_clipped", "lead_times", "criticality", *FACTS]
    # The hash passes over nulls and runs lists together: what is null, and how long a list is, is told to it.
    told = [part for name in inputs for part in (F.col(name).isNull(), F.col(name))]
    lengths = [F.size(name) for name in ("quantities", "lead_times")]
    return rows.withColumn("input_hash", F.xxhash64(F.lit(params.model), *told, *lengths))


def _month_number(month: Column) -> Column:
    from pyspark.sql import functions as F

    return ((F.year(month) - 1970) * 12 + F.month(month) - 1).cast("bigint")


STAGE = Stage(
    pipeline="inventory",
    name="histories",
    reads=(
        FromRun(materials.TABLE, "ingest"),
        FromRun(demand_months.TABLE, "ingest"),
        FromRun(demand_movements.TABLE, "ingest"),
        FromRun(receipts.TABLE, "ingest"),
        FromRun(installed_parts.TABLE, "ingest"),
    ),
    writes=(Write(histories.TABLE),),
    transform=transform,
)
