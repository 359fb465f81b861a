"""Where visits come from: chained movements, or another system that has observed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_jobs.common.disposition import landed_order
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days
from spark_jobs.metro.tracing import TRACED_COLUMNS, trace

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


def traced_visits(movements: DataFrame, sections: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """The day's movements chained into runs, in one task a day: the lines share tracks."""
    from pyspark.sql import functions as F

    days = F.explode(F.array(*[F.lit(day) for day in service_days(window, params)]))
    register = sections.withColumn("service_date", days).select(
        "service_date",
        "section_id",
        "length_m",
        "stop_mark_m",
        "platform_stop_id",
        "is_terminal",
        "direction_id",
        "line_ids",
        "next_sections",
    )
    wanted = ("event_id", "message_seq", "event_ts", "corrected_ts", "event_type", "section_id", "prev_section_id")
    events = movements.select("service_date", *wanted, "train_describer", "vehicle_ids", "line_id", "destination_code")

    def solve(events: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
        return trace(events, sections, params)

    groups = events.groupBy("service_date").cogroup(register.groupBy("service_date"))
    return groups.applyInPandas(solve, schema=TRACED_COLUMNS)


def described(timed: DataFrame, stops: DataFrame, timetable: DataFrame, params: MetroParams) -> DataFrame:
    """Station, corridor and whether the train carries passengers; ``timetable``: of the days of these visits."""
    from pyspark.sql import functions as F

    station = stops.groupBy("stop_id").agg(
        F.max_by("parent_station", landed_order("published_ts")).alias("parent_station")
    )
    of_line = timetable.groupBy("service_date", F.col("route_id").alias("_line"))
    corridor = of_line.agg(F.max("corridor_group").alias("corridor_group"))
    # Where the track admits one line only, it is right and a wrong number is not.
    line = F.when(F.array_contains("line_ids", F.col("line_id")) | (F.size("line_ids") == 0), F.col("line_id"))
    visits = timed.withColumn("_line", F.coalesce(line, F.get("line_ids", F.lit(0)), F.lit("?")))
    visits = visits.join(F.broadcast(station), on="stop_id", how="left").join(
        F.broadcast(corridor), on=["service_date", "_line"], how="left"
    )
    return visits.withColumns(
        {
            "station_id": F.coalesce("parent_station", "stop_id"),
            "corridor_group": F.coalesce("corridor_group", "_line"),
            "revenue": ~F.coalesce(F.col("destination_code").isin(*params.depot_destinations), F.lit(False)),
            "source_file": F.lit(None).cast("string"),
            "source_row": F.lit(None).cast("bigint"),
        }
    )


def as_visits(observed: DataFrame) -> DataFrame:
    """Visits of another system under our contract; what it did not say stays open."""
    from pyspark.sql import functions as F

    unknown = {"vehicle_left_ts": "timestamp", "sigma_s": "double", "run_s": "double", "min_run_s": "double"}
    return observed.withColumns(
        {
            "anchor_ts": F.coalesce("arrival_ts", "departure_ts"),
            "time_quality": F.when(F.col("departure_ts").isNull(), "MISSING").otherwise("MEASURED"),
            "at_terminal": F.lit(False),
            **{name: F.lit(None).cast(kind) for name, kind in unknown.items()},
        }
    )
