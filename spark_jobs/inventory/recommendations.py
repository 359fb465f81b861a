"""Recommendations: the reorder point of each material, from its own history by simulation or by convolution.

Reads `histories` and `materials` of this run; writes `inv_recommendation` and `inv_reorder_points`. The materials are
solved in one pass over rows that hold a whole history each; what a material draws depends on its name and the seed only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from expectations.inventory import histories, inv_recommendation, inv_reorder_points, materials
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import FromRun, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.inventory.chain import Pool
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

KEY = ["location_id", "material_id"]
NUMBERS = "adi double, cv2 double, p01 double, p11 double, lt_mean double, ltd_mean double, ltd_sd double, "
ANSWER = (
    "location_id string, material_id string, class string, n_periods bigint, n_nonzero bigint, "
    f"{NUMBERS} ltd_mcse double, service_level double, rop double, rop_lo double, rop_hi double, safety_stock double, "
    "method string, jitter boolean, status string, reason string, "
    "points array<struct<target: double, point: double, low: double, high: double>>"
)
STEPS = "class string, n0 bigint, n01 bigint, n1 bigint, n11 bigint"


def transform(
    demand: DataFrame, master: DataFrame, *, window: Window, params: InventoryParams
) -> tuple[DataFrame, DataFrame]:
    """One recommendation a material, one reorder point a material and target."""
    whole = computed_once(balanced(whole_histories(demand, master), params))
    solved = computed_once(answers(whole, params, class_pools(whole, params)))
    dated = as_of(solved, window)
    return dated.select(*inv_recommendation.TABLE.column_names), reorder_points(dated)


def whole_histories(demand: DataFrame, master: DataFrame) -> DataFrame:
    """A row a material: its quantities in order of time, and its lead times; empty where nothing is known."""
    from pyspark.sql import functions as F

    in_order = F.sort_array(F.collect_list(F.struct("month", "qty")))
    history = demand.groupBy(*KEY).agg(F.transform(in_order, lambda month: month["qty"]).alias("quantities"))
    none = F.array().cast("array<double>")
    planned = F.when(F.col("lead_time_months").isNotNull(), F.array("lead_time_months")).otherwise(none)
    return master.join(history, on=KEY, how="full").select(
        *KEY, "criticality", planned.alias("lead_times"), F.coalesce("quantities", none).alias("quantities")
    )


def balanced(whole: DataFrame, params: InventoryParams) -> DataFrame:
    """Spread by the hash of the key: expensive materials (long lead times) end up in all tasks alike.

    The number of tasks is given because Spark would judge by bytes, of which there are few, and merge all into one.
    """
    return whole.repartition(params.apply_tasks, *KEY)


def class_pools(whole: DataFrame, params: InventoryParams) -> dict[str, Pool]:
    """The rates of each demand class, where a history is to be drawn towards them; at most six rows."""
    from spark_jobs.inventory import batches

    if params.kappa == 0:
        return {}
    counts = whole.mapInArrow(batches.steps, STEPS).groupBy("class").sum("n0", "n01", "n1", "n11").collect()
    rates = {name: (_rate(n01, n0), _rate(n11, n1)) for name, n0, n01, n1, n11 in counts}
    return {name: Pool(p01, p11) for name, (p01, p11) in rates.items() if p01 is not None and p11 is not None}


def answers(whole: DataFrame, params: InventoryParams, pools: dict[str, Pool]) -> DataFrame:
    """The keyed apply over all locations and materials."""
    from spark_jobs.inventory import batches

    return whole.mapInArrow(partial(batches.answers, params=params, pools=pools), ANSWER)


def as_of(solved: DataFrame, window: Window) -> DataFrame:
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


def _rate(steps: int, total: int) -> float | None:
    return steps / total if total else None


STAGE = Stage(
    pipeline="inventory",
    name="recommendations",
    reads=(FromRun(histories.TABLE, "histories"), FromRun(materials.TABLE, "histories")),
    writes=(Write(inv_recommendation.TABLE), Write(inv_reorder_points.TABLE)),
    transform=transform,
)
