"""What all materials know together, gathered from their histories: rates and tails by class. A few numbers each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spark_jobs.inventory.chain import Pool
from spark_jobs.inventory.params import InventoryParams
from spark_jobs.inventory.tail import FEWEST_SIZES, THRESHOLD_QUANTILE, PooledTail, fit_tail

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STEPS = "class string, n0 bigint, n01 bigint, n1 bigint, n11 bigint"
SIZES = "class string, size double"
# Exceedances that a fit looks at; more of them change it by less than anyone would notice.
MOST_EXCEEDANCES = 20_000


def class_rates(histories: DataFrame, params: InventoryParams) -> dict[str, Pool]:
    """The rates of each demand class, where a history is to be drawn towards them; at most six rows."""
    from spark_jobs.inventory import batches

    if params.kappa == 0:
        return {}
    counts = histories.mapInArrow(batches.steps, STEPS).groupBy("class").sum("n0", "n01", "n1", "n11").collect()
    rates = {name: (_rate(n01, n0), _rate(n11, n1)) for name, n0, n01, n1, n11 in counts}
    return {name: Pool(p01, p11) for name, (p01, p11) in rates.items() if p01 is not None and p11 is not None}


def class_tails(histories: DataFrame, params: InventoryParams) -> dict[str, PooledTail]:
    """The tail of each class, of sizes divided by their material's mean, where sizes are to be drawn from one."""
    from pyspark.sql import functions as F

    from spark_jobs.inventory import batches

    if not params.tail:
        return {}
    sizes = histories.mapInArrow(batches.scaled_sizes, SIZES)
    limit = F.percentile("size", F.lit(THRESHOLD_QUANTILE)).alias("limit")
    limits = sizes.groupBy("class").agg(limit, F.count("*").alias("sizes")).where(F.col("sizes") >= FEWEST_SIZES)
    found = {}
    for name, threshold, _ in limits.collect():
        above = sizes.where((F.col("class") == name) & (F.col("size") > threshold))
        # The same of them whatever the partitions: those whose hash is smallest, fitted in ascending order.
        kept = above.orderBy(F.xxhash64("size"), "size").limit(MOST_EXCEEDANCES).toPandas()["size"]
        tail = fit_tail(np.sort(kept.to_numpy(dtype=float)), threshold)
        if tail.reason is None and tail.shape is not None and tail.scale is not None:
            found[name] = PooledTail(threshold, tail.shape, tail.scale)
    return found


def _rate(steps: int, total: int) -> float | None:
    return steps / total if total else None
