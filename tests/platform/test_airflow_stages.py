"""The light tasks of a run, against a real ledger: open, check, close, and the wait before."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from signalbox.cadence import NIGHTLY
from signalbox.stages import Checkpoint, CloseRun, OpenRun, WaitForLateFiles

from spark_jobs.common.ledger import LeaseHeld, Ledger

NINE = datetime(2024, 3, 12, 9, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
RULE = {
    "rule": "key",
    "table": "t",
    "severity": "critical",
    "success": True,
    "sentence": "One row a key.",
    "observed": 3,
}


class Line:
    """A pipeline that only this test knows, and the context of its runs."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.slug = f"line{uuid4().hex[:8]}"

    def context(self, run_id: str, start: datetime, run_type: str = "scheduled", **params: str) -> dict[str, Any]:
        run = SimpleNamespace(
            dag_id=f"{self.slug}_live",
            run_id=run_id,
            run_type=run_type,
            data_interval_start=start,
            data_interval_end=start + FIVE_MINUTES,
        )
        return {"dag_run": run, "params": params}

    def open(self, context: dict[str, Any]) -> str:
        opened = OpenRun(task_id="window", pipeline=self.slug, cadence_name="live").poke(context)
        assert opened.is_done
        return str(opened.xcom_value)

    def waits(self, context: dict[str, Any]) -> bool:
        return not OpenRun(task_id="window", pipeline=self.slug, cadence_name="live").poke(context).is_done

    def close(self, context: dict[str, Any]) -> None:
        CloseRun(task_id="close").execute(context)

    def key(self, run_id: str) -> str:
        return f"{self.slug}_live/{run_id}"

    def build(self, run_id: str, rule: dict[str, Any]) -> None:
        """What a build job leaves in the ledger."""
        attempt = self.ledger.begin(self.ledger.run(self.key(run_id)), "movements")
        tables = {"t": {"snapshot": 1, "audited": True}}
        self.ledger.write_receipt(attempt, {"tables": tables, "rules": [rule]})

    def release(self, run_id: str) -> None:
        attempt = self.ledger.begin(self.ledger.run(self.key(run_id)), "release")
        self.ledger.write_release(attempt, {"t": 1})


@pytest.fixture
def line(ledger: Ledger) -> Line:
    return Line(ledger)


def checkpoint(context: dict[str, Any]) -> str:
    return Checkpoint(task_id="checkpoint", stage="movements").execute(context)


def test_a_first_run_answers_for_its_interval_and_a_retry_for_the_same(line):
    context = line.context("one", NINE)
    assert line.open(context) == line.open(context) == "[2024-03-12 09:00:00Z, 2024-03-12 09:05:00Z)"


def test_after_an_outage_one_run_reaches_back_to_the_last_released_window(line):
    line.open(line.context("one", NINE))
    line.release("one")
    line.close(line.context("one", NINE))
    assert line.open(line.context("two", NINE + 6 * FIVE_MINUTES)) == "[2024-03-12 09:05:00Z, 2024-03-12 09:35:00Z)"


def test_a_run_whose_window_another_has_released_is_skipped_with_a_sentence(line):
    line.open(line.context("one", NINE))
    line.close(line.context("one", NINE))
    line.open(line.context("two", NINE))
    line.release("two")
    with pytest.raises(AirflowSkipException, match="live window"):
        line.open(line.context("one", NINE))


def test_a_proven_stage_passes(line):
    context = line.context("one", NINE)
    line.open(context)
    line.build("one", RULE)
    assert checkpoint(context) == "pass"


def test_a_broken_warning_lets_the_run_go_on(line):
    context = line.context("one", NINE)
    line.open(context)
    line.build("one", {**RULE, "severity": "warning", "success": False})
    assert checkpoint(context) == "warn"


def test_a_broken_critical_rule_fails_for_good_with_its_sentence(line):
    context = line.context("one", NINE)
    line.open(context)
    line.build("one", {**RULE, "success": False})
    with pytest.raises(AirflowFailException, match="One row a key"):
        checkpoint(context)


def test_without_a_receipt_a_stage_does_not_pass(line):
    context = line.context("one", NINE)
    line.open(context)
    with pytest.raises(AirflowFailException, match="no receipt"):
        checkpoint(context)


def test_a_run_waits_for_its_turn_until_the_one_that_writes_is_closed(line):
    line.open(line.context("one", NINE))
    assert line.waits(line.context("two", NINE))
    line.build("one", RULE)
    with pytest.raises(LeaseHeld):
        line.build("two", RULE)
    line.close(line.context("one", NINE))
    line.open(line.context("two", NINE))
    line.build("two", RULE)
    assert line.waits(line.context("three", NINE))


def test_closing_a_run_that_never_opened_is_no_error(line):
    line.close(line.context("never", NINE))
    assert line.open(line.context("next", NINE)) == "[2024-03-12 09:00:00Z, 2024-03-12 09:05:00Z)"


def waits_until(context: dict[str, Any]) -> datetime | None:
    """The moment until which the wait for late files defers, or None when it lets the run through at once."""
    assert NIGHTLY.late_files_wait
    try:
        WaitForLateFiles(task_id="late_files", wait=NIGHTLY.late_files_wait).execute(context)
    except TaskDeferred as deferred:
        return deferred.trigger.moment
    return None


def test_a_night_that_has_just_ended_waits_for_late_files_in_the_triggerer(line):
    ended = datetime.now(UTC)
    assert waits_until(line.context("one", ended - FIVE_MINUTES)) == ended + timedelta(minutes=30)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"start": NINE}, id="a day long past"),
        pytest.param({"run_type": "backfill"}, id="a backfill"),
        pytest.param(
            {"window_start": "2024-03-12T09:00:00Z", "window_end": "2024-03-12T09:05:00Z"}, id="an explicit window"
        ),
    ],
)
def test_what_somebody_asked_for_does_not_wait(line, changed):
    assert waits_until(line.context("one", **{"start": datetime.now(UTC), **changed})) is None
