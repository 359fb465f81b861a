"""The metro pipeline under a real scheduler: a blocked night, its message, its mend and Clear in the real UI, and live windows."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page

from platform_local.airflow_api import Run
from platform_local.environment import UI_USER
from platform_local.service_day import SERVICE_DATE as DAY
from spark_jobs.common.window import Window
from tests.browser import chromium, clear, sign_in
from tests.platform.conftest import Stack

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
CHECKPOINT = "movements.checkpoint"


def live(stack: Stack, window: Window) -> Run:
    conf = {"window_start": window.start.isoformat(), "window_end": window.end.isoformat()}
    return stack.api.trigger("metro_live", conf)


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


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """The real UI, signed in."""
    with chromium() as page:
        sign_in(page, stack.settings.api_url, UI_USER, stack.settings.ui_password)
        yield page


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
    checkpoint = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{CHECKPOINT}"
    stack.api.patch(checkpoint, {"new_state": "success"})
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
    stack.api.patch(checkpoint, {"new_state": "failed"})


def test_after_the_mend_clear_in_the_ui_turns_the_red_checkpoint_and_its_run_green(
    stack: Stack, blocked: tuple[Run, Path], page: Page
) -> None:
    run, bad = blocked
    bad.unlink()
    assert stack.states(run)[CHECKPOINT] == "failed"
    clear(page, stack.settings.api_url, run, CHECKPOINT)
    assert stack.wait(run) == "success"
    assert set(stack.states(run).values()) == {"success"}
    newest = stack.ledger.releases("metro", "settled")[0]
    assert stack.mart("SELECT DISTINCT release_id FROM metro.punctuality_daily WHERE tier = 'settled'") == [
        (newest.release_id,)
    ]


@pytest.mark.parametrize("released", [False, pytest.param(True, marks=pytest.mark.heavy)])
def test_an_old_live_run_that_is_cleared_in_the_ui_is_skipped_and_says_why(
    stack: Stack, page: Page, released: bool
) -> None:
    """Whether it was released before the newer one, or came too late and was skipped then, too."""
    older = Window.parse(f"2024-03-12T0{7 + released}:00:00Z", f"2024-03-12T0{7 + released}:05:00Z")
    newer = Window(older.end, older.end + (older.end - older.start))
    runs = {}
    for window in (older, newer) if released else (newer, older):
        runs[window] = live(stack, window)
        stack.wait(runs[window])
    old, kept = runs[older], [newer, older] if released else [newer]
    assert stack.states(old)["window"] == ("success" if released else "skipped")
    assert [one.window for one in stack.ledger.releases("metro", "live") if one.window in runs] == kept
    clear(page, stack.settings.api_url, old, "window")
    stack.wait(old)
    assert {stack.states(old)[name] for name in ("window", "release", "serve")} == {"skipped"}
    assert next(task.tries for task in stack.api.tasks(old) if task.name == "window") == 2
    page.goto(f"{stack.settings.api_url}/dags/{old.dag_id}/runs/{old.run_id}/tasks/window")
    sentence = f"The live window {older} lies before the end of the newest released one, {newer}; nothing to do."
    page.get_by_text(f"Skipped: {sentence}").first.wait_for()
    assert [one.window for one in stack.ledger.releases("metro", "live") if one.window in runs] == kept
