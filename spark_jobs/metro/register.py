"""The register of track sections as it holds on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.common.disposition import landed_order
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def sections_of_day(infra: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """One row for each section: the newest one that is valid on the last day of service of the window."""
    from pyspark.sql import functions as F

    day = F.lit(service_days(window, params)[-1])
    valid = infra.where((F.col("valid_from") <= day) & F.coalesce(F.col("valid_to") >= day, F.lit(True)))
    columns = [column for column in infra.columns if not column.startswith("_")]
    newest = (
        valid.groupBy("section_id")
        .agg(F.max_by(F.struct(*columns), landed_order("valid_from")).alias("row"))
        .select("row.*")
    )
    # Kept, because the optimizer would carry the landing rules through every join and think for half a minute.
    return computed_once(newest)
