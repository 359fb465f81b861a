"""From a reorder point to levels and values: order quantity, level to order up to, what changes and what is at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.inventory.lead_time import DAYS_PER_MONTH
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

INTERVAL = ("rop", "rop_lo", "rop_hi")


def with_levels(solved: DataFrame, params: InventoryParams) -> DataFrame:
    """``solved`` (answers beside the facts of their materials) with floors, safety stock, levels and values."""
    from pyspark.sql import functions as F

    floored = solved.withColumns(with_floor(params)).withColumn("order_qty", order_quantity(params))
    return floored.withColumns(
        {
            "safety_stock": F.col("rop") - F.col("ltd_mean"),
            "max_level": F.col("rop") + F.col("order_qty"),
            "fill_rate": F.when(F.col("order_qty") > 0, 1.0 - F.col("shortage") / F.col("order_qty")),
            "current_min": F.col("min_level"),
            "current_max": F.col("max_level_now"),
            "value_at_risk": F.col("shortage_now") * F.col("price"),
        }
    ).withColumns(
        {
            "delta_units": F.col("max_level") - F.col("current_max"),
            "delta_value": (F.col("max_level") - F.col("current_max")) * F.col("price"),
        }
    )


def with_floor(params: InventoryParams) -> dict[str, Column]:
    """At least one unit of what stops the plant and takes long to come, or was never asked for."""
    from pyspark.sql import functions as F

    slow = F.coalesce("lt_mean", F.lit(0.0)) * DAYS_PER_MONTH > params.floor_from_lead_time_days
    raised = (F.col("criticality") == "H") & (slow | (F.col("status") == "none")) & (F.col("rop") < 1.0)
    said = F.concat_ws(" ", "reason", F.lit("Raised to 1: a shortage stops the plant."))
    points = {name: F.when(raised, F.greatest(name, F.lit(1.0))).otherwise(F.col(name)) for name in INTERVAL}
    # What is short on average was told of the point before it was raised.
    unknown = {"shortage": F.when(~raised, F.col("shortage"))}
    return points | unknown | {"reason": F.when(raised, said).otherwise(F.col("reason"))}


def order_quantity(params: InventoryParams) -> Column:
    """Economic order quantity √(2 D K / (h p)) of Harris (1913) in whole units, at least what the supplier sends and at
    most what is used before it spoils; D: units a year, K: cost of an order, h: holding rate a year, p: price.

    Without a price the demand of a mean lead time.
    """
    from pyspark.sql import functions as F

    yearly = F.col("ltd_mean") / F.col("lt_mean") * 12.0
    cost = F.when(F.col("price") > 0, params.holding_rate_per_year * F.col("price"))
    economic = F.coalesce(F.sqrt(2.0 * yearly * params.order_cost / cost), F.col("ltd_mean"))
    fresh = F.coalesce(F.ceil(yearly * F.col("shelf_life_months") / 12.0).cast("double"), F.lit(float("inf")))
    least = F.greatest(F.lit(1.0), F.coalesce("min_order_qty", F.lit(0.0)))
    wanted = F.greatest(F.least(F.ceil(economic).cast("double"), fresh), least)
    # What was never asked for is not ordered until it is short.
    return F.when(F.col("status") == "none", F.lit(0.0)).when(F.col("rop").isNotNull(), wanted)
