"""`make up` with its world, window after window: seconds from a window's last landing file to its served marts, whether memory
stays flat, and what the platform uses of a core while there is nothing to do.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg2

from benchmarks.meter import proportional_mb, tree
from platform_local.airflow_api import AirflowApi, Run
from platform_local.demo import LIVE_DAG, NIGHTLY_DAG, WINDOW
from platform_local.environment import Settings
from platform_local.service_day import forget
from platform_local.supervisor import Platform

# The bars of the issues that asked for these figures.
HEALTHY_WITHIN_S, SERVED_WITHIN_S, IDLE_SHARE = 90, 60, 0.25
# What follows a window (its lease, the last log lines) is not idleness, and neither is what comes with the next files.
AROUND_S = 10
POLL_S = 0.5
SUPERVISOR = "supervisord"
NIGHT_WITHIN = timedelta(hours=1)
SERVED = """
SELECT release.run_key, serving.served_at FROM release JOIN serving USING (release_id)
WHERE pipeline = 'metro' AND tier = 'live' AND window_end = %s ORDER BY release_id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Sample:
    """What each component has used of the processor until a moment, and holds of memory."""

    at: float
    cpu_s: dict[str, float]
    memory_mb: dict[str, float]

    @classmethod
    def of(cls, platform: Platform) -> Sample:
        found = components(platform)
        memory_mb = {name: proportional_mb(processes) for name, processes in found.items()}
        # What supervisord has seen end were components: their seconds are not its own.
        cpu_s = {name: _cpu_s(processes, with_ended=name != SUPERVISOR) for name, processes in found.items()}
        return cls(time.monotonic(), cpu_s, memory_mb)

    @property
    def total_mb(self) -> float:
        return sum(self.memory_mb.values())

    def share_since(self, before: Sample) -> dict[str, float]:
        """Of one core, by component."""
        seconds = self.at - before.at
        # One that was started anew meanwhile began at nothing.
        return {name: max(0.0, used - before.cpu_s.get(name, 0.0)) / seconds for name, used in self.cpu_s.items()}


@dataclass(frozen=True)
class Watched:
    """One live window: when it ended, how long it took, and the platform before, after, and until the next."""

    end: datetime
    served_s: float | None
    state: str
    before: Sample
    after: Sample
    idle: dict[str, float]


def measure(settings: Settings, windows: int) -> None:
    """Print the figures of so many live windows in real time, after one that makes the tables and the night of yesterday."""
    forget(settings)
    platform = Platform(settings)
    began = time.monotonic()
    platform.up(pick_ports=True, world=True)
    print(f"healthy after {time.monotonic() - began:.0f} s (bar: {HEALTHY_WITHIN_S} s)", flush=True)
    try:
        api, environ = AirflowApi(settings), settings.environment()
        _await_night(api)
        print(
            f"\n{'window (UTC)':<14}{'landed → served':>16}  {'run':<10}{'memory before':>15}{'after':>10}{'idle CPU':>12}"
        )
        watched = [_watch(environ, platform, api) for _ in range(windows)]
        _report(watched)
    finally:
        platform.down()


def components(platform: Platform) -> dict[str, list[psutil.Process]]:
    """The processes of each component; supervisord itself is one."""
    running = {info["name"]: tree(info["pid"]) for info in platform.rpc().getAllProcessInfo() if info["pid"]}
    return {**running, SUPERVISOR: tree(platform.rpc().getPID())[:1]}


def _cpu_s(processes: list[psutil.Process], with_ended: bool) -> float:
    """Of the processes, and of those that they have started and seen end."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + (times.children_user + times.children_system if with_ended else 0)
    return total


def _await_night(api: AirflowApi) -> None:
    """The first night and the first window make the tables, and are not what an hour is like."""
    began = datetime.now(UTC)
    while True:
        nights, lives = (api.get(f"/dags/{dag}/dagRuns", limit=100)["dag_runs"] for dag in (NIGHTLY_DAG, LIVE_DAG))
        if any(run["state"] == "failed" for run in (*nights, *lives)):
            raise SystemExit("A run failed before the measurement began: look at the logs.")
        if nights and all(run["state"] == "success" for run in nights) and any(r["state"] == "success" for r in lives):
            print(f"yesterday is settled and a first window is served after {datetime.now(UTC) - began}")
            return
        if datetime.now(UTC) - began > NIGHT_WITHIN:
            raise SystemExit(f"Yesterday was not settled within {NIGHT_WITHIN}.")
        time.sleep(5)


def _watch(environ: Mapping[str, str], platform: Platform, api: AirflowApi) -> Watched:
    """Wait for the next window's end, for its marts, and for the end of the idle time after it."""
    end = datetime.fromtimestamp((time.time() // WINDOW.total_seconds() + 1) * WINDOW.total_seconds(), UTC)
    _sleep_until(end - timedelta(seconds=AROUND_S))
    before = Sample.of(platform)
    run_key, served_s = "", None
    while served_s is None and datetime.now(UTC) < end + WINDOW - timedelta(seconds=3 * AROUND_S):
        time.sleep(POLL_S)
        run_key, served_s = _served(environ, end)
    after = Sample.of(platform)
    time.sleep(AROUND_S)
    quiet = Sample.of(platform)
    _sleep_until(end + WINDOW - timedelta(seconds=1.5 * AROUND_S))
    idle = Sample.of(platform).share_since(quiet)
    state = api.state(Run(LIVE_DAG, run_key.partition("/")[2])) if run_key else "missed"
    watched = Watched(end, served_s, state, before, after, idle)
    took = "-" if served_s is None else f"{served_s:.1f} s"
    print(
        f"{end - WINDOW:%H:%M}-{end:%H:%M}   {took:>16}  {state:<10}{before.total_mb:>12,.0f} MB{after.total_mb:>7,.0f} MB"
        f"{sum(idle.values()):>11.1%}",
        flush=True,
    )
    return watched


def _served(environ: Mapping[str, str], end: datetime) -> tuple[str, float | None]:
    """The run that served the window that ends then, and the seconds since its last landing file."""
    url = environ["SIGNALBOX_LEDGER_URL"].replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(SERVED, (end,))
        found = cursor.fetchone()
    connection.close()
    if found is None:
        return "", None
    return found[0], found[1].timestamp() - _landed_at(Path(environ["SIGNALBOX_LANDING"]), end - WINDOW)


def _landed_at(landing: Path, slot: datetime) -> float:
    """When the last file of five minutes was whole, which is when its manifest came."""
    manifests = landing.glob(f"*/{slot:%Y-%m-%d}/{slot:%H%M}*.manifest.json")
    return max(manifest.stat().st_mtime for manifest in manifests)


def _report(watched: list[Watched]) -> None:
    first, last = watched[0].after, watched[-1].after
    print(f"\n{'component':<16}{'idle CPU':>9}{'memory MB':>12}{'at the end':>12}")
    for name in sorted(last.memory_mb):
        share = sum(window.idle.get(name, 0.0) for window in watched) / len(watched)
        print(f"{name:<16}{share:>9.1%}{first.memory_mb.get(name, 0.0):>12,.0f}{last.memory_mb[name]:>12,.0f}")
    idle = sum(sum(window.idle.values()) for window in watched) / len(watched)
    green = sum(window.state == "success" for window in watched)
    slowest = max((window.served_s for window in watched if window.served_s is not None), default=float("nan"))
    print(f"{'in all':<16}{idle:>9.1%}{first.total_mb:>12,.0f}{last.total_mb:>12,.0f}")
    print(
        f"\n{green} of {len(watched)} windows green; the slowest {slowest:.1f} s landed → served (bar: {SERVED_WITHIN_S} s);"
    )
    print(
        f"memory {last.total_mb / first.total_mb - 1:+.1%}; idle CPU {idle:.1%} of one core (bar: {IDLE_SHARE:.0%})",
        flush=True,
    )


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
