"""Review: what the recommendations mean for the stock that is there.

Reads `histories` and `inv_recommendation`; writes `inv_rationalise` (slow movers and excess), `inv_stock_policy` (what
to keep in stock at all), `inv_budget` (value in stock against value at risk), and for the materials that matter most
`inv_ltd_distribution` and `inv_convergence`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.inventory import (
    histories,
    inv_budget,
    inv_convergence,
    inv_ltd_distribution,
    inv_rationalise,
    inv_recommendation,
    inv_stock_policy,
)
from spark_jobs.common.exact import exact_sum
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.closeups import closeups
from spark_jobs.inventory.excess import rationalised
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.lists import sum_of
from spark_jobs.inventory.params import InventoryParams
from spark_jobs.inventory.stocking import stock_policy

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# What the review needs of a history beside its recommendation.
FACTS = (
    *("months_since_issue", "stock_on_hand", "on_order", "mrp_type", "downtime_cost_per_day"),
    *("lead_times", "quantities"),
)


def transform(known: DataFrame, told: DataFrame, *, window: Window, params: InventoryParams) -> tuple[DataFrame, ...]:
    """The five tables; materials that could not be computed are not reviewed."""
    both = told.where("rop IS NOT NULL").join(known.select(*KEY, *FACTS), on=KEY, how="inner")
    reviewed = computed_once(with_yearly_demand(both))
    excess = computed_once(rationalised(reviewed))
    distribution, convergence = closeups(reviewed, params)
    return (
        excess.select(*inv_rationalise.TABLE.column_names),
        stock_policy(reviewed, params).select(*inv_stock_policy.TABLE.column_names),
        budget(reviewed.join(excess.select(*KEY, "excess_value"), on=KEY, how="inner"), window),
        distribution.select(*inv_ltd_distribution.TABLE.column_names),
        convergence.select(*inv_convergence.TABLE.column_names),
    )


def with_yearly_demand(reviewed: DataFrame) -> DataFrame:
    """Mean demand a year in units, and mean number of months with demand a year."""
    from pyspark.sql import functions as F

    total = sum_of("quantities")
    months = F.when(F.col("n_periods") > 0, F.col("n_periods"))
    return reviewed.withColumns(
        {
            "yearly_units": F.coalesce(total / months * 12.0, F.lit(0.0)),
            "yearly_demands": F.coalesce(F.col("n_nonzero") / months * 12.0, F.lit(0.0)),
        }
    )


def budget(reviewed: DataFrame, window: Window) -> DataFrame:
    """By location and criticality; the mean stock under (s, S) is the safety stock and half an order."""
    from pyspark.sql import functions as F

    mean_stock = F.greatest(F.col("safety_stock"), F.lit(0.0)) + F.col("order_qty") / 2.0
    worth = {
        "value_in_stock": F.coalesce("stock_on_hand", F.lit(0.0)) * F.col("price"),
        "value_recommended": mean_stock * F.col("price"),
        "value_at_risk": F.coalesce("value_at_risk", F.lit(0.0)),
        "value_excess": F.coalesce("excess_value", F.lit(0.0)),
    }
    grouped = (
        reviewed.where("price IS NOT NULL")
        .withColumn("criticality", F.coalesce("criticality", F.lit("-")))
        .groupBy("location_id", "criticality")
    )
    sums = [exact_sum(value, 4).alias(name) for name, value in worth.items()]
    summed = grouped.agg(F.count("*").alias("materials"), *sums)
    return summed.withColumn("as_of", F.lit(window.business_days("UTC", 0)[-1])).select(*inv_budget.TABLE.column_names)


STAGE = Stage(
    pipeline="inventory",
    name="review",
    reads=(FromRun(histories.TABLE, "histories"), FromRun(inv_recommendation.TABLE, "recommendations")),
    writes=(
        Write(inv_rationalise.TABLE),
        Write(inv_stock_policy.TABLE),
        Write(inv_budget.TABLE),
        Write(inv_ltd_distribution.TABLE),
        Write(inv_convergence.TABLE),
    ),
    transform=transform,
)
