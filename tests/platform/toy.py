"""A two-stage pipeline, small enough to see whole: events are cleaned, then totalled by day."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from expectations.contract import WARNING, Column, Rule, Table, keys, window
from spark_jobs.common.disposition import drop_later_copies, drop_outside
from spark_jobs.common.stage import FromRun, Landed, Stage, Write
from spark_jobs.common.window import Window

HOUR = Window(datetime(2024, 3, 12, 6, tzinfo=UTC), datetime(2024, 3, 12, 7, tzinfo=UTC))
STAGES = ("clean", "totals")


@dataclass(frozen=True)
class ToyParams:
    factor: float = 1.0


def contracts(slug: str) -> tuple[Table, Table, Table]:
    """Landing events, cleaned events and totals of a pipeline of this name."""
    columns = (
        Column("event_id", "string", "identity"),
        Column("event_ts", "timestamp", "when it happened"),
        Column("value", "double", "what was measured", unit="A", minimum=0.0, maximum=100.0),
    )
    event = Table(slug, "event", "Raw events.", ("event_id",), columns, window("event_ts"), landing=True)
    clean = Table(slug, "clean", "Events, each once.", ("event_id",), columns, window("event_ts"))
    total = Table(
        slug,
        "totals",
        "Total by day.",
        ("day",),
        (Column("day", "date", "UTC day"), Column("total", "double", "sum of values")),
        keys("day"),
        rules=(
            Rule.gx("ExpectColumnMaxToBeBetween", "No day's total exceeds 1,000.", name="total_limit", column="total", max_value=1000),
            Rule.gx("ExpectColumnMinToBeBetween", "Totals are above 1.", WARNING, name="total_low", column="total", min_value=1),
        ),
    )
    return event, clean, total


def stages(slug: str) -> tuple[Stage, Stage]:
    event, clean, total = contracts(slug)

    def clean_events(events: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        from pyspark.sql import functions as F

        inside = drop_outside(events, "event_ts", window)
        return (drop_later_copies(inside, [F.col("event_id")], ["event_ts"]),)

    def total_events(cleaned: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        from pyspark.sql import functions as F

        by_day = cleaned.groupBy(F.to_date("event_ts").alias("day"))
        return (by_day.agg((F.sum("value") * params.factor).alias("total")),)

    first = Stage(slug, "clean", (Landed(event),), (Write(clean, balances="event"),), clean_events)
    second = Stage(
        slug,
        "totals",
        (FromRun(clean, "clean"),),
        (Write(total, scope=lambda w, p: w.business_days("UTC", 0)),),
        total_events,
    )
    return first, second


def events(count: int = 10, start: datetime = HOUR.start, value: float = 2.0) -> pd.DataFrame:
    """``count`` events, one a minute."""
    return pd.DataFrame(
        {
            "event_id": [f"{start:%H%M}-{n}" for n in range(count)],
            "event_ts": [pd.Timestamp(start + timedelta(minutes=n)).as_unit("us") for n in range(count)],
            "value": [value] * count,
        }
    )


def land(root: Path, rows: pd.DataFrame, name: str = "a.parquet", day: str = "2024-03-12", manifest: dict[str, Any] | None = None) -> Path:
    folder = root / "event" / day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_parquet(path, index=False)
    if manifest is not None:
        path.with_name(name + ".manifest.json").write_text(json.dumps(manifest))
    return path
