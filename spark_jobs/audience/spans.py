"""Spans: the first and the last instant at which something was said of a user, and when they lapse."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from expectations.audience.membership import DAY_S, LATEST_ARRIVAL_DAYS, day_start_sql

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ENTRY = ["user_id", "is_segment", "id"]


def spans_of(told: DataFrame, keep_days: Column) -> DataFrame:
    """One span an id of a user from the events of several days, as if each day had been a run of its own.

    ``told``: user_id, is_segment, id, arrival_day, ts. An entry lapses at the end of a day when its max lies ``keep_days``
    before that end; what comes on a later day begins a new span. Result: user_id, is_segment, id, span.
    """
    from pyspark.sql import functions as F

    widest_of = told.groupBy(*ENTRY).agg(F.min("ts").alias("min"), F.max("ts").alias("max"))
    # An event that begins anew lies at most so many days later than its arrival tells, and all before it have lapsed then.
    # Few entries reach that far; to look at those day by day is what costs.
    reach = (F.col("max") - F.col("min")) / DAY_S
    may_lapse = reach > keep_days - LATEST_ARRIVAL_DAYS
    steady = widest_of.where(~may_lapse).select(*ENTRY, F.struct("min", "max").alias("span"))
    doubtful = told.join(widest_of.where(may_lapse).select(*ENTRY), on=ENTRY, how="left_semi")
    return steady.unionByName(folded(doubtful, keep_days))


def folded(told: DataFrame, keep_days: Column) -> DataFrame:
    """The same, for entries that may have lapsed in between."""
    from pyspark.sql import functions as F

    daily = told.groupBy(*ENTRY, "arrival_day").agg(F.min("ts").alias("min"), F.max("ts").alias("max"))
    start = F.expr(day_start_sql("arrival_day"))
    day = F.struct((start - keep_days * DAY_S).alias("lapsed_before"), F.col("min"), F.col("max"))
    listed = daily.groupBy(*ENTRY).agg(F.sort_array(F.collect_list(day)).alias("days"))
    nothing = F.struct(F.lit(None).cast("bigint").alias("min"), F.lit(None).cast("bigint").alias("max"))
    return listed.select(*ENTRY, F.aggregate("days", nothing, _carried_on).alias("span"))


def _carried_on(so_far: Column, day: Column) -> Column:
    from pyspark.sql import functions as F

    alive = so_far["max"] >= day["lapsed_before"]
    return F.when(alive, widest(so_far, day)).otherwise(F.struct(day["min"].alias("min"), day["max"].alias("max")))


def widest(one: Column, other: Column) -> Column:
    """The span that covers both; one of them may be null."""
    from pyspark.sql import functions as F

    return F.struct(F.least(one["min"], other["min"]).alias("min"), F.greatest(one["max"], other["max"]).alias("max"))


def merged(before: str, now: str) -> Column:
    """Two maps of spans as one; either may be null."""
    from pyspark.sql import functions as F

    nothing = F.create_map().cast("map<string,struct<min:bigint,max:bigint>>")
    return F.map_zip_with(
        F.coalesce(before, nothing), F.coalesce(now, nothing), lambda _, one, other: widest(one, other)
    )


def unlapsed(spans: Column, ds: date, keep_days: int) -> Column:
    """The spans whose last instant lies less than ``keep_days`` before the end of ``ds``, or exactly so much."""
    from pyspark.sql import functions as F

    cutoff = F.expr(f"{day_start_sql(f'DATE {ds.isoformat()!r}')} - {(keep_days - 1) * DAY_S}")
    return F.map_filter(spans, lambda _, span: span["max"] >= cutoff)
