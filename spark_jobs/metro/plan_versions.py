"""Versions of the plan: which one is in force for a departure."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from spark_jobs.common.arrival import arrival_day
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

VERSION = ["plan_version", "published_ts"]
CALL = ["service_date", "trip_id", "stop_sequence"]


def versions(trips: DataFrame, calendar: DataFrame, dates: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """service_date, version, from_ts and until_ts: the departures for which each version is in force, and its ``place``.

    Of two versions published at one time the one that landed later is the later one.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    zone, cut = ZoneInfo(params.timezone), time(params.service_day_cut_h)
    begins = [
        F.struct(F.lit(day).alias("service_date"), F.lit(datetime.combine(day, cut, zone)).alias("begins_ts"))
        for day in service_days(window, params)
    ]
    known = trips.groupBy(*VERSION).agg(F.max(arrival_day()).alias("_landed"))
    known = known.withColumn("day", F.explode(F.array(*begins))).select(*VERSION, "_landed", "day.*")
    known = with_days_reached(known, calendar, dates)
    in_order = W.partitionBy("service_date").orderBy("published_ts", "_landed", "plan_version")
    known = known.withColumns(
        {"until_ts": F.lead("published_ts").over(in_order), "place": F.row_number().over(in_order)}
    )
    base = F.col("published_ts") < F.col("begins_ts")
    known = known.where(~(base & F.coalesce(F.col("until_ts") < F.col("begins_ts"), F.lit(False))))
    from_ts = F.when(~base, F.col("published_ts")).alias("from_ts")
    return known.select("service_date", *VERSION, "place", from_ts, "until_ts")


def with_days_reached(known: DataFrame, calendar: DataFrame, dates: DataFrame) -> DataFrame:
    """Without the days of which a version says nothing: its calendar reaches from its first day to its last, or its added
    dates do where it has no calendar, and to each date that it adds.
    """
    from pyspark.sql import functions as F

    added = dates.where("exception_type = 1").select(*VERSION, F.col("date").alias("added"))
    weekly = calendar.select(*VERSION, F.lit(None).cast("date").alias("added"), "start_date", "end_date")
    told = weekly.unionByName(added, allowMissingColumns=True).groupBy(*VERSION)
    first, last = (F.coalesce(of(day), of("added")) for of, day in ((F.min, "start_date"), (F.max, "end_date")))
    reach = told.agg(first.alias("_first"), last.alias("_last"), F.collect_set("added").alias("_added"))
    reached = F.col("service_date").between(F.col("_first"), F.col("_last")) | F.array_contains(
        "_added", F.col("service_date")
    )
    return known.join(reach, on=VERSION, how="inner").where(reached).drop("_first", "_last", "_added")


def in_force(calls: DataFrame, versions: DataFrame) -> DataFrame:
    """Of each call the row of the first version that still stood at its departure.

    A later version adds calls only after its publication; a call it moves from after to before that instant is kept.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    dated = calls.join(F.broadcast(versions), on=["service_date", *VERSION], how="inner")
    of_call = W.partitionBy(*CALL).orderBy("place")
    departure = F.col("planned_departure_ts")
    new = F.row_number().over(of_call) == 1
    stands = F.coalesce(departure <= F.col("until_ts"), F.lit(True))
    begun = F.coalesce(departure > F.col("from_ts"), F.lit(True))
    valid = dated.withColumn("_valid", stands & (begun | ~new)).where("_valid")
    return valid.withColumn("_place", F.row_number().over(of_call)).where("_place = 1")
