"""The metro pipeline under a real scheduler: a blocked night, its message, its mend and Clear in the real UI, and live windows."""

from pathlib import Path

import pandas as pd
import pytest

from platform_local.airflow_api import Run
from platform_local.environment import UI_USER
from platform_local.service_day import SERVICE_DATE as DAY
from spark_jobs.common.window import Window
from tests.browser import chromium, clear, sign_in
from tests.platform.conftest import Stack

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
CHECKPOINT = "movements.checkpoint"


@pytest.fixture(scope="module")
def blocked(stack: Stack) -> tuple[Run, Path]:
    """A night over landing files of which a third is garbage, and the file that brought it."""
    folder = stack.landing / "movement_event" / DAY.isoformat()
    good = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))])
    bad = folder / "garbage.parquet"
    good.head(len(good) // 2).assign(event_type="EXPLODED", event_id=lambda rows: "bad-" + rows.event_id).to_parquet(
        bad, index=False
    )
    run = stack.api.backfill("metro_nightly", DAY)
    assert stack.wait(run) == "failed"
    return run, bad


def test_a_blocked_night_releases_nothing_and_says_which_rule_is_broken(
    stack: Stack, blocked: tuple[Run, Path]
) -> None:
    run, _ = blocked
    states = stack.states(run)
    assert (states["movements.build"], states[CHECKPOINT]) == ("success", "failed")
    assert {states[name] for name in ("visits.build", "release", "serve")} == {"upstream_failed"}
    assert stack.ledger.releases("metro", "settled") == []
    assert stack.mart("SELECT 1 FROM information_schema.tables WHERE table_schema = 'metro'") == []
    sentence = "At most 15% of the rows of movements are in quarantine."
    task = next(task for task in stack.api.tasks(run) if task.name == CHECKPOINT)
    assert sentence in stack.api.sentence(run, task)
    assert [sentence in message["text"] and "metro_nightly" in message["text"] for message in stack.slack.messages] == [
        True
    ]
    assert stack.slack.refusals == []


def test_marking_the_checkpoint_successful_publishes_nothing(stack: Stack, blocked: tuple[Run, Path]) -> None:
    run, _ = blocked
    stack.api.patch(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{CHECKPOINT}", {"new_state": "success"})
    again = {
        "dag_run_id": run.run_id,
        "task_ids": ["visits.build"],
        "include_downstream": True,
        "only_failed": False,
        "dry_run": False,
    }
    stack.api.post(f"/dags/{run.dag_id}/clearTaskInstances", again)
    assert stack.wait(run) == "failed"
    task = next(task for task in stack.api.tasks(run) if task.name == "visits.build")
    assert (task.state, "The checkpoint of movements did not pass." in stack.api.sentence(run, task)) == (
        "failed",
        True,
    )
    assert stack.ledger.releases("metro", "settled") == []


def test_after_the_mend_clear_in_the_ui_turns_the_run_green(stack: Stack, blocked: tuple[Run, Path]) -> None:
    run, bad = blocked
    bad.unlink()
    with chromium() as page:
        sign_in(page, stack.settings.api_url, UI_USER, stack.settings.ui_password)
        clear(page, stack.settings.api_url, run, CHECKPOINT)
    assert stack.wait(run) == "success"
    assert set(stack.states(run).values()) == {"success"}
    newest = stack.ledger.releases("metro", "settled")[0]
    assert stack.mart("SELECT DISTINCT release_id FROM metro.punctuality_daily WHERE tier = 'settled'") == [
        (newest.release_id,)
    ]


def test_a_live_window_is_released_and_an_older_one_ends_skipped_also_when_cleared(stack: Stack) -> None:
    older, newer = (
        {"window_start": "2024-03-12T07:00:00+00:00", "window_end": "2024-03-12T07:05:00+00:00"},
        {"window_start": "2024-03-12T07:05:00+00:00", "window_end": "2024-03-12T07:10:00+00:00"},
    )
    assert stack.wait(stack.api.trigger("metro_live", newer)) == "success"
    late = stack.api.trigger("metro_live", older)
    stack.wait(late)
    assert stack.states(late)["window"] == "skipped"
    stack.api.post(f"/dags/metro_live/dagRuns/{late.run_id}/clear", {"dry_run": False})
    stack.wait(late)
    assert stack.states(late)["window"] == "skipped"
    (released,) = stack.ledger.releases("metro", "live")
    assert released.window == Window.parse(newer["window_start"], newer["window_end"])
