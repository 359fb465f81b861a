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
OLDER = Window.parse("2024-03-12T07:00:00Z", "2024-03-12T07:05:00Z")
NEWER = Window.parse("2024-03-12T07:05:00Z", "2024-03-12T07:10:00Z")


def live(stack: Stack, window: Window) -> Run:
    conf = {"window_start": window.start.isoformat(), "window_end": window.end.isoformat()}
    return stack.api.trigger("metro_live", conf)


def cleared(stack: Stack, run: Run, task: str) -> str:
    """The final state of a run that is cleared from this task on."""
    body = {
        "dag_run_id": run.run_id,
        "task_ids": [task],
        "include_downstream": True,
        "only_failed": False,
        "dry_run": False,
    }
    stack.api.post(f"/dags/{run.dag_id}/clearTaskInstances", body)
    return stack.wait(run)


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
    stack.api.patch(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{CHECKPOINT}", {"new_state": "success"})
    assert cleared(stack, run, "visits.build") == "failed"
    task = next(task for task in stack.api.tasks(run) if task.name == "visits.build")
    assert (task.state, "The checkpoint of movements did not pass." in stack.api.sentence(run, task)) == (
        "failed",
        True,
    )
    assert stack.ledger.releases("metro", "settled") == []


def test_cleared_without_a_mend_the_checkpoint_is_red_again(stack: Stack, blocked: tuple[Run, Path]) -> None:
    run, _ = blocked
    assert cleared(stack, run, CHECKPOINT) == "failed"
    assert stack.states(run)[CHECKPOINT] == "failed"
    assert stack.ledger.releases("metro", "settled") == []


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


def test_an_old_live_run_is_skipped_with_its_sentence_cleared_in_the_ui_or_asked_for_anew(
    stack: Stack, page: Page
) -> None:
    old = live(stack, OLDER)
    assert stack.wait(old) == "success"
    assert stack.wait(live(stack, NEWER)) == "success"
    asked_anew = live(stack, OLDER)
    clear(page, stack.settings.api_url, old, "window")
    for run in (old, asked_anew):
        stack.wait(run)
        states = stack.states(run)
        assert {states[name] for name in ("window", "release", "serve")} == {"skipped"}
        page.goto(f"{stack.settings.api_url}/dags/{run.dag_id}/runs/{run.run_id}/tasks/window")
        sentence = f"The live window {OLDER} lies before the end of the newest released one, {NEWER}; nothing to do."
        page.get_by_text(f"Skipped: {sentence}").first.wait_for()
    assert [release.window for release in stack.ledger.releases("metro", "live")] == [NEWER, OLDER]
