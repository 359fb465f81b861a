"""Chromium: a file as it opens it, with what it asked for and complained of; and what people do in Airflow's UI."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from platform_local.airflow_api import Run
from tests.conftest import unavailable

CHROMIUM = Path("/usr/bin/chromium")
SMALL_PHONE: ViewportSize = {"width": 375, "height": 667}
LAPTOP: ViewportSize = {"width": 1280, "height": 800}
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@dataclass
class Seen:
    """What a browser did with a page."""

    page: Page
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def started() -> Iterator[Browser]:
    """A browser without a page; while it runs, its thread has an event loop and can run no other."""
    if not CHROMIUM.exists():
        unavailable(f"{CHROMIUM} is not installed (`make system-deps` as root installs it)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium(viewport: ViewportSize = LAPTOP) -> Iterator[Page]:
    """An empty page in a browser of its own."""
    with started() as browser:
        yield browser.new_page(viewport=viewport)


@contextmanager
def opened(path: Path, browser: Browser) -> Iterator[Seen]:
    """The file in Chromium on a small phone, its charts drawn; nothing is left of earlier pages."""
    with browser.new_context(viewport=SMALL_PHONE) as context:
        found = Seen(context.new_page())
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.problems.append(message.text))
        found.page.on("pageerror", lambda error: found.problems.append(str(error)))
        found.page.on("dialog", lambda dialog: found.problems.append(dialog.message))
        found.page.goto(path.as_uri())
        found.page.locator(".chart svg").last.wait_for()
        found.page.wait_for_function("document.querySelectorAll('.chart:not(:has(svg)):not(.problem)').length === 0")
        yield found


def sign_in(page: Page, address: str, user: str, password: str) -> None:
    page.goto(f"{address}/auth/login")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def clear(page: Page, address: str, run: Run, task: str) -> None:
    """What a person on call does: open the red task, Clear, confirm."""
    page.goto(f"{address}/dags/{run.dag_id}/runs/{run.run_id}/tasks/{task}")
    page.get_by_role("button", name="Press shift+c to clear").click()
    # A busy server takes its time: the run is still red until it has answered.
    with page.expect_response(lambda answer: '"dry_run":false' in (answer.request.post_data or "")):
        page.get_by_role("button", name="Confirm").click()
    page.get_by_role("dialog").wait_for(state="hidden")
