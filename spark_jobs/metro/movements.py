"""Movements: messages of the interlockings, each once, on one clock.

Reads `movement_event`, `infra_section` and the clock offsets of the last settled day. Writes `movements` and, at
night, the day's own `clock_offsets`. Every message read is published, quarantined, or left out with a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expectations.metro import clock_offsets, infra_section, movement_event, movements
from spark_jobs.common.disposition import DROPPED, drop_later_copies, drop_outside, drop_where
from spark_jobs.common.reuse import computed_once
from spark_jobs.common.stage import Landed, Released, Stage, Write
from spark_jobs.common.window import Window
from spark_jobs.metro.clocks import apply_offsets, last_offsets, learn_offsets
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.register import sections_of_day
from spark_jobs.metro.scopes import arrived_by, plan_files, recent, service_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Where two messages say the same, the one that came first is kept; source file and row break ties.
FIRST = ["ingest_ts", "message_seq", "event_id", "source_file", "source_row"]


def transform(
    events: DataFrame, infra: DataFrame, known_offsets: DataFrame, *, window: Window, params: MetroParams
) -> tuple[DataFrame, DataFrame]:
    """Messages with `_dropped` marks, and the clock offsets learnt from them."""
    sections = sections_of_day(infra, window, params)
    events = without_repeats(arrived_in_scope(events, window, params))
    events = with_section(events, sections)
    events = computed_once(events) if params.learn else events
    kept = events.where(f"{DROPPED} IS NULL")
    learnt = learn_offsets(kept, window, params)
    offsets = learnt.drop("samples") if params.learn else last_offsets(known_offsets, window, params)
    corrected = apply_offsets(events, offsets, params)
    flagged = flag_stuck(corrected, window, params)
    return flagged.select(*movements.TABLE.column_names, DROPPED), learnt.select(*clock_offsets.TABLE.column_names)


def arrived_in_scope(events: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """Mark what had not arrived yet, and what happened outside of the scope that the run replaces."""
    from pyspark.sql import functions as F

    arrived = drop_where(events, F.col("ingest_ts") >= F.lit(arrived_by(window, params).end), "not_yet_arrived")
    return drop_outside(arrived, "event_ts", recent(window, params))


def without_repeats(events: DataFrame) -> DataFrame:
    """Mark messages that were sent twice: under the same id, or under a new one with the same content."""
    from pyspark.sql import functions as F

    once = drop_later_copies(events, [F.col("event_id")], FIRST)
    moment = F.round(F.unix_millis("event_ts") / 100).cast("bigint")
    content = [F.col(name) for name in ("source_system", "section_id", "event_type", "train_describer")]
    return drop_later_copies(once, [*content, moment], FIRST)


def with_section(events: DataFrame, sections: DataFrame) -> DataFrame:
    """What the register says about the section; a register that is not supplied knows no section."""
    from pyspark.sql import functions as F

    known = sections.select(
        "section_id",
        "is_terminal",
        "next_sections",
        "length_m",
        F.col("platform_stop_id").isNotNull().alias("is_platform"),
    )
    known = known.withColumn("section_known", F.lit(True))
    joined = events.join(F.broadcast(known), on="section_id", how="left")
    return joined.withColumn("section_known", F.coalesce("section_known", F.lit(False)))


def flag_stuck(events: DataFrame, window: Window, params: MetroParams) -> DataFrame:
    """Flag the OCCUPY of a section that is not released for too long while trains go on beyond it.

    Terminals are left out: trains do stand there.
    """
    from pyspark.sql import Window as W
    from pyspark.sql import functions as F

    section = W.partitionBy("section_id", F.col(DROPPED).isNull()).orderBy("event_ts", "message_seq", "event_id")
    occupied = (F.col("event_type") == "OCCUPY") & ~F.coalesce("is_terminal", F.lit(False)) & F.col(DROPPED).isNull()
    silent_until = F.coalesce(F.lead("event_ts").over(section), F.lit(window.end))
    limit = F.col("event_ts") + F.expr(f"INTERVAL {params.stuck_after_min} MINUTES")
    traffic = (
        events.where(occupied).groupBy(F.col("section_id").alias("_beyond")).agg(F.max("event_ts").alias("_traffic_ts"))
    )
    found = events.withColumns(
        {"_silent": occupied & (silent_until > limit), "_limit": limit, "_beyond": F.get("next_sections", F.lit(0))}
    )
    found = found.join(F.broadcast(traffic), on="_beyond", how="left")
    return found.withColumn(
        "stuck", F.col("_silent") & F.coalesce(F.col("_traffic_ts") > F.col("_limit"), F.lit(False))
    )


STAGE = Stage(
    pipeline="metro",
    name="movements",
    reads=(
        Landed(movement_event.TABLE),
        Landed(infra_section.TABLE, read_window=plan_files),
        Released(clock_offsets.TABLE, tier="settled"),
    ),
    writes=(
        Write(movements.TABLE, scope=recent, balances="movement_event"),
        Write(clock_offsets.TABLE, scope=service_days),
    ),
    transform=transform,
    read_window=recent,
)
