"""``python -m signalbox.watch``: looks at Airflow from beside it, and tells people when it does not work.

A scheduler that died runs no callback, so somebody else has to say so. Every minute the watch asks Airflow's API how its components
are. What is broken at two looks in a row is told to Slack, once, and once more when all works again: a component that was killed is
back before the second look. While nothing is broken it calls ``SIGNALBOX_DEADMAN_URL``, if that is set: a service elsewhere that
raises the alarm when the calls stop, also when it is this machine that died.

It finds Slack in ``AIRFLOW_CONN_SLACK_DEFAULT`` only: a connection of the UI is out of reach when the database is.
"""

import argparse
import fcntl
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import IO, NoReturn
from urllib.parse import urljoin, urlsplit

LOOK_EVERY_S = 60
# For `--check`: two looks, and the time that the second may take.
FRESH_S = 180
TIMEOUT_S = 10


@dataclass
class Watch:
    """What was broken at the last look, and what people have been told of.

    ``tell`` sends a title and lines, and says whether they arrived; what did not is sent again at the next look.
    """

    health_url: str
    deadman_url: str | None
    tell: Callable[..., bool]
    broken: dict[str, str] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Ask once, and tell what has been broken since the look before."""
        before, self.broken = self.broken, ask(self.health_url)
        lasting = {name: state for name, state in self.broken.items() if name in before}
        if set(lasting) - self.told:
            if self.tell("Airflow does not work", *(f"{name}: {state}" for name, state in lasting.items())):
                self.told |= set(lasting)
        elif self.told and not self.broken and self.tell("Airflow works again", *sorted(self.told)):
            self.told = set()
        if self.deadman_url and not self.broken:
            _call(self.deadman_url)


def ask(health_url: str) -> dict[str, str]:
    """Each component that is not healthy, with what is known of it. An API that does not answer is one of them."""
    try:
        with urllib.request.urlopen(health_url, timeout=TIMEOUT_S) as response:
            components = json.load(response)
        states = {name: component["status"] for name, component in components.items()}
        if "scheduler" not in states:
            raise ValueError("it says nothing of the scheduler")
    except (OSError, HTTPException, ValueError, AttributeError, KeyError, TypeError) as error:
        return {"api-server": f"no answer about health ({error})"}
    return {
        name: f"{status or 'never seen'}; last heartbeat {_heartbeat(components[name])}"
        for name, status in states.items()
        if status != "healthy"
    }


def _heartbeat(component: Mapping[str, str | None]) -> str:
    return next((at for key, at in component.items() if key.endswith("_heartbeat") and at), "unknown")


def _call(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):
            pass
    except (OSError, HTTPException, ValueError) as error:
        # The address may hold a key, so it is not printed; the service itself raises the alarm.
        print(f"SIGNALBOX_DEADMAN_URL does not answer: {type(error).__name__}", flush=True)


def _tell(title: str, *lines: str) -> bool:
    print("\n  ".join((title, *lines)), flush=True)
    # Imported when there is something to tell: it brings all of Airflow, which the watch else does without.
    from signalbox.alerts import tell

    return tell(title, *lines)


def watch(environ: Mapping[str, str]) -> NoReturn:
    """Look every minute until the process is ended."""
    deadman = environ.get("SIGNALBOX_DEADMAN_URL") or None
    if deadman and urlsplit(deadman).scheme not in ("http", "https"):
        raise SystemExit("SIGNALBOX_DEADMAN_URL has to be an http:// or https:// address, or unset.")
    health = urljoin(environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], "/api/v2/monitor/health")
    watching, mark = Watch(health, deadman, _tell), mark_of(environ)
    mark.parent.mkdir(parents=True, exist_ok=True)
    held = mark.open("w")
    if not _lock(held):
        raise SystemExit(f"Another watch looks already: it holds {mark}.")
    print(
        f"Looking at {health} every {LOOK_EVERY_S} s{', and calling SIGNALBOX_DEADMAN_URL' if deadman else ''}.",
        flush=True,
    )
    while True:
        watching.look()
        mark.touch()
        time.sleep(LOOK_EVERY_S)


def mark_of(environ: Mapping[str, str]) -> Path:
    """The file that a watch holds locked while it lives, and touches at each look."""
    return Path(environ["SIGNALBOX_HOME"]) / "run" / "watch.looked"


def is_fresh(mark: Path, now: float) -> bool:
    """Whether a watch lives that has looked less than ``FRESH_S`` seconds ago."""
    if not mark.exists() or now - mark.stat().st_mtime >= FRESH_S:
        return False
    with mark.open() as file:
        return not _lock(file)


def _lock(file: IO[str]) -> bool:
    """Take the lock that the kernel gives back with the process; False where another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m signalbox.watch",
        description="Look at Airflow every minute, and tell Slack when it does not work.",
    )
    parser.add_argument(
        "--check", action="store_true", help="exit status 0 if a watch lives that has looked within three minutes"
    )
    if parser.parse_args().check:
        return int(not is_fresh(mark_of(os.environ), time.time()))
    watch(os.environ)


if __name__ == "__main__":
    sys.exit(main())
