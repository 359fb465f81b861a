"""The observed months of each material: told by monthly demand, or added up from its movements."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from spark_jobs.common.window import Window
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.lists import sum_of
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

NETTED = "location_id string, material_id string, first_month bigint, quantities array<double>, returns_clipped double"


def observed_months(months: DataFrame, moves: DataFrame, window: Window, params: InventoryParams) -> DataFrame:
    """A row a material that demand names: its months in one list, and what they say of its use."""
    netted = netted_movements(moves, newest_month(months, moves, window), params)
    return in_order_of_time(listed(reliable(months, window, params)), months_of_movements(netted, window, params))


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
            "used_units": sum_of("quantities"),
        }
    )


def _month_number(month: Column) -> Column:
    from pyspark.sql import functions as F

    return ((F.year(month) - 1970) * 12 + F.month(month) - 1).cast("bigint")
