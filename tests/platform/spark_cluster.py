"""A Spark standalone cluster on loopback: a master and two workers, started from the pip package as docker-compose.yaml starts them."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from platform_local import java, processes
from platform_local.ports import HOST, free_port

WORKERS = 2
_READY_WITHIN_S = 180


class Cluster:
    """Workers of two cores and two gigabytes each. Raises AssertionError when they do not join the master in time."""

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._environ = {
            **os.environ,
            **environ,
            "JAVA_HOME": str(java.java_home(folder)),
            "SPARK_LOCAL_IP": HOST,
            # Spark's scripts look for the Python that has pyspark by its name.
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        }
        self._started: list[subprocess.Popen[bytes]] = []
        port, self._page = free_port(), free_port()
        self.master = f"spark://{HOST}:{port}"
        try:
            self._start("master.Master", "--host", HOST, "--port", str(port), "--webui-port", str(self._page))
            for _ in range(WORKERS):
                sizes = ("--cores", "2", "--memory", "2g", "--webui-port", str(free_port()))
                work = folder / f"work-{secrets.token_hex(4)}"
                self._start("worker.Worker", *sizes, "--work-dir", str(work), "--host", HOST, self.master)
            self._wait()
        except BaseException:
            self.end()
            raise

    def applications(self) -> list[str]:
        """The names of those that it has run, or runs."""
        state = self._state()
        return [app["name"] for app in (*state["activeapps"], *state["completedapps"])]

    def end(self) -> None:
        processes.end({process for started in self._started for process in processes.tree(started.pid)})

    def _start(self, name: str, *arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("spark-class")), f"org.apache.spark.deploy.{name}", *arguments]
        with (self._folder / f"{name}-{len(self._started)}.log").open("wb") as log:
            self._started.append(
                subprocess.Popen(command, env=self._environ, stdout=log, stderr=log, start_new_session=True)
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while True:
            with suppress(OSError):
                if self._state()["aliveworkers"] == WORKERS:
                    return
            assert all(started.poll() is None for started in self._started), f"one ended: see {self._folder}"
            assert time.monotonic() < deadline, f"the workers did not join: see {self._folder}"
            time.sleep(0.5)

    def _state(self) -> dict[str, list[dict[str, str]]]:
        with urllib.request.urlopen(f"http://{HOST}:{self._page}/json/", timeout=10) as answer:
            state: dict[str, list[dict[str, str]]] = json.load(answer)
        return state
