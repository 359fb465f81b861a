"""What landed of a material and does not count, by kind and in words: a planner reads it in `reason`.

A row that a later file tells as it should be counts, so nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spark_jobs.inventory.identity import KEY

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# By the rule that a row broke. Whatever broke another rule cannot be read.
MOVEMENTS = {"same_unit": "movements in another unit", "sign_of_type": "movements with the wrong sign"}
MONTHS = {"qty:minimum": "months below 0"}


def left_out(
    months: DataFrame, moves: DataFrame, bad_months: DataFrame, bad_moves: DataFrame, other_units: DataFrame
) -> DataFrame:
    """A row a material of which anything does not count: `left_out` in words, and `refused_months`.

    `months` and `moves` are what counts; the others what `ingest` refused of monthly demand, of movements as they
    landed, and of movements beside the unit of their material.
    """
    from pyspark.sql import functions as F

    named = [*KEY, "document_id", "_broken_rule", "_raw"]
    refused = bad_moves.select(*named).union(other_units.select(*named))
    rows = booked_again(moves).union(refused_moves(refused, moves)).union(refused_months(bad_months, months))
    by_kind = rows.groupBy(*KEY, "kind").agg(F.count_distinct("row").alias("n"), F.collect_set("month").alias("months"))
    said = F.format_string("%s (%d)", "kind", "n")
    return by_kind.groupBy(*KEY).agg(
        F.array_join(F.sort_array(F.collect_list(said)), ", ").alias("left_out"),
        F.sort_array(F.array_distinct(F.flatten(F.collect_list("months")))).alias("refused_months"),
    )


def booked_again(moves: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    again = moves.where("bookings > 1")
    return again.select(
        *KEY, F.lit("movements booked again").alias("kind"), F.col("document_id").alias("row"), no_month()
    )


def refused_moves(refused: DataFrame, moves: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    kind = kind_of(MOVEMENTS, "unreadable movements")
    # A movement without a document is told apart by all that was read of it.
    row = F.coalesce("document_id", "_raw").alias("row")
    return not_told_again(refused, moves, ["document_id"]).select(*KEY, kind, row, no_month())


def refused_months(refused: DataFrame, months: DataFrame) -> DataFrame:
    from pyspark.sql import functions as F

    dated = refused.withColumn("month", F.col("month").try_cast("date"))
    row = F.coalesce(F.col("month").cast("string"), "_raw").alias("row")
    missing = not_told_again(dated, months, [*KEY, "month"])
    return missing.select(*KEY, kind_of(MONTHS, "unreadable months"), row, F.trunc("month", "month").alias("month"))


def not_told_again(refused: DataFrame, valid: DataFrame, key: list[str]) -> DataFrame:
    """The refused rows whose key no valid row has. Few are refused: the many valid ones are not shuffled for them."""
    from pyspark.sql import functions as F

    again = valid.join(F.broadcast(refused.select(*key)), on=key, how="left_semi").select(*key)
    return refused.join(again, on=key, how="left_anti")


def kind_of(kinds: Mapping[str, str], otherwise: str) -> Column:
    from pyspark.sql import functions as F

    known = F.create_map(*[F.lit(word) for pair in kinds.items() for word in pair])
    return F.coalesce(F.try_element_at(known, F.col("_broken_rule")), F.lit(otherwise)).alias("kind")


def no_month() -> Column:
    from pyspark.sql import functions as F

    return F.lit(None).cast("date").alias("month")


def with_ends(known: DataFrame) -> DataFrame:
    """Adds how many of the refused months lie before the first or after the last that counts: these leave no gap."""
    from pyspark.sql import functions as F

    at_an_end = F.filter("refused_months", lambda month: (month < F.col("first_month")) | (month > F.col("last_month")))
    count = F.size(at_an_end)
    said = F.format_string("%s; %d of the months at an end of the history", "left_out", count)
    return known.withColumn("left_out", F.when(count > 0, said).otherwise(F.col("left_out")))
