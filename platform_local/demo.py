"""``make demo``: one simulated metro day through the real DAGs, its results on the screen, everything stopped at the
end.

It keeps a platform of its own below ``SIGNALBOX_HOME/demo``: a day of the past in the tables of `make up` would leave
the live pipeline years to catch up. The first call plays three live windows and the night; a later one plays the
newest window and the night again, and replaces what they made.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from platform_local import demo_report
from platform_local.airflow_api import AirflowApi, Run
from platform_local.environment import ROOT, Settings
from platform_local.problem import Problem
from platform_local.service_day import SEED, SERVICE_DATE, for_minutes, land_anew
from platform_local.supervisor import Platform

LIVE_DAG, NIGHTLY_DAG = "metro_live", "metro_nightly"
# The morning peak of the simulated day (UTC); live windows follow each other.
FIRST_WINDOW = datetime(2024, 3, 12, 7, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
WINDOWS = 3
RUN_WITHIN_S = 1200
POLL_S = 0.5


@dataclass(frozen=True)
class Demo:
    """One call of `make demo` at a ``scale`` (1.0 is the full day: 170,000 movements, 3 million readings)."""

    settings: Settings
    scale: float

    def run(self) -> int:
        """The exit status: 0, or 1 when a run failed."""
        began = time.monotonic()
        print(
            f"Metro on {SERVICE_DATE} at scale {self.scale:g} (1 is the full day); state in {self.settings.home}",
            flush=True,
        )
        platform = Platform(self.settings)
        if platform.is_running():
            raise Problem(
                f"The demo's platform is up: end it with `SIGNALBOX_HOME={self.settings.home} make down` first."
            )
        again = self._finished().exists() and self._finished().read_text() == self._identity()
        # Written again at the end: after a call that breaks off, the next one begins anew.
        self._finished().unlink(missing_ok=True)
        if not again:
            with _step("simulate the day"):
                land_anew(self.settings, self.scale)
        runs: list[Run] = []
        with _step("start PostgreSQL, Spark Connect and Airflow"):
            platform.up(pick_ports=True, extra=for_minutes(self.settings))
        try:
            api = AirflowApi(self.settings)
            with _step("read the DAGs"):
                api.unpause_when_read(LIVE_DAG, NIGHTLY_DAG)
            windows = [(FIRST_WINDOW + n * WINDOW, FIRST_WINDOW + (n + 1) * WINDOW) for n in range(WINDOWS)]
            for start, end in windows[-1:] if again else windows:
                with _step(f"{LIVE_DAG} {start:%H:%M}-{end:%H:%M} UTC"):
                    runs.append(
                        self._follow(api, api.trigger(LIVE_DAG, {"window_start": _iso(start), "window_end": _iso(end)}))
                    )
            with _step(f"{NIGHTLY_DAG} of {SERVICE_DATE}, as a backfill"):
                runs.append(self._follow(api, api.backfill(NIGHTLY_DAG, SERVICE_DATE)))
            demo_report.show(self.settings, runs)
            # Whoever looks at it again starts it without the end that its schedules have here.
            api.pause(LIVE_DAG, NIGHTLY_DAG)
        finally:
            with _step("stop everything"):
                platform.down()
        self._finished().write_text(self._identity())
        print(
            f"\nDone in {time.monotonic() - began:.0f} s. "
            f"See it again: WORLD=off SIGNALBOX_HOME={shlex.quote(str(self.settings.home))} make up",
            flush=True,
        )
        return 0

    def _finished(self) -> Path:
        """Written at the end of a demo that went through; says of which day."""
        return self.settings.run / "demo.json"

    def _identity(self) -> str:
        return json.dumps({"date": SERVICE_DATE.isoformat(), "seed": SEED, "scale": self.scale})

    def _follow(self, api: AirflowApi, run: Run) -> Run:
        """Wait for a run, saying each task that ends; a failed run is a Problem with the task's own sentence."""
        said: set[tuple[str, int, str]] = set()
        deadline = time.monotonic() + RUN_WITHIN_S
        while time.monotonic() < deadline:
            state = api.state(run)
            for task in api.tasks(run):
                mark = (task.name, task.tries, task.state)
                if task.is_over and mark not in said and not task.name.endswith((".end", "close")):
                    said.add(mark)
                    print(f"  {task.name:<26} {task.state:<14} {task.seconds:5.1f} s", flush=True)
                    if task.state in ("failed", "up_for_retry"):
                        print(f"    {api.sentence(run, task)}", flush=True)
            if state == "success":
                return run
            if state == "failed":
                failed = next(task for task in api.tasks(run) if task.state == "failed")
                raise Problem(f"{run.dag_id}: {failed.name} failed: {api.sentence(run, failed)}")
            time.sleep(POLL_S)
        raise Problem(f"{run.dag_id} did not end within {RUN_WITHIN_S} s: see the logs in {self.settings.logs}.")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"\n== {name}", flush=True)
    yield
    print(f"== {name}: {time.monotonic() - began:.1f} s", flush=True)


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def demo_settings(environ: dict[str, str]) -> Settings:
    """The demo's own platform, below the home of the other."""
    home = Path(environ.get("SIGNALBOX_HOME") or ROOT / "var").absolute()
    return Settings({**environ, "SIGNALBOX_HOME": str(home / "demo")})
