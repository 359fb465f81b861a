"""The world of `make up`: the simulated metro, whose landing files appear as time goes by.

A file of five minutes is there at their end, the timetable of a day at noon of the day before, in the metro's own time zone.
Which rows a day has follows from seed and date alone: it does not matter when the world was started, or how often. What was
missed while it was down is landed when it is back. `world.json` in the landing folder says whose files those are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

from expectations.manifest import appearing
from platform_local.problem import Problem, from_os_error
from simulators.metro import ServiceDay, Settings, land, simulate_day
from simulators.metro.clock import OSLO
from simulators.metro.landing import SLOT_US, TABLES
from spark_jobs.common.s3 import on_s3

SLOT_S = SLOT_US // 1_000_000
RETRY_S = 10
DAY = timedelta(days=1)


@dataclass(frozen=True)
class World:
    """The simulated metro of one landing folder."""

    landing: Path
    settings: Settings
    say: Callable[[str], None] = print

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> World:
        """The world that the settings name."""
        if on_s3(landing := environ["SIGNALBOX_LANDING"]):
            raise Problem(f"The world lands in a folder, not in {landing}: start with `WORLD=off make up`.")
        seed, scale = environ["SIGNALBOX_WORLD_SEED"], environ["SIGNALBOX_WORLD_SCALE"]
        with suppress(ValueError):
            settings = Settings(int(seed), float(scale))
            if settings.seed >= 0 and 0.01 <= settings.scale <= 1.0:
                return cls(Path(landing), settings)
        raise Problem(
            f"SIGNALBOX_WORLD_SEED={seed} or SIGNALBOX_WORLD_SCALE={scale} cannot be: set a whole number from 0, "
            "and a share of the full day from 0.01 to 1."
        )

    def describe(self) -> str:
        """What it simulates, and where."""
        share = f"scale {self.settings.scale:g} of the full day, seed {self.settings.seed}"
        return f"metro in {OSLO.key}, {share}; a file of each event table every five minutes into {self.landing}"

    def claim(self) -> None:
        """Mark the landing folder as this world's; a folder with other files of metro is a Problem."""
        known = self._known()
        wanted = {"seed": self.settings.seed, "scale": self.settings.scale}
        if not known and any((self.landing / table).exists() for table in TABLES):
            raise Problem(
                f"{self.landing} holds landing files of metro that no world wrote: "
                "start with `WORLD=off make up`, or set SIGNALBOX_HOME to another folder."
            )
        if known and {name: known[name] for name in wanted} != wanted:
            raise Problem(
                f"{self.landing} was filled with seed {known['seed']} and scale {known['scale']:g}: set "
                "SIGNALBOX_WORLD_SEED and SIGNALBOX_WORLD_SCALE to these, or SIGNALBOX_HOME to another folder."
            )
        if not known:
            self._remember(wanted)

    def catch_up(self, now: datetime) -> None:
        """Land what has arrived by ``now`` and is not there yet: at first since the day before, later since the last time."""
        self.claim()
        today, known = ServiceDay.at(now).date, self._known()
        last = ServiceDay.at(datetime.fromisoformat(known["landed_until"])).date if "landed_until" in known else today
        # What is late of a day comes on the next, and a timetable on the day before.
        day = min(last, today) - DAY
        while day <= today + DAY:
            self._land(day, now)
            day += DAY
        self._remember({**known, "landed_until": now.isoformat()})

    def add_history(self, days: int, now: datetime) -> None:
        """Land the whole days before today's, the oldest first; what is there already stays."""
        self.claim()
        today = ServiceDay.at(now).date
        for place in range(days):
            day = today - (days - place) * DAY
            self.say(f"[{place + 1}/{days}] {day}")
            self._land(day, now)

    def _land(self, day: date, now: datetime) -> None:
        landed = land(simulate_day(self.settings, ServiceDay(day)), self.landing, now, missing_only=True)
        if rows := sum(landed.values()):
            self.say(f"{now.astimezone(OSLO):%Y-%m-%d %H:%M:%S} {OSLO.key}: {rows:,} rows of {day} landed")

    def _known(self) -> dict[str, Any]:
        file = self.landing / "world.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def _remember(self, known: dict[str, Any]) -> None:
        with appearing(self.landing / "world.json") as partial:
            partial.write_text(json.dumps(known, indent=2) + "\n")


def serve_world(environ: Mapping[str, str]) -> NoReturn:
    """Let the world go on as time goes by; while its files cannot be written it says so once, and tries again."""
    world = World.of(environ)
    print(f"The world: {world.describe()}.", flush=True)
    while True:
        keep_up(world, lambda: datetime.now(UTC))
        time.sleep(SLOT_S - time.time() % SLOT_S)


def keep_up(world: World, clock: Callable[[], datetime], retry_s: float = RETRY_S) -> None:
    """Land what has arrived, however long the disk or the folder refuses it."""

    def say_once(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if state.attempt_number == 1 and isinstance(error, OSError):
            why = from_os_error(error, f"landing files in {world.landing}")
            world.say(f"{why} The world tries again every {retry_s:g} s and goes on once that is mended.")

    retrying = Retrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(retry_s), before_sleep=say_once)
    retrying(lambda: world.catch_up(clock()))
