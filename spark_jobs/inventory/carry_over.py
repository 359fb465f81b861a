"""What a nightly run need not compute again: the rows of materials of which nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.common.window import Window
from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def unchanged(known: DataFrame, before: DataFrame, window: Window, params: InventoryParams) -> DataFrame:
    """The keys of materials whose recommendation of the last release was computed from what is known of them now.

    A material that failed then is computed again.
    """
    from pyspark.sql import functions as F

    if params.computes_all(window.business_days("UTC", 0)[-1]):
        return known.select(*KEY).where(F.lit(False))
    same = before.where("status <> 'failed'").select(*KEY, "input_hash")
    return known.select(*KEY, "input_hash").join(same, on=[*KEY, "input_hash"], how="inner").select(*KEY)


def carried(before: DataFrame, keys: DataFrame, window: Window, item: str = "material_id") -> DataFrame:
    """The rows of the last release for these materials, as of the day of this run; ``item`` names the material."""
    from pyspark.sql import functions as F

    named = keys.withColumnRenamed("material_id", item)
    day = F.lit(window.business_days("UTC", 0)[-1])
    return before.join(named, on=["location_id", item], how="left_semi").withColumn("as_of", day)
