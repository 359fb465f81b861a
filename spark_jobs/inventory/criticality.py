"""How critical a material is, where the plant does not say: by its equipment, its lead time and its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.inventory.identity import KEY
from spark_jobs.inventory.params import InventoryParams

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

RANKED = ("mean_lead_time", "used_units")
STEPS = 100


def with_criticality(materials: DataFrame, parts: DataFrame, params: InventoryParams) -> DataFrame:
    """``materials`` (criticality, mean_lead_time, used_units and installed_total in it) with criticality,
    criticality_score and criticality_source.

    Score = weights · (largest criticality among its equipment: H 1, M 1/2, L 0; percentile of the lead time; percentile
    of the units used), for materials that a bill of materials names. The plant's own word stands over it.
    """
    from pyspark.sql import functions as F

    scored = (
        materials.join(equipment(parts), on=KEY, how="left")
        .crossJoin(F.broadcast(percentiles(materials)))
        .withColumns({"_lead": rank("mean_lead_time"), "_used": rank("used_units")})
    )
    score = (
        params.score_weight_equipment * F.col("_equipment")
        + params.score_weight_lead_time * F.col("_lead")
        + params.score_weight_usage * F.col("_used")
    )
    plant = F.col("criticality")
    told = (
        F.when(F.col("_score") >= params.score_from_h, "H")
        .when(F.col("_score") >= params.score_from_m, "M")
        .when(F.col("_score").isNotNull(), "L")
    )
    source = F.when(plant.isNotNull(), "plant").when(F.col("_score").isNotNull(), "score").otherwise("none")
    return scored.withColumn("_score", score).withColumns(
        {
            "criticality_source": source,
            "criticality": F.coalesce(plant, told),
            "criticality_score": F.col("_score"),
            "installed_total": F.coalesce("_installed", "installed_total"),
        }
    )


def equipment(parts: DataFrame) -> DataFrame:
    """Largest criticality and number of the pieces of equipment that need each material."""
    from pyspark.sql import functions as F

    weight = F.when(F.col("equipment_criticality") == "H", 1.0).when(F.col("equipment_criticality") == "M", 0.5)
    return parts.groupBy(*KEY).agg(
        F.max(weight.otherwise(0.0)).alias("_equipment"), F.sum("installed_count").alias("_installed")
    )


def percentiles(materials: DataFrame) -> DataFrame:
    """The 0th to 99th percentile of what materials are ranked by; one row."""
    from pyspark.sql import functions as F

    steps = F.array(*[F.lit(n / STEPS) for n in range(STEPS)])
    return materials.agg(*[F.percentile(name, steps).alias(f"_{name}_steps") for name in RANKED])


def rank(column: str) -> Column:
    """The share of percentiles that lie below, 0 to 1; nothing known counts as the lowest."""
    from pyspark.sql import functions as F

    below = F.size(F.filter(f"_{column}_steps", lambda step: step < F.col(column)))
    return F.when(F.col(column).isNull(), 0.0).otherwise(below / STEPS)
