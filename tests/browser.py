"""A file as Chromium opens it, with what it asked for and what it complained of."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SMALL_PHONE = {"width": 375, "height": 667}
_ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@dataclass
class Seen:
    """What a browser did with a page."""

    page: Page
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def opened(path: Path) -> Iterator[Seen]:
    """The file in Chromium on a small phone, its charts drawn."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGS)
        found = Seen(browser.new_page(viewport=SMALL_PHONE))
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.problems.append(message.text))
        found.page.on("pageerror", lambda error: found.problems.append(str(error)))
        found.page.on("dialog", lambda dialog: found.problems.append(dialog.message))
        try:
            found.page.goto(path.as_uri())
            found.page.locator(".chart svg").last.wait_for()
            found.page.wait_for_function(
                "document.querySelectorAll('.chart:not(:has(svg)):not(.problem)').length === 0"
            )
            yield found
        finally:
            browser.close()
