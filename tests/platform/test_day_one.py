"""README's day one as a newcomer has it: its commands typed, its names clicked in Chromium, and what it says is seen.

Time is real, as it is for the newcomer: a live run comes every five minutes. The tests follow each other: each goes on
where the one before it ended. The pictures of README are taken anew by

    SIGNALBOX_SCREENSHOTS=docs/images .venv/bin/python -m pytest -n 0 -m heavy tests/platform/test_day_one.py
"""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from shutil import copytree

import pytest

from simulators.metro import ServiceDay, Settings, land, simulate_day
from tests.browser import chromium, clear
from tests.metro.gtfs_feed import as_gtfs
from tests.platform.conftest import lend_jars
from tests.platform.newcomer import COMMANDS, DAY_ONE, Newcomer, named

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(3600)]
CHECKPOINT = "readings.checkpoint"
SENTENCE = "At most 15% of the rows of signal_readings are in quarantine."
SCREEN = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder = tmp_path_factory.mktemp("newcomer")
    with chromium(SCREEN) as page:
        page.set_default_timeout(120_000)
        newcomer = Newcomer(folder, page)
        lend_jars(newcomer.settings)
        try:
            yield newcomer
        finally:
            for home in (folder / "home", folder / "home" / "own"):
                command = ["make", "--no-print-directory", "down"]
                subprocess.run(command, env={**newcomer.environ, "SIGNALBOX_HOME": str(home)}, check=True)


def test_make_up_says_where_to_sign_in_and_a_live_run_turns_green(newcomer: Newcomer) -> None:
    said = newcomer.types("make up")
    newcomer.signs_in(said)
    run = newcomer.waits_for_run("metro_live", "success")
    assert set(newcomer.states(run).values()) == {"success"}
    newcomer.opens("/dags")
    newcomer.page.get_by_text("metro_nightly").wait_for()
    newcomer.takes_picture("dag-list", height=830)
    newcomer.opens(f"/dags/metro_live/runs/{run.run_id}")
    for name in ("Show Graph", "Expand all task groups", "Collapse Details Panel"):
        newcomer.clicks(name)
    newcomer.page.get_by_test_id("rf__node-readings.checkpoint").wait_for()
    newcomer.page.get_by_role("button", name="Fit View").click()
    newcomer.page.wait_for_timeout(2000)
    # The whole is too wide to be read: closer to its first stages.
    newcomer.page.mouse.move(90, 450)
    newcomer.page.mouse.wheel(0, -500)
    newcomer.takes_picture("run-graph", height=800)
    newcomer.page.get_by_role("button", name="Show Grid").click()


def test_the_form_builds_the_newest_window_once_more(newcomer: Newcomer) -> None:
    newest = newcomer.releases("live")[0]
    form = newcomer.opens_trigger_form("metro_live")
    newcomer.gives(form, "Window start", newest.window.start)
    newcomer.gives(form, "Window end", newest.window.end)
    newcomer.takes_picture("trigger-form")
    newcomer.clicks("Trigger", within=form)
    form.wait_for(state="hidden")
    run = newcomer.waits_for_run("metro_live", "success", "manual")
    asked = {"window_start", "window_end"}
    conf = newcomer.api.get(f"/dags/metro_live/dagRuns/{run.run_id}")["conf"]
    assert {datetime.fromisoformat(conf[name]) for name in asked} == {newest.window.start, newest.window.end}
    # A scheduled run may have been released between the look and the click; then the older window says so and is skipped.
    rebuilt = [found for found in newcomer.releases("live") if found.run_key == f"metro_live/{run.run_id}"]
    assert (newcomer.states(run)["window"], [found.window for found in rebuilt]) in (
        ("success", [newest.window]),
        ("skipped", []),
    )


def test_a_broken_rule_stops_the_next_run_which_says_why(newcomer: Newcomer) -> None:
    said = newcomer.types("make break ")
    assert "signal_reading.metric:allowed" in said and f"red, at {CHECKPOINT}" in said
    run = newcomer.waits_for_run("metro_live", "failed")
    states = newcomer.states(run)
    assert (states["readings.build"], states[CHECKPOINT], states["release"]) == ("success", "failed", "upstream_failed")
    newcomer.opens(f"/dags/metro_live/runs/{run.run_id}/tasks/{CHECKPOINT}")
    sentence = newcomer.page.get_by_text(SENTENCE).first
    sentence.wait_for()
    newcomer.page.keyboard.press("w")
    # A click on the sentence folds away where in the code it was raised.
    sentence.click()
    newcomer.takes_picture("blocked-checkpoint", height=500)
    refused = newcomer.types("make refused")
    assert re.search(r"^Stage readings of metro_live/", refused, re.MULTILINE)
    assert re.search(r"^ +[\d,]+  metric:allowed ", refused, re.MULTILINE) and "something else" in refused
    assert SENTENCE in refused.partition("#signalbox")[2]


def test_after_the_mend_clear_turns_the_run_green(newcomer: Newcomer) -> None:
    newcomer.types("make mend ")
    run = newcomer.runs("metro_live", "failed")[0]
    assert named("Press shift+c to clear") and named("Confirm")
    clear(newcomer.page, newcomer.settings.api_url, run, CHECKPOINT)
    assert newcomer.waits_for_end(run) == "success"
    assert newcomer.states(run)[CHECKPOINT] in ("success", "skipped")


def test_the_dialog_settles_a_week(newcomer: Newcomer) -> None:
    newcomer.types("make history ")
    week = [ServiceDay.at(datetime.now(UTC)).date - timedelta(days=back) for back in range(7, 0, -1)]
    form = newcomer.opens_trigger_form("metro_nightly")
    form.get_by_text(named("Backfill"), exact=True).click()
    newcomer.gives(form, "From", datetime.combine(week[0], time(0), UTC))
    newcomer.gives(form, "To", datetime.combine(week[-1], time(23, 59), UTC))
    # Yesterday was settled when the platform came up.
    form.get_by_text("6 runs will be triggered.").wait_for()
    newcomer.takes_picture("backfill-dialog")
    newcomer.clicks("Run Backfill", within=form)
    newcomer.waits_for_run("metro_nightly", "success", "backfill", count=6)
    settled = {ServiceDay.at(release.window.start).date for release in newcomer.releases("settled")}
    # Yesterday's own run waits for late files in the first half hour of a day.
    assert set(week[:-1] if newcomer.runs("metro_nightly", "running") else week) <= settled


def test_ones_own_timetable_lands_on_a_platform_without_a_world(newcomer: Newcomer) -> None:
    """The newcomer's metro is a simulated one too, but all that the platform has of it are a GTFS feed and files of movements."""
    metro = newcomer.folder / "metro"
    land(simulate_day(Settings(7, 0.02), ServiceDay(yesterday())), metro)
    as_gtfs(metro, newcomer.folder / "feed")
    own = newcomer.folder / "home" / "own"
    (own / "jars").mkdir(parents=True)
    for jar in (newcomer.folder / "home" / "jars").iterdir():
        (own / "jars" / jar.name).hardlink_to(jar)
    said = newcomer.types("make down")
    assert "calendar " in said and "world" not in said.partition("postgres")[2]
    assert len(list((own / "landing" / "stop_times").glob("*/*.parquet"))) == 1
    newcomer.waits_for_dag("metro_nightly")
    newcomer.signs_in(said)
    assert newcomer.api.get("/dags/metro_nightly")["is_paused"]


def test_ones_own_movements_are_settled_and_served(newcomer: Newcomer) -> None:
    for table in ("movement_event", "infra_section"):
        copytree(newcomer.folder / "metro" / table, newcomer.folder / "home" / "own" / "landing" / table)
    newcomer.switches_on("metro_nightly")
    newcomer.waits_for_run("metro_nightly", "success")
    counted = "SELECT sum(run)::int, sum(planned)::int FROM metro.punctuality_daily WHERE tier = 'settled'"
    ((run, planned),) = newcomer.read("home/own", counted)
    assert run > 0.9 * planned > 0


def yesterday() -> date:
    return ServiceDay.at(datetime.now(UTC)).date - timedelta(days=1)


def test_every_command_of_day_one_was_typed(newcomer: Newcomer) -> None:
    assert newcomer.typed == COMMANDS
    assert DAY_ONE.count("```") == 2 * len(COMMANDS)
