"""Audience under a real scheduler: a day whose day before is missing waits, says why, and goes on once that day has run."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from platform_local.airflow_api import Run
from spark_jobs.__main__ import main
from tests.platform.conftest import Stack

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

DAG = "audience_nightly"
PUBLISHED = [
    *("advertiser_id", "pixel_external_id", "pixel_id", "pixel_name", "pixel_tag_type", "pixel_type", "audience_id"),
    *("audience_name", "audience_path", "matched_users", "audience_index", "time_window", "time_rollup"),
]
DAYS = [date(2024, 3, 8), date(2024, 3, 9), date(2024, 3, 10)]


def interval(day: date) -> tuple[datetime, datetime]:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


def runs_of(stack: Stack, day: date) -> list[Run]:
    start = interval(day)[0].isoformat()
    found = stack.api.get(f"/dags/{DAG}/dagRuns", logical_date_gte=start, logical_date_lte=start)
    return [Run(DAG, run["dag_run_id"]) for run in found["dag_runs"]]


def log_of(stack: Stack, run: Run, name: str) -> str:
    """All that a task's newest try has logged."""
    task = next(task for task in stack.api.tasks(run) if task.name == name)
    path = f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}/taskInstances/{name}/logs/{task.tries}"
    entries = stack.api.get(path, full_content="true")["content"]
    return "\n".join(str(entry.get("event", "")) for entry in entries if isinstance(entry, dict))


def wait_for(stack: Stack, run: Run, task: str, state: str) -> None:
    deadline = time.monotonic() + 300
    while (states := stack.states(run)).get(task) != state:
        assert time.monotonic() < deadline, states
        time.sleep(1)


def test_a_day_waits_for_the_missing_day_before_it_and_goes_on_when_a_backfill_has_run_that(
    stack: Stack, tmp_path: Path
) -> None:
    world = ["--seed", "1", "--preset", "small", "--users", "300", "--days", "3", "--first-day", DAYS[0].isoformat()]
    assert main(["simulate", "audience", *world, "--landing", str(stack.landing), "--truth", str(tmp_path)]) == 0
    stack.api.unpause_when_read(DAG)

    # With a state of three days the median index is still on its way up: by itself the mart would be refused for that.
    forced = {"force_publish": "the state has just begun"}
    third = stack.api.trigger(DAG, forced, interval(DAYS[2]))
    assert stack.wait(third) == "failed"
    failed = next(task for task in stack.api.tasks(third) if task.name == "state")
    assert "There is no state of audience at 2024-03-10" in stack.api.sentence(third, failed)

    first = stack.api.trigger(DAG, {"state_from": DAYS[0].isoformat()}, interval(DAYS[0]))
    assert stack.wait(first) == "success"

    stack.api.post(f"/dags/{DAG}/dagRuns/{third.run_id}/clear", {"dry_run": False})
    wait_for(stack, third, "state", "up_for_reschedule")
    assert "Waiting: There is no state of audience at 2024-03-10" in log_of(stack, third, "state")

    assert stack.wait(stack.api.backfill(DAG, DAYS[1])) == "success"
    assert stack.wait(third) == "success"
    assert stack.mart("SELECT DISTINCT ds FROM audience.air_index") == [(DAYS[2],)]
    assert stack.mart("SELECT ds FROM audience.air_run_audit ORDER BY 1") == [(day,) for day in DAYS]
    described = "table_schema = 'audience' AND table_name = 'audience_index_pixel' ORDER BY ordinal_position"
    columns = stack.mart(f"SELECT column_name FROM information_schema.columns WHERE {described}")
    assert [name for (name,) in columns] == PUBLISHED
    shown = "SELECT count(*) FROM audience.air_index WHERE status IN ('over', 'under', 'neutral')"
    assert stack.mart("SELECT count(*) FROM audience.audience_index_pixel") == stack.mart(shown)


def test_a_backfill_of_released_days_that_starts_them_at_once_runs_them_in_order(stack: Stack) -> None:
    """After the test above, on its days."""
    again = [run for day in DAYS[1:] for run in runs_of(stack, day)]
    before = {run.run_id: [task.tries for task in stack.api.tasks(run)] for run in again}
    ends = {"from_date": interval(DAYS[1])[0].isoformat(), "to_date": interval(DAYS[2])[0].isoformat()}
    stack.api.post("/backfills", {"dag_id": DAG, **ends, "reprocess_behavior": "completed", "max_active_runs": 2})
    second, third = (run for day in DAYS[1:] for run in runs_of(stack, day))
    wait_for(stack, third, "state", "up_for_reschedule")
    assert "Waiting: the day before is being run." in log_of(stack, third, "state")
    assert [stack.wait(run) for run in (second, third)] == ["success", "success"]
    assert {run.run_id: [task.tries for task in stack.api.tasks(run)] for run in again} != before
    assert stack.mart("SELECT DISTINCT ds FROM audience.air_index") == [(DAYS[2],)]
