"""A two-stage pipeline, small enough to see whole: events are cleaned, then totalled by day, and the totals are served."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from expectations.contract import WARNING, Column, Rule, Table, keys, window
from spark_jobs.common.build import build
from spark_jobs.common.disposition import drop_later_copies, drop_outside
from spark_jobs.common.lake import Lake
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger, Release, Run
from spark_jobs.common.release import release
from spark_jobs.common.serve import Mart, Swap, serve
from spark_jobs.common.stage import FromRun, Landed, Stage, Write
from spark_jobs.common.window import Window
from tests.spark_settings import INTERPRETED

HOUR = Window(datetime(2024, 3, 12, 6, tzinfo=UTC), datetime(2024, 3, 12, 7, tzinfo=UTC))


@dataclass(frozen=True)
class ToyParams:
    factor: float = 1.0


def contracts(slug: str, suites: bool = True) -> tuple[Table, Table, Table]:
    """Landing events, cleaned events and totals of a pipeline of this name; without suites for tests that are about the
    machinery.
    """
    columns = (
        Column("event_id", "string", "identity"),
        Column("event_ts", "timestamp", "when it happened"),
        Column("value", "double", "what was measured", unit="A", minimum=0.0, maximum=100.0),
    )
    of_day = (Column("day", "date", "UTC day"), Column("total", "double", "sum of values"))
    limits = (
        Rule.gx(
            "ExpectColumnMaxToBeBetween",
            "No day's total exceeds 1,000.",
            name="total_limit",
            column="total",
            max_value=1000,
        ),
        Rule.gx(
            "ExpectColumnMinToBeBetween",
            "Totals are above 1.",
            WARNING,
            name="total_low",
            column="total",
            min_value=1,
        ),
    )
    event = Table(slug, "event", "Raw events.", ("event_id",), columns, window("event_ts"), landing=True)
    key = ("event_id",) if suites else ()
    clean = Table(slug, "clean", "Events, each once.", key, columns, window("event_ts"), may_be_empty=not suites)
    key, rules = (("day",), limits) if suites else ((), ())
    total = Table(slug, "totals", "Total by day.", key, of_day, keys("day"), rules, may_be_empty=not suites)
    return event, clean, total


def clean_events(events: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
    """Events of the window, each once."""
    from pyspark.sql import functions as F

    inside = drop_outside(events, "event_ts", window)
    return (drop_later_copies(inside, [F.col("event_id")], ["event_ts"]),)


def total_events(cleaned: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
    """The sum of each day that the window touches."""
    from pyspark.sql import functions as F

    day = F.to_date("event_ts")
    touched = cleaned.where(day.isin(window.business_days("UTC", 0)))
    return (touched.groupBy(day.alias("day")).agg((F.sum("value") * params.factor).alias("total")),)


def stages(slug: str, suites: bool = True) -> tuple[Stage, Stage]:
    event, clean, total = contracts(slug, suites)
    first = Stage(slug, "clean", (Landed(event),), (Write(clean, balances="event"),), clean_events)
    days = Write(total, scope=lambda w, p: w.business_days("UTC", 0))
    return first, Stage(slug, "totals", (FromRun(clean, "clean"),), (days,), total_events)


def marts(slug: str) -> tuple[Mart, ...]:
    _, clean, total = contracts(slug)
    return (Mart("daily", total, day="day"), Mart("events", clean, day="event_ts"))


def swapped(slug: str) -> tuple[Mart, ...]:
    """The same marts, the events replaced as a whole: they are those of the newest day alone."""
    daily, clean = marts(slug)
    return daily, replace(clean, swap=Swap(log="publish_log", index=("value",), watched="value"))


def events(count: int = 10, start: datetime = HOUR.start, value: float = 2.0) -> pd.DataFrame:
    """``count`` events, one a minute."""
    return pd.DataFrame(
        {
            "event_id": [f"{start:%d%H%M}-{n}" for n in range(count)],
            "event_ts": [pd.Timestamp(start + timedelta(minutes=n)).as_unit("us") for n in range(count)],
            "value": [value] * count,
        }
    )


def land(
    root: Path,
    rows: pd.DataFrame,
    name: str = "a.parquet",
    day: str = "2024-03-12",
    manifest: dict[str, Any] | None = None,
) -> Path:
    """Write a landing file of events, and its manifest if one is given."""
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


class World:
    """One toy pipeline of its own on the shared lake."""

    def __init__(self, spark: Any, ledger: Ledger, home: Path, slug: str, suites: bool = True) -> None:
        self.spark, self.ledger, self.slug = spark, ledger, slug
        self.root = home / "landing" / slug
        self.root.mkdir(parents=True, exist_ok=True)
        self.staging = home / "staging"
        self.lake = Lake(spark)
        self.stages = stages(slug, suites)
        self.clean, self.totals = self.stages
        self.marts = marts(slug)

    def table(self, name: str, tier: str = "settled") -> str:
        return f"lake.{self.slug}.{name}{'_live' if tier == 'live' else ''}"

    def key(self, name: str) -> str:
        return f"{self.slug}/{name}"

    def open(self, name: str = "run-1", cadence: str = "nightly", window: Window = HOUR) -> Run:
        """A run with this window given explicitly."""
        return self.ledger.open_run(self.slug, cadence, self.key(name), None, window)

    def build(self, stage: Stage, run: Run, params: ToyParams | None = None) -> dict[str, Any]:
        """Build a stage; returns the receipt's document."""
        landing = Landing(self.root, self.staging)
        return build(self.spark, self.ledger, landing, stage, run, params or ToyParams()).document

    def pass_all(self, run: Run, params: ToyParams | None = None) -> None:
        for stage in self.stages:
            self.build(stage, run, params)
            verdict = self.ledger.checkpoint(run.run_key, stage.name)
            assert verdict.passed, verdict.sentence

    def release(self, run: Run) -> Release:
        names = tuple(stage.name for stage in self.stages)
        return release(self.spark, self.ledger, run, names, fingerprints(self.stages))

    def serve(self, run: Run, force_publish: str = "") -> dict[str, int]:
        return serve(self.spark, self.ledger, run, self.marts, force_publish)

    def publish(
        self, name: str = "run-1", cadence: str = "nightly", window: Window = HOUR, params: ToyParams | None = None
    ) -> Run:
        """A whole run, up to its release."""
        run = self.open(name, cadence, window)
        self.pass_all(run, params)
        self.release(run)
        self.ledger.close_run(run.run_key)
        return run

    def released(self, name: str = "clean", tier: str = "settled") -> list[Any]:
        """Rows that readers of the newest release see."""
        table = self.table(name, tier)
        newest = self.ledger.releases(self.slug, tier)
        return self.lake.read(table, newest[0].snapshots[table]).collect() if newest else []

    def total(self, tier: str = "settled") -> list[float]:
        return sorted(row.total for row in self.released("totals", tier))

    def on_main(self, name: str = "clean", tier: str = "settled") -> int:
        """Rows on ``main``, where readers of a single table look."""
        rows: int = self.spark.table(self.table(name, tier)).count()
        return rows

    def rule(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        return next(rule for rule in document["rules"] if rule["rule"] == name)

    def quarantined(self, document: dict[str, Any], name: str = "event") -> list[Any]:
        """Quarantine rows on the branch that a receipt names, by origin."""
        table = self.table(f"{name}__quarantine", document["tier"])
        if table not in document["tables"]:
            return []
        rows = self.lake.read(table, document["tables"][table]["snapshot"])
        return rows.orderBy("source_file", "source_row").collect()


def fingerprints(stages: Iterable[Stage]) -> dict[str, str]:
    """The contracts that the stages write by, as they are now."""
    return {write.table.name: write.table.fingerprint() for stage in stages for write in stage.writes}


def spoiled(stage: Stage, spoil: Callable[..., tuple[Any, ...]]) -> Stage:
    """The stage with another transform."""
    return Stage(stage.pipeline, stage.name, stage.reads, stage.writes, spoil, stage.read_window)


@contextmanager
def tiny_queries(spark: Any) -> Iterator[None]:
    """Spark's settings for a handful of rows: what makes millions fast costs a multiple of the query here."""
    settings = {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1", **INTERPRETED}
    before = {key: spark.conf.get(key, None) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, value)
    yield
    for key, old in before.items():
        if old is None:
            spark.conf.unset(key)
        else:
            spark.conf.set(key, old)
