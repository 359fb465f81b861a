"""Back-test: what each method would have recommended in the past, and which to use for each segment.

Reads `histories`; writes `inv_backtest` (by material, method and target) and `inv_backtest_segments`, which picks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from expectations.inventory import histories, inv_backtest, inv_backtest_segments
from expectations.inventory.methods import CURRENT
from spark_jobs.common.exact import exact_sum
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.distribution import Z95
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import BOOTSTRAP, InventoryParams
from spark_jobs.inventory.pools import class_rates

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

TRIAL = (
    "location_id string, material_id string, segment string, class string, criticality string, method string, "
    "target double, windows bigint, covered bigint, months bigint, stockout_months bigint, demand double, "
    "filled double, mean_stock double"
)
# Another method than the bootstrap has to hold this much less to be worth it.
WORTH_IT = 0.98


def transform(known: DataFrame, *, window: Window, params: InventoryParams) -> tuple[DataFrame, DataFrame]:
    """What came of each method by material, and by segment."""
    chosen = computed_once(sample(known, params).repartition(params.apply_tasks, *KEY))
    judged = computed_once(trials(chosen, known, params))
    prices = chosen.select(*KEY, "price")
    valued = judged.join(prices, on=KEY, how="left").withColumn("mean_value", _value())
    return valued.select(*inv_backtest.TABLE.column_names), picked(by_segment(valued), window)


def sample(known: DataFrame, params: InventoryParams) -> DataFrame:
    """At most so many materials, the same ones every night: those whose names hash lowest."""
    from pyspark.sql import functions as F

    return known.orderBy(F.xxhash64(*KEY), *KEY).limit(params.backtest_most_materials)


def trials(chosen: DataFrame, known: DataFrame, params: InventoryParams) -> DataFrame:
    from spark_jobs.inventory import hindsight
    from spark_jobs.inventory.solve import Pools

    pools = Pools(rates=class_rates(known, params))
    return chosen.select(*KEY, "criticality", "lead_times", "quantities", "min_level", "max_level").mapInArrow(
        partial(hindsight.trials, params=params, pools=pools), TRIAL
    )


def by_segment(judged: DataFrame) -> DataFrame:
    """Target against achieved service; the interval is Wilson's (1927), JASA 22:209-212."""
    from pyspark.sql import functions as F

    summed = judged.groupBy("segment", "method", "target").agg(
        F.count("*").alias("materials"),
        F.sum("windows").alias("windows"),
        F.sum("covered").alias("covered"),
        exact_sum(F.col("filled"), 6).alias("filled"),
        exact_sum(F.col("demand"), 6).alias("demand"),
        F.sum("stockout_months").alias("stockouts"),
        exact_sum(F.col("mean_stock"), 6).alias("holding_units"),
        exact_sum(F.col("mean_value"), 6).alias("holding_value"),
    )
    share, n = F.col("covered") / F.col("windows"), F.col("windows")
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = F.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n)) * Z95 / (1 + Z95**2 / n)
    return summed.withColumns(
        {
            "achieved_cycle": share,
            "achieved_lo": F.greatest(centre - half, F.lit(0.0)),
            "achieved_hi": F.least(centre + half, F.lit(1.0)),
            "overshoot": share - F.col("target"),
            "achieved_fill": F.when(F.col("demand") > 0, F.least(F.col("filled") / F.col("demand"), F.lit(1.0))),
        }
    )


def picked(segments: DataFrame, window: Window) -> DataFrame:
    """For each segment and target: of the methods whose interval reaches the target the one that holds least, but the
    bootstrap unless another holds noticeably less; where none reaches it, the one that comes closest.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    candidate, reaches = F.col("method") != CURRENT, F.col("achieved_hi") >= F.col("target")
    held = F.coalesce("holding_value", "holding_units")
    cost = F.when(F.col("method") == BOOTSTRAP, held * WORTH_IT).otherwise(held)
    order = [
        candidate.desc(),
        reaches.desc(),
        F.when(reaches, cost).otherwise(-F.col("achieved_cycle")),
        F.when(F.col("method") == BOOTSTRAP, 0).otherwise(1),
        F.col("method"),
    ]
    place = F.row_number().over(W.partitionBy("segment", "target").orderBy(*order))
    day = F.lit(window.business_days("UTC", 0)[-1])
    told = segments.withColumns({"picked": place == 1, "as_of": day})
    return told.select(*inv_backtest_segments.TABLE.column_names)


def _value() -> Column:
    from pyspark.sql import functions as F

    return F.col("mean_stock") * F.col("price")


STAGE = Stage(
    pipeline="inventory",
    name="backtest",
    reads=(FromRun(histories.TABLE, "histories"),),
    writes=(Write(inv_backtest.TABLE), Write(inv_backtest_segments.TABLE)),
    transform=transform,
)
