"""Somebody with a clone, a shell and a browser, who goes through README's day one from its top."""

import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from playwright.sync_api import Locator, Page

from platform_local.airflow_api import AirflowApi, Run
from platform_local.environment import ROOT, Settings
from spark_jobs.common.ledger import Ledger, Release
from tests.browser import sign_in
from tests.fresh_environ import fresh_environ
from tests.waiting import wait_for

DAY_ONE = re.findall(r"^## Day one\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", DAY_ONE, re.MULTILINE | re.DOTALL)
LARGEST_PICTURE = 150_000
RUN_WITHIN_S = 1500


def named(name: str) -> str:
    """A name in the UI, which README gives to whoever is to click it."""
    assert f"*{name}*" in DAY_ONE, f"README does not tell of {name}."
    return name


@dataclass
class Newcomer:
    """Types what README says, on a platform of its own, and clicks what README names."""

    folder: Path
    page: Page
    typed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environ = fresh_environ(self.folder) | {"FEED": str(self.folder / "feed")}
        self.settings = Settings(self.environ)
        self.api = AirflowApi(self.settings)

    def types(self, begins: str) -> str:
        """README's next block, which begins so; what it prints."""
        block = COMMANDS[len(self.typed)]
        assert block.startswith(begins)
        self.typed.append(block)
        line = ["bash", "-euo", "pipefail", "-c", block]
        answer = subprocess.run(line, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{block}\n{answer.stdout}{answer.stderr}"
        return answer.stdout

    def opens(self, path: str) -> None:
        self.page.goto(f"{self.settings.api_url}{path}")

    def clicks(self, name: str, within: Locator | None = None) -> None:
        """The first button that bears this name, or says it when the mouse is on it."""
        (within or self.page).get_by_role("button", name=named(name)).first.click()

    def signs_in(self, said: str) -> None:
        """With what `make up` printed."""
        self.page.context.clear_cookies()
        sign_in(self.page, *re.findall(r"Airflow +(\S+) +user (\S+) +password (\S+)", said)[0])

    def switches_on(self, dag_id: str) -> None:
        self.opens(f"/dags/{dag_id}")
        self.page.get_by_test_id("toggle-pause").first.click()
        wait_for(lambda: not self.api.get(f"/dags/{dag_id}")["is_paused"])

    def opens_trigger_form(self, dag_id: str) -> Locator:
        self.opens(f"/dags/{dag_id}")
        self.clicks("Trigger")
        form = self.page.get_by_role("dialog").filter(has_text="Single Run")
        form.wait_for()
        return form

    def gives(self, form: Locator, name: str, moment: datetime) -> None:
        """Fill in a date and time, in the time zone that the UI shows, which is UTC here."""
        form.get_by_role("group").filter(has=self.page.get_by_text(named(name), exact=True)).last.get_by_test_id(
            "datetime-input"
        ).click()
        day = self.page.get_by_placeholder("YYYY/MM/DD")
        day.fill(f"{moment:%Y/%m/%d}")
        self.page.get_by_placeholder("HH:mm").fill(f"{moment:%H:%M}")
        self.page.keyboard.press("Escape")
        # It leaves slowly, and the next one has the same fields.
        day.wait_for(state="detached")
        form.get_by_text(f"{moment:%b %d, %Y %H:%M}").last.wait_for()

    def runs(self, dag_id: str, state: str, run_type: str = "scheduled") -> list[Run]:
        """The runs of a DAG in this state, the newest first."""
        found = self.api.get(f"/dags/{dag_id}/dagRuns", state=state, run_type=run_type, order_by="-run_after")
        return [Run(dag_id, run["dag_run_id"]) for run in found["dag_runs"]]

    def waits_for_run(self, dag_id: str, state: str, run_type: str = "scheduled", count: int = 1) -> Run:
        """The newest run in this state, as soon as there are so many."""
        deadline = time.monotonic() + RUN_WITHIN_S
        while len(found := self.runs(dag_id, state, run_type)) < count:
            assert time.monotonic() < deadline, f"{dag_id} has no {count} {run_type} runs in state {state}."
            time.sleep(2)
        return found[0]

    def waits_for_dag(self, dag_id: str) -> None:
        wait_for(lambda: dag_id in self.api.dag_ids(), RUN_WITHIN_S)

    def waits_for_end(self, run: Run) -> str:
        deadline = time.monotonic() + RUN_WITHIN_S
        while (state := self.api.state(run)) in ("queued", "running"):
            assert time.monotonic() < deadline, self.states(run)
            time.sleep(2)
        return state

    def states(self, run: Run) -> dict[str, str]:
        return {task.name: task.state for task in self.api.tasks(run)}

    def releases(self, tier: str) -> list[Release]:
        return Ledger.at(self.settings.environment()["SIGNALBOX_LEDGER_URL"]).releases("metro", tier)

    def read(self, home: str, query: str) -> list[tuple[Any, ...]]:
        """Rows that the read role sees on the platform of this home."""
        cluster = Settings({**self.environ, "SIGNALBOX_HOME": str(self.folder / home)}).cluster()
        with psycopg2.connect(cluster.url("marts", "bi").replace("+psycopg2", "")) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchall()

    def takes_picture(self, name: str, height: int = 900) -> None:
        """README's picture of what is on the screen now, down to this height; no secret and no path of this machine may be in it."""
        assert f"(docs/images/{name}.png)" in DAY_ONE
        path = ROOT / os.environ.get("SIGNALBOX_SCREENSHOTS", self.folder) / f"{name}.png"
        self.page.wait_for_timeout(3000)
        self.page.screenshot(path=path, clip={"x": 0, "y": 0, "width": 1280, "height": height})
        assert path.stat().st_size <= LARGEST_PICTURE
        shown = self.page.locator("body").inner_text()
        private = (self.settings.ui_password, str(self.folder), str(ROOT))
        assert [secret for secret in private if secret in shown] == []
