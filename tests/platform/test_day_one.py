"""README's day one as a newcomer has it: its commands typed in a shell, its names clicked in Chromium, what it says is seen.

Time is real here, as it is for the newcomer: a live run comes every five minutes. With SIGNALBOX_SCREENSHOTS=docs/images
the pictures of README are taken anew.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from platform_local.airflow_api import AirflowApi, Run
from platform_local.environment import ROOT, Settings
from platform_local.ports import free_port
from platform_local.supervisor import Platform
from simulators.metro import ServiceDay
from spark_jobs.common.ledger import Ledger, Release
from tests.browser import chromium
from tests.metro.test_gtfs import feed
from tests.platform.conftest import lend_jars

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(2400)]
DAY_ONE = re.findall(r"^## Day one\n(.*?)^## ", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", DAY_ONE, re.MULTILINE | re.DOTALL)
CHECKPOINT = "readings.checkpoint"
LARGEST_PICTURE = 150_000
OURS = ("SIGNALBOX_", "AIRFLOW", "SPARK_", "PYSPARK_", "JAVA_HOME", "PYTHONPATH", "PYTEST_", "MAKE", "MFLAGS")
SENTENCE = "At most 15% of the rows of signal_readings are in quarantine."


def clicked(name: str) -> str:
    """A name of the UI that README gives to whoever clicks it."""
    assert f"*{name}*" in DAY_ONE, f"README does not tell of {name}."
    return name


@dataclass
class Newcomer:
    """Somebody with a clone, a shell and a browser, who goes through README from its top."""

    folder: Path
    page: Page
    typed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        ports = {f"SIGNALBOX_{name}_PORT": str(free_port()) for name in ("API", "CONNECT", "PG", "SLACK")}
        places = {"SIGNALBOX_HOME": str(self.folder / "home"), "SIGNALBOX_ENV_FILE": str(self.folder / "env")}
        self.environ = {**kept, **ports, **places}
        self.settings = Settings(self.environ)
        self.api = AirflowApi(self.settings)

    def types(self, begins: str) -> str:
        """The next block of README, of which it is known how it begins; what it printed."""
        block = COMMANDS[len(self.typed)]
        assert block.startswith(begins)
        self.typed.append(block)
        line = ["bash", "-euo", "pipefail", "-c", block]
        answer = subprocess.run(line, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{block}\n{answer.stdout}{answer.stderr}"
        return answer.stdout

    def opens(self, path: str) -> Page:
        self.page.goto(f"{self.settings.api_url}{path}")
        return self.page

    def clicks(self, name: str, within: Page | Locator | None = None) -> None:
        (within or self.page).get_by_role("button", name=clicked(name), exact=True).click()

    def newest_run(self, dag_id: str, state: str, within_s: float = 900) -> Run:
        """The newest run of this state, as soon as there is one."""
        deadline = time.monotonic() + within_s
        while not (found := self.api.get(f"/dags/{dag_id}/dagRuns", state=state, order_by="-run_after")["dag_runs"]):
            assert time.monotonic() < deadline, self.api.get(f"/dags/{dag_id}/dagRuns")
            time.sleep(2)
        return Run(dag_id, found[0]["dag_run_id"])

    def states(self, run: Run) -> dict[str, str]:
        return {task.name: task.state for task in self.api.tasks(run)}

    def end_of(self, run: Run, within_s: float = 900) -> str:
        deadline = time.monotonic() + within_s
        while (state := self.api.state(run)) in ("queued", "running"):
            assert time.monotonic() < deadline, self.states(run)
            time.sleep(2)
        return state

    def releases(self, tier: str) -> list[Release]:
        return Ledger.at(self.settings.environment()["SIGNALBOX_LEDGER_URL"]).releases("metro", tier)

    def takes_a_picture(self, name: str) -> None:
        """README's picture of what is on the screen."""
        assert f"docs/images/{name}.png" in DAY_ONE
        path = Path(os.environ.get("SIGNALBOX_SCREENSHOTS", self.folder)) / f"{name}.png"
        self.page.wait_for_timeout(2000)
        self.page.screenshot(path=path)
        assert path.stat().st_size <= LARGEST_PICTURE
        assert self.settings.ui_password not in self.page.content()
