"""Slow movers and excess stock, and what to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

IDLE_FLAGS_MONTHS = (36, 24, 12)
# Stock that has not been asked for so long is given up unless its shortage would stop the plant.
DISPOSE_FROM_MONTHS = 36


def rationalised(reviewed: DataFrame) -> DataFrame:
    """``reviewed`` (recommendations beside stock and use) with idle, cover, excess, action and transfer_to."""
    from pyspark.sql import functions as F

    position = F.col("stock_on_hand") + F.coalesce("on_order", F.lit(0.0))
    sized = reviewed.withColumns(
        {
            "idle": idle(),
            "stock_value": F.col("stock_on_hand") * F.col("price"),
            "cover_years": F.when(F.col("yearly_units") > 0, F.col("stock_on_hand") / F.col("yearly_units")),
            # Where nobody knows the stock, nothing is too much and nothing is missing.
            "excess_units": F.when(position.isNotNull(), F.greatest(position - F.col("max_level"), F.lit(0.0))),
            "short_units": F.when(position.isNotNull(), F.greatest(F.col("rop") - position, F.lit(0.0))),
        }
    ).withColumn("excess_value", F.col("excess_units") * F.col("price"))
    placed = sized.join(largest_shortage(sized), on="material_id", how="left")
    can_move = F.col("short_at").isNotNull() & (F.col("short_at") != F.col("location_id"))
    # What is new, or was never observed, has not yet had the time to be asked for.
    long_idle = F.coalesce("months_since_issue", "n_periods") >= DISPOSE_FROM_MONTHS
    given_up = long_idle & (F.coalesce("criticality", F.lit("-")) != "H")
    action = (
        F.when(F.coalesce("excess_units", F.lit(0.0)) <= 0, "keep")
        .when(can_move, "transfer")
        .when(given_up, "dispose")
        .otherwise("reduce")
    )
    return placed.withColumn("action", action).withColumn(
        "transfer_to", F.when(F.col("action") == "transfer", F.col("short_at"))
    )


def idle() -> Column:
    """The largest flag that the months since the last demand reach."""
    from pyspark.sql import functions as F

    since = F.col("months_since_issue")
    told = F.when(since.isNull(), "never")
    for months in IDLE_FLAGS_MONTHS:
        told = told.when(since >= months, str(months))
    return told.otherwise("under 12")


def largest_shortage(sized: DataFrame) -> DataFrame:
    """Of each material that is short somewhere, the location where most is missing."""
    from pyspark.sql import functions as F

    short = sized.where("short_units > 0")
    most = F.max_by("location_id", F.struct("short_units", "location_id"))
    return short.groupBy("material_id").agg(most.alias("short_at"))
