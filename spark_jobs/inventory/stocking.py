"""Which materials to keep in stock, and which to order on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.inventory.lead_time import DAYS_PER_MONTH
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def stock_policy(reviewed: DataFrame, params: InventoryParams) -> DataFrame:
    """``reviewed`` with costs, policy and the rule that decided.

    By cost where a day without the material has one, else by the matrix of criticality, velocity and lead time:
    critical and slow to come is kept, uncritical and slow to go is ordered on demand, everything else is kept.
    """
    from pyspark.sql import functions as F

    costed = reviewed.withColumns(
        {
            "cost_stock": cost_of_stock(params),
            "cost_nonstock": cost_of_waiting(params),
            "current_policy": F.col("mrp_type"),
        }
    )
    slow = F.col("yearly_demands") < params.slow_below_demands_per_year
    waits = F.coalesce("lt_mean", F.lit(0.0)) * DAYS_PER_MONTH > params.short_lead_time_days
    critical = F.coalesce("criticality", F.lit("-")) == "H"
    never = F.col("status") == "none"
    rule = (
        # A cost of demands says nothing of what was never asked for.
        F.when(never & critical, "critical_and_slow")
        .when(never, "no_demand")
        .when(F.col("cost_stock").isNotNull() & F.col("cost_nonstock").isNotNull(), "cost")
        .when(critical & slow & waits, "critical_and_slow")
        .when(slow & (F.col("criticality") == "L"), "uncritical_and_slow")
        .otherwise("kept")
    )
    policy = (
        F.when(F.col("rule") == "cost", F.when(F.col("cost_stock") <= F.col("cost_nonstock"), "stock"))
        .when(F.col("rule").isin("critical_and_slow", "kept"), "stock")
        .otherwise(None)
    )
    return costed.withColumn("rule", rule).withColumn("policy", F.coalesce(policy, F.lit("nonstock")))


def cost_of_stock(params: InventoryParams) -> Column:
    """h · price · E[on hand] a year; on hand is the safety stock and half an order on average."""
    from pyspark.sql import functions as F

    on_hand = F.greatest(F.col("safety_stock"), F.lit(0.0)) + F.col("order_qty") / 2.0
    return params.holding_rate_per_year * F.col("price") * on_hand


def cost_of_waiting(params: InventoryParams) -> Column:
    """E[demands a year] · P(downtime | criticality) · cost a day · lead time in days."""
    from pyspark.sql import functions as F

    risk = (
        F.when(F.col("criticality") == "H", params.downtime_risk_h)
        .when(F.col("criticality") == "M", params.downtime_risk_m)
        .otherwise(params.downtime_risk_l)
    )
    return F.col("yearly_demands") * risk * F.col("downtime_cost_per_day") * F.col("lt_mean") * DAYS_PER_MONTH
