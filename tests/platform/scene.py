"""A toy pipeline whose steps run as processes of their own, most of them as clients of one Connect server, so that a test may
kill, stop, starve or cut them off.
"""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from platform_local.ports import free_port
from platform_local.postgres import Cluster
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.serve import Mart
from tests.platform.toy import World, events, land, marts

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count()
KILLED = -signal.SIGKILL
Marts = Callable[[str], tuple[Mart, ...]]


class Server:
    """A Spark Connect server on the private lake, and the environment of its clients."""

    def __init__(self, home: Path, master: str = "local[2]") -> None:
        self.home, port = home, free_port()
        self.environ = {
            **os.environ,
            "SIGNALBOX_ENGINE": "connect",
            "SIGNALBOX_CONNECT_URL": f"sc://localhost:{port}",
            "SPARK_CONNECT_AUTHENTICATE_TOKEN": "stand-in",
            "SIGNALBOX_MASTER": master,
            "SIGNALBOX_DRIVER_MEMORY": "1g",
            "SIGNALBOX_SPARK_PROPERTIES": str(home / f"spark-{port}.properties"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        serve = "import os; from platform_local.components import serve_connect; serve_connect(os.environ)"
        log = (home / "connect.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-c", serve], env=self.environ, stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + 90
        while not listens(port):
            assert self.process.poll() is None, (home / "connect.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the Connect server did not start"
            time.sleep(0.2)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Step:
    """One step of the toy pipeline in a process of its own."""

    def __init__(self, server: Server, world: World, step: str, run: str, fault: str = "", **environ: str) -> None:
        command = [sys.executable, "-m", "tests.platform.toy_job", str(server.home), world.slug, step, run]
        self.log = server.home / f"{world.slug}-{step}-{next(_numbers)}.log"
        self.process = subprocess.Popen(
            command,
            env={**server.environ, "SIGNALBOX_FAULT": fault, **environ},
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,
        )

    def ended(self, seconds: float = 120) -> int:
        """Its exit status; a negative one is a signal's."""
        return self.process.wait(seconds)

    def said(self) -> list[str]:
        """What it printed, without Java's own remarks."""
        return [
            line for line in self.log.read_text().splitlines() if "WARN" not in line and not line.startswith("Using")
        ]

    def wait_until_stopped(self, seconds: float = 120, or_ended: bool = False) -> None:
        """Wait until it has stopped itself at its fault's point."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the step did not stop where it should"
            time.sleep(0.05)
        assert or_ended or self.process.poll() is None, self.log.read_text()[-3000:]

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def goes_on_to_its_end(self, seconds: float = 120) -> int:
        """Its exit status, however often it comes by the point where it stops."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            self.go_on()
            time.sleep(0.1)
        return self.ended()

    def kill(self) -> None:
        """End it and what it started, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Scene(World):
    """A toy pipeline whose old version is released and served, and whose new one has landed."""

    def __init__(self, spark: Any, ledger: Ledger, server: Server, marts: Marts = marts) -> None:
        super().__init__(spark, ledger, server.home, f"scene{next(_numbers)}", suites=False)
        self.marts = marts(self.slug)
        self._steps: list[Step] = []
        self._server, self._marts = server, Cluster(server.home / "postgres").url("marts")
        land(self.root, events(10))
        old = self.publish("old")
        self.serve(old)
        self.ledger.close_run(old.run_key)
        land(self.root, events(10, value=3.0))

    def step(self, step: str, run: str = "new", fault: str = "", **environ: str) -> Step:
        self._steps.append(Step(self._server, self, step, run, fault, **environ))
        return self._steps[-1]

    def end(self) -> None:
        for step in self._steps:
            step.kill()

    def die(self, step: str, point: str, **environ: str) -> None:
        assert self.step(step, fault=point, **environ).ended() == KILLED

    def seen(self) -> tuple[list[float], list[float]]:
        """The totals that readers of the release see, and those that readers of PostgreSQL see; each table is whole."""
        assert len({row.event_id for row in self.released()}) == len(self.released()) == 10
        assert {10 * row.value for row in self.released()} == set(self.total())
        with create_engine(self._marts).connect() as connection:
            daily = connection.execute(text(f"SELECT total FROM {self.slug}.daily")).scalars().all()
            served = connection.execute(text(f"SELECT value FROM {self.slug}.events")).scalars().all()
        assert (len(served), {10 * value for value in served}) == (10, set(daily))
        return self.total(), list(daily)

    def mains(self) -> tuple[float, float]:
        """What readers of a single table see on ``main``: the sum of the events, and the total."""
        rows = self.spark.table(self.table("clean")).collect()
        assert len({row.event_id for row in rows}) == len(rows) == 10
        (total,) = self.spark.table(self.table("totals")).collect()
        return sum(row.value for row in rows), total.total

    def prepare(self, name: str = "new") -> None:
        """Everything of a run but its release."""
        self.pass_all(self.open(name))

    def releases_of(self, name: str) -> int:
        return len(self.ledger.releases(self.slug, "settled", self.key(name)))

    def expire_lease(self) -> None:
        """The holder has not renewed for longer than a lease lasts."""
        with create_engine(os.environ["SIGNALBOX_LEDGER_URL"]).begin() as connection:
            passed = text("UPDATE lease SET expires_at = now() - interval '1 second' WHERE pipeline = :p")
            assert connection.execute(passed, {"p": self.slug}).rowcount == 1
