"""Recommendations: the stock levels of each material, from its own history by simulation, convolution or a model.

Reads `histories` and the picks of `backtest`, and of the last release what it need not compute again; writes
`inv_recommendation`, `inv_reorder_points`, `inv_ltd_quantiles` and `inv_run_audit`. The materials are solved in one pass
over rows that hold a whole history each; what a material draws depends on its name and the seed only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from expectations.inventory import (
    histories,
    inv_backtest_segments,
    inv_ltd_quantiles,
    inv_recommendation,
    inv_reorder_points,
    inv_run_audit,
)
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Released, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.carry_over import carried, unchanged
from spark_jobs.inventory.economics import with_levels
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import PICKED, InventoryParams
from spark_jobs.inventory.pools import class_rates, class_tails

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.inventory.solve import Pools

NUMBERS = (
    *("adi", "cv2", "p01", "p11", "lt_mean", "ltd_mean", "ltd_sd", "ltd_mcse"),
    *("service_level", "rop", "rop_lo", "rop_hi", "shortage", "shortage_now", "gpd_xi", "gpd_beta"),
)
ANSWER = (
    "location_id string, material_id string, class string, n_periods bigint, n_nonzero bigint, n_iterations bigint, "
    f"{', '.join(f'{name} double' for name in NUMBERS)}, "
    "method string, jitter boolean, status string, reason string, "
    "points array<struct<target: double, point: double, low: double, high: double>>, "
    "quantiles array<struct<q: double, value: double>>, task bigint, seconds double"
)


def transform(
    known: DataFrame,
    segments: DataFrame,
    before: DataFrame,
    points_before: DataFrame,
    quantiles_before: DataFrame,
    *,
    window: Window,
    params: InventoryParams,
) -> tuple[DataFrame, ...]:
    """One recommendation a material, one reorder point a material and target, the quantiles, and one row on the run."""
    from pyspark.sql import functions as F

    same = computed_once(unchanged(known, before, window, params))
    changed = known.join(same, on=KEY, how="left_anti")
    solved = computed_once(answers(balanced(changed, params), params, pools(known, segments, params)))
    dated = with_day(explained(solved.join(facts(known), on=KEY, how="inner")), window)
    told = with_levels(dated, params).withColumn("computed_on", F.col("as_of"))
    return (
        told.select(*inv_recommendation.TABLE.column_names).unionByName(carried(before, same, window)),
        reorder_points(dated).unionByName(carried(points_before, same, window, item="item")),
        quantiles(dated).unionByName(carried(quantiles_before, same, window)),
        audit_of(solved, same, window),
    )


def balanced(known: DataFrame, params: InventoryParams) -> DataFrame:
    """Spread by the hash of the key: expensive materials (long lead times) end up in all tasks alike.

    The number of tasks is given because Spark would judge by bytes, of which there are few, and merge all into one.
    """
    from pyspark.sql import functions as F

    stock = F.col("stock_on_hand") + F.coalesce("on_order", F.lit(0.0))
    wanted = known.select(*KEY, "criticality", "lead_times", "quantities", stock.alias("stock_now"))
    return wanted.repartition(params.apply_tasks, *KEY)


def pools(known: DataFrame, segments: DataFrame, params: InventoryParams) -> Pools:
    """Of all materials, changed or not: a changed one gets the same answer as in a run that computes all."""
    from spark_jobs.inventory.solve import Pools

    picks = segments.where("picked").select("segment", "target", "method").collect() if params.mode == PICKED else []
    return Pools(
        rates=class_rates(known, params),
        tails=class_tails(known, params),
        picks={(row.segment, row.target): row.method for row in picks},
    )


def answers(wanted: DataFrame, params: InventoryParams, known_together: Pools) -> DataFrame:
    """The keyed apply over all locations and materials."""
    from spark_jobs.inventory import batches

    return wanted.mapInArrow(partial(batches.answers, params=params, pools=known_together), ANSWER)


def facts(known: DataFrame) -> DataFrame:
    """What a recommendation is set beside."""
    from pyspark.sql import functions as F

    return known.select(
        *KEY,
        "criticality",
        "price",
        "min_order_qty",
        "shelf_life_months",
        "input_hash",
        "missing_months",
        "returns_clipped",
        "left_out",
        "min_level",
        F.col("max_level").alias("max_level_now"),
    )


def explained(solved: DataFrame) -> DataFrame:
    """The reason, with what was not as it should be in what landed."""
    from pyspark.sql import functions as F

    gaps = F.format_string("Months between that were not observed and are left out: %d.", "missing_months")
    lost = F.concat(F.round("returns_clipped", 2), F.lit(" units were returned for which no issue was found."))
    remarks = {
        "missing_months > 0": gaps,
        "returns_clipped > 0": lost,
        "left_out IS NOT NULL": F.format_string("Left out of what landed: %s.", "left_out"),
    }
    said = F.concat_ws(" ", "reason", *[F.when(F.expr(case), remark) for case, remark in remarks.items()])
    return solved.withColumn("reason", F.when(said != "", said))


def with_day(solved: DataFrame, window: Window) -> DataFrame:
    """The day that the window ends with."""
    from pyspark.sql import functions as F

    return solved.withColumn("as_of", F.lit(window.business_days("UTC", 0)[-1]))


def reorder_points(dated: DataFrame) -> DataFrame:
    """A row a target; a material without points keeps a row for each, with its reason."""
    from pyspark.sql import functions as F

    point = F.col("told")
    return dated.withColumn("told", F.explode("points")).select(
        "location_id",
        F.col("material_id").alias("item"),
        F.col("lt_mean").alias("lead_time_months"),
        point["target"].alias("target"),
        point["point"].alias("reorder_point"),
        point["low"].alias("ci_low"),
        point["high"].alias("ci_high"),
        "method",
        "reason",
        "as_of",
    )


def quantiles(dated: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    told = dated.select(*KEY, F.explode("quantiles").alias("told"), "as_of")
    return told.select(*KEY, "told.q", "told.value", "as_of")


def audit_of(solved: DataFrame, same: DataFrame, window: Window) -> DataFrame:
    """How evenly the work was spread: the longest task against the median one."""
    from pyspark.sql import functions as F

    failed = F.sum(F.when(F.col("status") == "failed", 1).otherwise(0)).alias("failed")
    tasks = solved.groupBy("task").agg(F.count("*").alias("done"), F.sum("seconds").alias("seconds"), failed)
    run = tasks.agg(
        F.coalesce(F.sum("done"), F.lit(0)).alias("recomputed"),
        F.coalesce(F.sum("failed"), F.lit(0)).alias("failures"),
        F.count("*").alias("tasks"),
        F.coalesce(F.sum("seconds"), F.lit(0.0)).alias("seconds"),
        (F.max("seconds") / F.median("seconds")).alias("straggler_ratio"),
    )
    told = run.crossJoin(same.agg(F.count("*").alias("kept"))).withColumns(
        {
            "stage": F.lit("recommendations"),
            "materials": F.col("recomputed") + F.col("kept"),
            "materials_per_s": F.when(F.col("seconds") > 0, F.col("recomputed") / F.col("seconds")),
        }
    )
    return with_day(told, window).select(*inv_run_audit.TABLE.column_names)


STAGE = Stage(
    pipeline="inventory",
    name="recommendations",
    reads=(
        FromRun(histories.TABLE, "histories"),
        FromRun(inv_backtest_segments.TABLE, "backtest"),
        Released(inv_recommendation.TABLE),
        Released(inv_reorder_points.TABLE),
        Released(inv_ltd_quantiles.TABLE),
    ),
    writes=(
        Write(inv_recommendation.TABLE),
        Write(inv_reorder_points.TABLE),
        Write(inv_ltd_quantiles.TABLE),
        Write(inv_run_audit.TABLE),
    ),
    transform=transform,
)
