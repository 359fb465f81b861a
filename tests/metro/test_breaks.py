"""Each rule that `make break` breaks: its stage is blocked with the rule's sentence; once mended and built again, as Clear
does, it holds the same as a stage that nobody disturbed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from expectations import metro as contracts
from expectations.contract import CRITICAL
from simulators.metro import ServiceDay, Settings, land, simulate_day
from simulators.metro.breaks import BREAKS, mend, plant, unbreakable
from spark_jobs.common import pipelines
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.stage import Stage
from spark_jobs.common.window import Window
from tests.files import content
from tests.metro.clock import DAY, at
from tests.metro.metro_lake import MetroLake
from tests.pipeline_lake import lean
from tests.platform.toy import tiny_queries

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(1200)]

# At this scale the first train leaves at half past seven.
WINDOW = Window(at("09:00"), at("09:05"))
# Row rules are judged without Great Expectations, which costs a second a build: only the key of visits needs it.
STAGES = {stage: lean(pipelines.stage("metro", stage)) for stage in ("timetable", "movements", "readings", "matching")}
STAGES["visits"] = pipelines.stage("metro", "visits")


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landing files of a thinned day as they are at the end of the window."""
    day = tmp_path_factory.mktemp("day")
    land(simulate_day(Settings(1, 0.02), ServiceDay(DAY)), day, WINDOW.end)
    return day


@pytest.fixture(scope="module")
def lake(
    spark: SparkSession, ledger: Ledger, landing: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MetroLake]:
    """On the lake that all tests share, for Great Expectations judges in no other session; nothing is released there."""
    with tiny_queries(spark):
        yield MetroLake(spark, ledger, "metro", tmp_path_factory.mktemp("lake"), landing, tuple(STAGES))


@pytest.mark.parametrize(
    ("stage", "which"),
    [
        ("timetable", "one of each landing table and all of its own"),
        ("visits", "one of each landing table and all of its own"),
        # More than two hundred, a build each.
        *(pytest.param(stage, "every", marks=pytest.mark.heavy) for stage in STAGES),
    ],
)
def test_each_broken_rule_blocks_with_its_sentence_and_mended_it_leaves_no_trace(
    lake: MetroLake, landing: Path, stage: str, which: str
) -> None:
    before, judged = content(landing), STAGES[stage]
    of_stage = [one for one in BREAKS.values() if one.stage == stage]
    few = {one.table.name if one.table.landing else one.name: one for one in of_stage}
    chosen = of_stage if which == "every" else list(few.values())
    assert chosen
    with lake.opened("live", WINDOW) as run:
        for name in needed(judged):
            assert lake.build(run, STAGES[name])[0].passed
        verdict, undisturbed = lake.build(run, judged)
        assert verdict.passed, verdict.sentence
        for broken in chosen:
            assert plant(landing, broken.name, WINDOW.end - timedelta(hours=4), WINDOW.end)
            blocked, _ = lake.build(run, judged)
            assert (blocked.status, broken.rule.sentence in blocked.sentence) == ("block", True), blocked.sentence
            mend(landing, broken.name)
            assert content(landing) == before
        # What Clear does, after all that was blocked in this run.
        again, hashes = lake.build(run, judged)
        assert again.passed, again.sentence
        assert hashes == undisturbed


def test_every_critical_rule_can_be_broken_or_says_why_not() -> None:
    told = [name for names in unbreakable().values() for name in names]
    critical = [
        f"{table.name}.{rule.name}"
        for table in contracts.ALL
        for rule in (*table.row_rules(), *table.suite_rules())
        if rule.severity == CRITICAL
    ]
    assert sorted([*told, *BREAKS]) == sorted(critical)


def test_what_was_planted_against_one_rule_can_be_taken_away_without_the_other(landing: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(landing, tmp_path / "landing"))
    before = content(own)
    first, second = "movement_event.event_type:allowed", "visits.unique:service_date,run_id,visit_seq"
    planted = {name: plant(own, name, WINDOW.start, WINDOW.end) for name in (first, second)}
    assert mend(own, first) == planted[first]
    assert all(path.exists() for path in planted[second])
    assert mend(own) == planted[second]
    assert content(own) == before


def needed(stage: Stage) -> list[str]:
    """The stages that must have passed before this one, in an order in which they can."""
    before = [name for upstream in stage.upstream for name in (*needed(STAGES[upstream]), upstream)]
    return list(dict.fromkeys(before))
