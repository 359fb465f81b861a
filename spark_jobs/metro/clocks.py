"""Clocks of the interlockings: how far each is ahead of the others, learnt where trains pass from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from expectations.metro import clock_offsets
from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.scopes import service_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_ACCEPTED_STEP_S = (3.0, 90.0)


def apply_offsets(events: DataFrame, offsets: DataFrame, params: MetroParams) -> DataFrame:
    """corrected_ts: event_ts less the interlocking's offset where that is large enough to be believed."""
    from pyspark.sql import functions as F

    large = offsets.where(F.abs("offset_s") >= params.clock_min_offset_s).select("source_system", "offset_s")
    ahead_us = F.round(F.coalesce("offset_s", F.lit(0.0)) * 1e6).cast("bigint")
    joined = events.join(F.broadcast(large), on="source_system", how="left")
    return joined.withColumn("corrected_ts", F.timestamp_micros(F.unix_micros("event_ts") - ahead_us)).drop("offset_s")


def last_offsets(known: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """The offset of each interlocking on the newest settled day before the window's."""
    from pyspark.sql import functions as F

    before = known.where(F.col("service_date") < F.lit(service_days(window, params)[0]))
    return before.groupBy("source_system").agg(F.max_by("offset_s", "service_date").alias("offset_s"))


def learn_offsets(events: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """service_date, source_system, offset_s, samples; no rows unless the params say learn.

    A step is the time between two successive OCCUPY of one train. Between plain sections a train runs at even speed,
    so the step is the section's length over the speed. What is more is the difference of two clocks; least squares
    over all borders gives
    each clock.
    """
    from pyspark.sql import functions as F

    steps = plain_steps(events.where(F.lit(params.learn)))
    medians = steps.groupBy("from_system", "to_system", "length_m", "section_id").agg(
        F.median("step_s").alias("step_s"), F.count("*").alias("samples")
    )
    day = service_days(window, params)[0]

    def solve(rows: pd.DataFrame) -> pd.DataFrame:
        return solve_offsets(rows, params.clock_min_samples).assign(service_date=day)[
            list(clock_offsets.TABLE.column_names)
        ]

    solved: DataFrame = medians.groupBy(F.lit(0).alias("all")).applyInPandas(solve, schema=clock_offsets.TABLE.ddl())
    return solved


def plain_steps(events: DataFrame) -> DataFrame:
    """Steps of trains from one plain section into the next one, with the systems on both sides.

    Both messages name the border: one by the section that the train goes to, the other by the one it came from.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    plain = events.where("event_type = 'OCCUPY' AND NOT is_platform AND NOT is_terminal")
    timed = plain.withColumn("at_ms", F.unix_millis("event_ts"))
    told = [F.col(name) for name in ("source_system", "length_m", "at_ms")]
    here, to, came_from = F.col("section_id"), F.col("next_section_id"), F.col("prev_section_id")
    enters = timed.select(F.lit(0).alias("side"), here, to.alias("following"), *told)
    leaves = timed.select(F.lit(1).alias("side"), came_from.alias("section_id"), here.alias("following"), *told)
    border = W.partitionBy("section_id", "following").orderBy("at_ms", "side")
    both = enters.unionByName(leaves).select(
        "section_id",
        F.col("source_system").alias("to_system"),
        F.lag("source_system").over(border).alias("from_system"),
        F.lag("length_m").over(border).alias("length_m"),
        ((F.col("at_ms") - F.lag("at_ms").over(border)) / 1000).alias("step_s"),
        ((F.col("side") == 1) & (F.lag("side").over(border) == 0)).alias("one_train"),
    )
    low, high = _ACCEPTED_STEP_S
    return both.where("one_train").where(F.col("step_s").between(low, high))


def solve_offsets(steps: pd.DataFrame, min_samples: int) -> pd.DataFrame:
    """source_system, offset_s, samples from median steps; offsets count from the median clock."""
    within = steps[steps.from_system == steps.to_system]
    across = steps[(steps.from_system != steps.to_system) & (steps.samples >= min_samples)]
    systems = sorted(set(across.from_system) | set(across.to_system))
    nothing = pd.DataFrame({"source_system": pd.Series([], dtype=object), "offset_s": [], "samples": []})
    if within.empty or not systems:
        return nothing
    pace_s_per_m = float(np.median(np.repeat(within.step_s / within.length_m, within.samples)))
    place = {system: n for n, system in enumerate(systems)}
    design = np.zeros((len(across) + 1, len(systems)))
    rows = np.arange(len(across))
    design[rows, across.to_system.map(place)] = 1.0
    design[rows, across.from_system.map(place)] = -1.0
    design[-1] = 1.0  # the offsets' sum is free otherwise
    excess = np.append((across.step_s - across.length_m * pace_s_per_m).to_numpy(float), 0.0)
    solved = np.linalg.lstsq(design, excess, rcond=None)[0]
    counts = pd.concat([across.set_index(side).samples for side in ("from_system", "to_system")]).groupby(level=0).sum()
    return pd.DataFrame(
        {
            "source_system": systems,
            "offset_s": np.round(solved - np.median(solved), 3),
            "samples": counts.reindex(systems).to_numpy(),
        }
    )
