"""Days on a real lake: in order, again, missing, empty, and an old one run again under newer ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from spark_jobs.audience import udb
from spark_jobs.audience.params import AudienceParams
from spark_jobs.common.inputs import state_before
from spark_jobs.common.local_run import windows_of_state
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.window import Window
from tests.audience.steps import FIRST, listed_state, simulated, window_of
from tests.pipeline_lake import PipelineLake, own_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]

# What a day goes on from, and no more: the index has tests of its own.
STAGES = ("dimensions", "events", "days", "udb")
SECOND, THIRD, FOURTH = (FIRST + timedelta(days=n) for n in (1, 2, 3))
BEGIN = (f"state_from={FIRST.isoformat()}",)
UDB = "lake.audience.udb"


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineLake]:
    """Three days of few users; nothing has landed on the third."""
    folder = tmp_path_factory.mktemp("days")
    size = ("--users", "60", "--segments", "6", "--groups", "2", "--pixels", "4", "--days", "2", "--noise", "0")
    landing = simulated(folder, "--seed", "3", *size)
    with own_session(spark, folder / "lake") as (session, ledger):
        yield PipelineLake(session, ledger, "audience", folder / "lake", landing, STAGES)


@pytest.fixture(scope="module")
def indexed(lake: PipelineLake) -> PipelineLake:
    """The same lake, up to the index."""
    whole = PipelineLake(lake.spark, lake.ledger, "audience", lake.folder, lake.landing, (*STAGES, "index"))
    whole.runs = 100  # Its runs are not those of the lake above.
    return whole


def run(lake: PipelineLake, day: date, *overrides: str) -> dict[str, str]:
    return lake.run("nightly", window_of(day, day), overrides=overrides)


def gone_on_from(lake: PipelineLake, window: Window, state_from: str = "") -> int | None:
    """The snapshot that a run of the window would go on from: what `udb` asks for, without the stages that come before it."""
    with lake.opened("nightly", window) as run:
        return state_before(lake.ledger, run, UDB, state_from)


def tags(lake: PipelineLake) -> dict[str, int]:
    """The state's tags and `main`, with their snapshots."""
    rows = lake.spark.sql(f"SELECT name, snapshot_id FROM {UDB}.refs WHERE type = 'TAG' OR name = 'main'").collect()
    return {row.name: row.snapshot_id for row in rows}


@pytest.fixture(scope="module")
def three_days(lake: PipelineLake, indexed: PipelineLake) -> dict[str, dict[str, str]]:
    """The content hashes of three days in order, the third without any event and with its index."""
    return {
        "first": run(lake, FIRST, *BEGIN),
        "second": run(lake, SECOND),
        "third": run(indexed, THIRD),
    }


def test_a_first_day_that_is_not_declared_is_blocked_in_words(lake: PipelineLake) -> None:
    with pytest.raises(Blocked, match=r"no state of audience at 2024-01-01 00:00Z.*state_from=2024-01-01"):
        gone_on_from(lake, window_of(FIRST, FIRST))
    assert gone_on_from(lake, window_of(FIRST, FIRST), FIRST.isoformat()) is None


def test_each_day_has_its_tag_and_main_is_at_the_newest(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    found = tags(lake)
    assert set(found) == {"main", "ds_20240101", "ds_20240102", "ds_20240103"}
    assert found["main"] == found["ds_20240103"]


def test_several_days_go_on_one_by_one_or_begin_the_state_anew(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    params, fifth, sixth = AudienceParams(), FOURTH + timedelta(days=1), FOURTH + timedelta(days=2)

    def asked(first: date, last: date, slug: str = "audience") -> tuple[list[Window], str]:
        windows, found = windows_of_state(lake.ledger, slug, window_of(first, last), params)
        return windows, found.state_from

    one_by_one = [window_of(day, day) for day in (FOURTH, fifth)]
    assert asked(FOURTH, fifth) == (one_by_one, "")
    assert asked(FIRST, THIRD) == ([window_of(FIRST, THIRD)], FIRST.isoformat())  # It began here, and does so again.
    assert asked(SECOND, THIRD) == ([window_of(day, day) for day in (SECOND, THIRD)], "")
    assert asked(FIRST, THIRD, "never_released") == ([window_of(FIRST, THIRD)], FIRST.isoformat())
    assert asked(fifth, sixth)[1] == ""  # Nothing ends there: its first day is blocked (see below).


def test_an_empty_day_keeps_the_users_and_moves_the_day_on(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    found = tags(lake)
    before, after = (lake.lake.read(UDB, found[name]) for name in ("ds_20240102", "ds_20240103"))
    assert listed_state(after) == listed_state(before) != {}
    assert {row.updated_ds for row in after.select("updated_ds").distinct().collect()} == {THIRD}


def test_a_day_meets_the_state_bucket_by_bucket_without_a_shuffle(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    before, days = lake.lake.read(UDB, tags(lake)["ds_20240101"]), "lake.audience.user_days"
    written = lake.spark.sql(f"SELECT snapshot_id FROM {days}.snapshots ORDER BY committed_at").collect()
    filled = [day for day in (lake.lake.read(days, row.snapshot_id) for row in written) if not day.isEmpty()]

    def plan() -> str:
        (state,) = udb.transform(filled[-1], before, window=window_of(SECOND, SECOND), params=AudienceParams())
        return str(state._jdf.queryExecution().executedPlan())

    assert "Exchange hashpartitioning" in plan()
    with lake.lake.joined_by_bucket():
        assert "Join" in plan() and "Exchange" not in plan()


def test_a_missing_day_is_blocked_in_words(lake: PipelineLake, three_days: dict[str, dict[str, str]]) -> None:
    fifth = FOURTH + timedelta(days=1)
    with pytest.raises(Blocked, match="no state of audience at 2024-01-05 00:00Z: the day before it is not released"):
        gone_on_from(lake, window_of(fifth, fifth))
    assert gone_on_from(lake, window_of(FOURTH, FOURTH)) == tags(lake)["main"]


def test_a_window_that_is_not_one_whole_day_is_blocked_in_words(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    days, noon = window_of(SECOND, THIRD), timedelta(hours=12)
    for window, words in ((days, "covers one day"), (Window(days.start, days.start + noon), "by whole UTC days")):
        with pytest.raises(Blocked, match=words):
            gone_on_from(lake, window)


def test_the_newest_day_run_again_gives_the_same_content_and_the_same_index(
    indexed: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    again = run(indexed, THIRD)
    assert again == three_days["third"]
    assert {f"lake.audience.air_{of}" for of in ("index", "trend", "run_audit")} < set(again)
    assert indexed.spark.table("lake.audience.air_index").count() > 0


def test_an_old_day_run_again_leaves_main_and_makes_later_days_stale_until_they_run_again(
    lake: PipelineLake, three_days: dict[str, dict[str, str]]
) -> None:
    before = tags(lake)
    assert run(lake, SECOND) == three_days["second"]
    found = tags(lake)
    assert found["main"] == before["main"] and found["ds_20240102"] != before["ds_20240102"]
    with pytest.raises(Blocked, match="at 2024-01-04 00:00Z rests on an older run of the days up to 2024-01-03 00:00Z"):
        run(lake, FOURTH)
    assert run(lake, THIRD).items() < three_days["third"].items()
    run(lake, FOURTH)
    assert tags(lake)["main"] == tags(lake)["ds_20240104"]
