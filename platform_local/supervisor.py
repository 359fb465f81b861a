"""The local platform under supervisord: ``up`` starts it and waits for its health, ``down`` ends it to the last process."""

from __future__ import annotations

import fcntl
import importlib.metadata
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from platform_local import class_data, jars, ports, processes
from platform_local.airflow_api import AirflowApi
from platform_local.environment import ROOT, UI_USER, Settings
from platform_local.problem import Problem
from platform_local.supervisord import ALIVE_STATES, Supervisord

AIRFLOW_COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
ESSENTIAL = ("postgres", "connect", *AIRFLOW_COMPONENTS)
# What the world makes data for.
WORLDS_DAGS = ("metro_live", "metro_nightly")
# 25 s on an idle machine with two cores; a busy one gets its chance: five and a half minutes where twenty others wanted the cores.
HEALTHY_WITHIN_S = 480
MIGRATE_WITHIN_S = 180
POLL_S = 0.25
# A fresh PostgreSQL and the first logs; the rest is data.
LEAST_FREE = 500_000_000
ENDED_MEANWHILE = "The platform was ended while it started (`make down` elsewhere?): nothing of it runs."
FAILED_STATES = ("FATAL", "EXITED", "BACKOFF")


class Platform:
    """The platform of one SIGNALBOX_HOME."""

    def __init__(self, settings: Settings, say: Callable[[str], None] = print) -> None:
        self.settings = settings
        self._say = say
        self._started = time.monotonic()
        self._supervised = False
        self._supervisord = Supervisord(settings.run, settings.logs)

    def up(self, pick_ports: bool = False, extra: Mapping[str, str] | None = None, world: bool = False) -> bool:
        """Start everything and wait until it is healthy; False when it was running already. Leaves nothing behind
        when it fails. With a ``world`` landing files come by themselves, and the DAGs that read them run.
        """
        with self._only_one():
            if self.is_running():
                states = self.states()
                if missing := [name for name in ESSENTIAL if states.get(name) not in ALIVE_STATES]:
                    raise Problem(
                        f"The platform is up in part only, without {', '.join(missing)}: "
                        "end it with `make down`, then start it again."
                    )
                self._say(f"The platform is up already (`make down` ends it): {self.settings.api_url}")
                return False
            self._end_strays()
            self._started = time.monotonic()
            try:
                self._start(pick_ports, extra or {}, world)
            except BaseException as error:
                was_ended = isinstance(error, Exception) and self._supervised and not self._supervisord.works()
                self.down()
                if was_ended:
                    raise Problem(ENDED_MEANWHILE) from error
                raise
        return True

    def down(self) -> int:
        """End every process of the platform; the number of processes there were."""
        # PostgreSQL, which the others use to the end, ends last.
        ended = self._supervisord.end(last="postgres") + self._end_strays()
        self._supervisord.forget()
        return ended

    def is_running(self) -> bool:
        return self._supervisord.pid() != 0

    def states(self) -> dict[str, str]:
        """Per component supervisor's word for its state; empty when the platform is down."""
        return self._supervisord.states()

    def rpc(self) -> Any:
        """supervisord's own interface, by which each component can be asked after, stopped and started."""
        return self._supervisord.rpc()

    def is_healthy(self, component: str, since: datetime) -> bool:
        """Whether a component does its work; one of Airflow has to have beaten its heart after ``since``."""
        if component == "postgres":
            return self.settings.cluster().accepts()
        if component in ("connect", "slack"):
            return ports.answers(self.settings.port(component))
        if component in AIRFLOW_COMPONENTS:
            return _is_healthy(AirflowApi(self.settings), component, since)
        return self.states().get(component) == "RUNNING"

    def describe(self) -> str:
        """Where people look, and with what."""
        settings, states = self.settings, self.states()
        lines = {
            "Airflow": f"{settings.api_url}   user {UI_USER}   password {settings.ui_password}",
            "marts": f"127.0.0.1:{settings.port('pg')}/marts (role bi; password in {settings.env_file})",
            "logs": str(settings.logs),
        }
        if states.get("slack") in ALIVE_STATES:
            lines["Slack"] = f"none is set: its messages are in {settings.logs / 'slack.log'}"
        if states.get("world") in ALIVE_STATES:
            from platform_local.world import World

            lines["world"] = World.of(settings.environment()).describe()
        return "\n".join(f"  {name:<10} {said}" for name, said in lines.items())

    # The start, step by step

    def _start(self, pick_ports: bool, extra: Mapping[str, str], world: bool) -> None:
        self._require_space()
        self.settings.claim_ports(pick=pick_ports)
        settings = self.settings.environment()
        class_data.ensure(Path(settings["JAVA_HOME"]), jars.ensure(self.settings.home, settings), settings)
        cluster = self.settings.cluster()
        cluster.prepare()
        self._say(f"  data of PostgreSQL in {cluster.place}")
        environ = {**self.settings.environment(), **extra}
        if world:
            # Imported here: `make down` and `make status` need no simulator.
            from platform_local.world import World

            World.of(environ).claim()
        self._supervisord.start(environ)
        self._supervised = True
        beside = ["connect", "housekeeper"]
        beside += [] if self.settings.has_slack else ["slack"]
        beside += ["world"] if world else []
        self._launch("postgres", *beside)
        self._wait("postgres")
        cluster.create_databases()
        # Imported here: `make down` and `make status` need no ledger.
        from platform_local.initialise import migrate_ledger

        migrate_ledger(environ["SIGNALBOX_LEDGER_URL"])
        self._migrate(environ)
        self._launch(*AIRFLOW_COMPONENTS)
        self._wait(*beside, *AIRFLOW_COMPONENTS)
        # Not before: what is still on its way up is not broken.
        self._launch("watch")
        self._wait("watch")
        api = AirflowApi(self.settings)
        api.ensure_pools()
        if world:
            self._let_run(api)
        self._report("platform", "healthy")

    def _let_run(self, api: AirflowApi) -> None:
        """Unpause what the world makes data for, once in the life of Airflow's database: what is paused later stays so."""
        done = self.settings.cluster().home / "airflow.let_run"
        if not done.exists():
            api.unpause_when_read(*WORLDS_DAGS)
            done.write_text("\n".join(WORLDS_DAGS))
            self._report("DAGs", "run")

    def _require_space(self) -> None:
        for folder in {self.settings.home, self.settings.cluster().place}:
            existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
            free = shutil.disk_usage(existing).free
            if free < LEAST_FREE:
                raise Problem(
                    f"The disk is full ({free / 1e6:.0f} MB free in {folder}, {LEAST_FREE / 1e6:.0f} MB are needed): "
                    "free some space, or set SIGNALBOX_HOME to a folder on a larger disk."
                )

    def _launch(self, *components: str) -> None:
        for name in components:
            self.rpc().startProcess(name, False)

    def _migrate(self, environ: Mapping[str, str]) -> None:
        """Bring Airflow's database to the installed version; remembered beside the cluster, since asking Airflow
        costs seconds.
        """
        version = importlib.metadata.version("apache-airflow-core")
        done = self.settings.cluster().home / "airflow.migrated"
        if done.exists() and done.read_text() == version:
            return
        log_path = self.settings.logs / "migrate.log"
        with log_path.open("wb") as log:
            command = [sys.executable, "-m", "airflow", "db", "migrate"]
            process = subprocess.Popen(
                command, env=dict(environ), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            process.wait(MIGRATE_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise Problem(f"Airflow's database was not ready within {MIGRATE_WITHIN_S} s: see {log_path}.") from None
        finally:
            processes.end(processes.tree(process.pid))
        if process.returncode:
            raise Problem(f"Airflow could not prepare its database: see {log_path}.")
        done.write_text(version)
        self._report("database", "migrated")

    def _wait(self, *components: str) -> None:
        """Wait for the health of each, saying when; a component that ended, or the deadline, is an error."""
        left, since = list(components), datetime.now(UTC)
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while left:
            for name in [name for name in left if self.is_healthy(name, since)]:
                left.remove(name)
                self._report(name, "healthy")
            states = self.states()
            if left and not states:
                raise Problem(ENDED_MEANWHILE)
            for name in left:
                if states.get(name) in FAILED_STATES:
                    raise Problem(f"{name} ended right after its start: see {self.settings.logs / name}.log.")
            if time.monotonic() > deadline:
                logs = ", ".join(str(self.settings.logs / f"{name}.log") for name in left)
                raise Problem(f"Not healthy within {HEALTHY_WITHIN_S} s: {', '.join(left)}; see {logs}.")
            time.sleep(POLL_S)

    def _report(self, name: str, state: str) -> None:
        self._say(f"  {name:<14} {state:<9} {time.monotonic() - self._started:5.1f} s")

    def _end_strays(self) -> int:
        """End what outlived a supervisord that was killed; the number of processes."""
        strays = self._supervisord.strays()
        processes.end(strays)
        server = self.settings.cluster().server()
        if server is not None:
            self.settings.cluster().shut_down()
        return len(strays) + (server is not None)

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        with (self.settings.run / "up.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Problem(
                    "Another `make up` or `make demo` is starting the platform: wait for it, or end it."
                ) from None
            yield


def _is_healthy(api: AirflowApi, component: str, since: datetime) -> bool:
    """Whether a component of Airflow beat its heart after ``since`` (older beats are those of its predecessor)."""
    try:
        health = api.health()
    except (OSError, Problem):
        return False
    if component == "api-server":
        return bool(health["metadatabase"]["status"] == "healthy")
    name = component.replace("-", "_")
    beat = (health.get(name) or {}).get(f"latest_{name}_heartbeat")
    return bool(health[name]["status"] == "healthy" and beat and datetime.fromisoformat(beat) >= since)
