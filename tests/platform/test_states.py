"""States in the ledger: what a day goes on from, what is missing, what rests on days that were run again."""

from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException
from signalbox.stages import WaitForState

from spark_jobs import audience
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.window import Window

FIRST = datetime(2024, 3, 11, tzinfo=UTC)
DAY = timedelta(days=1)
SNAPSHOTS = count(1)


class Days:
    """The days of a pipeline that only this test knows; what builds and releases leave in the ledger."""

    def __init__(self, ledger: Ledger, slug: str = "") -> None:
        self.ledger, self.slug = ledger, slug or f"days{uuid4().hex[:8]}"
        self.table = f"lake.{self.slug}.{audience.STATE}"

    def release(self, number: int, begins: bool = False, length: int = 1) -> int:
        """Run day ``number``, or ``length`` days in one pass, on the state before it or as the first of a state; its snapshot."""
        start = FIRST + number * DAY
        before = None if begins else self.at(number)
        window = Window(start, start + length * DAY)
        run = self.ledger.open_run(self.slug, "nightly", f"{self.slug}/{uuid4().hex}", None, window)
        attempt, snapshot = self.ledger.begin(run, "udb"), next(SNAPSHOTS)
        inputs = [{"table": self.table, "snapshot": before, "state_at": start.isoformat()}]
        tables = {self.table: {"snapshot": snapshot, "audited": True}}
        self.ledger.write_receipt(attempt, {"tables": tables, "inputs": inputs, "rules": []})
        self.ledger.write_release(self.ledger.begin(run, "release"), {self.table: snapshot})
        self.ledger.close_run(run.run_key)
        return snapshot

    def at(self, number: int) -> int:
        """The state with which day ``number`` begins."""
        return self.ledger.state_at(self.slug, "settled", self.table, FIRST + number * DAY)


@pytest.fixture
def days(ledger: Ledger) -> Days:
    return Days(ledger)


def test_a_day_begins_with_what_the_day_before_released(days: Days) -> None:
    first = days.release(0, begins=True)
    assert days.at(1) == first
    second = days.release(1)
    assert (days.at(1), days.at(2)) == (first, second)


def test_a_missing_day_is_named_with_what_to_do(days: Days) -> None:
    days.release(0, begins=True)
    with pytest.raises(Blocked, match=r"2024-03-13 00:00Z: the day before it is not released\..*state_from=2024-03-13"):
        days.at(2)


def test_a_day_run_again_makes_all_later_ones_stale_until_they_run_again(days: Days) -> None:
    for number in range(4):
        days.release(number, begins=number == 0)
    again = days.release(1)
    assert days.at(2) == again
    for number in (3, 4):
        with pytest.raises(Blocked, match="rests on an older run of the days up to 2024-03-13 00:00Z"):
            days.at(number)
    days.release(2)
    with pytest.raises(Blocked, match="rests on an older run of the days up to 2024-03-14 00:00Z"):
        days.at(4)
    newest = days.release(3)
    assert days.at(4) == newest


def test_a_state_that_begins_anew_rests_on_nothing_before(days: Days) -> None:
    for number in range(3):
        days.release(number, begins=number == 0)
    anew = days.release(2, begins=True)
    days.release(0, begins=True)
    assert days.at(3) == anew


def test_a_day_that_is_run_again_makes_the_pass_that_had_it_stale(days: Days) -> None:
    whole = days.release(0, begins=True, length=3)
    assert days.at(3) == whole
    days.release(3)
    days.release(1, begins=True)
    for number in (3, 4):
        with pytest.raises(Blocked, match="rests on an older run of the days up to 2024-03-14 00:00Z"):
            days.at(number)
    days.release(2)
    newest = days.release(3)
    assert days.at(4) == newest


def test_a_day_does_not_go_on_from_the_one_before_a_pass_that_has_both(days: Days) -> None:
    days.release(0, begins=True)
    whole = days.release(0, begins=True, length=3)
    with pytest.raises(Blocked, match="rests on an older run of the days up to 2024-03-12 00:00Z"):
        days.at(1)
    assert days.at(3) == whole


def context(
    run_key: str, logical_date: datetime | None = None, running: tuple[datetime, ...] = (), **params: str
) -> Any:
    """What Airflow tells a task of its run, and of the runs beside it."""

    def count(dag_id: str, *, logical_dates: list[datetime], states: list[str]) -> int:
        return len(set(running) & set(logical_dates)) if (dag_id, states) == (run.dag_id, ["running"]) else 0

    dag_id, run_id = run_key.split("/")
    run = SimpleNamespace(dag_id=dag_id, run_id=run_id, logical_date=logical_date)
    return {"dag_run": run, "ti": SimpleNamespace(get_dr_count=count), "params": params}


def test_a_run_waits_for_the_day_before_and_fails_where_no_state_has_begun(ledger: Ledger) -> None:
    days, wait = Days(ledger, "audience"), WaitForState(task_id="state", pipeline="audience", timeout=60.0)
    start = FIRST + 2 * DAY
    for name in ("third", "fourth"):
        ledger.open_run("audience", "nightly", f"audience_nightly/{name}", None, Window(start, start + DAY))
    with pytest.raises(AirflowFailException, match="no state of audience at 2024-03-13"):
        wait.poke(context("audience_nightly/third"))
    assert wait.poke(context("audience_nightly/third", state_from="2024-03-13"))
    ledger.close_run("audience_nightly/third")
    days.release(0, begins=True)
    assert not wait.poke(context("audience_nightly/third"))
    days.release(1)
    assert wait.poke(context("audience_nightly/third"))
    assert not wait.poke(context("audience_nightly/fourth", state_from="2024-03-13"))
    ledger.close_run("audience_nightly/third")
    assert wait.poke(context("audience_nightly/fourth", state_from="2024-03-13"))
    ledger.close_run("audience_nightly/fourth")


def test_a_run_waits_while_the_day_before_is_run_anew(ledger: Ledger) -> None:
    days, wait = Days(ledger, "audience"), WaitForState(task_id="state", pipeline="audience", timeout=60.0)
    for number in range(2):
        days.release(number, begins=number == 0)
    start = FIRST + 2 * DAY
    ledger.open_run("audience", "nightly", "audience_nightly/anew", None, Window(start, start + DAY))
    for running, goes_on in ((start - DAY, False), (start - 2 * DAY, True), (start, True)):
        assert wait.poke(context("audience_nightly/anew", start, (running,))) is goes_on
    assert wait.poke(context("audience_nightly/anew", start, (start - DAY,), state_from="2024-03-13"))
    ledger.close_run("audience_nightly/anew")
