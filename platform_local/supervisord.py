"""The one supervisord of a SIGNALBOX_HOME, as a process.

It leads a session of its own and adopts orphans, so whatever a task leaves behind stays below it and goes with it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from platform_local import processes
from platform_local.environment import ROOT
from platform_local.problem import Problem, from_os_error

CONFIG = ROOT / "config" / "supervisord.conf"
SOCKET = "SIGNALBOX_SUPERVISOR_SOCKET"
# Of sun_path, the address of a Unix socket, 108 bytes exist.
LONGEST_SOCKET = 100
STARTED_WITHIN_S = 15
ENDED_WITHIN_S = 40
ALIVE_STATES = ("RUNNING", "STARTING", "BACKOFF")


class Supervisord:
    """supervisord with its socket and process id in ``run`` and its output in ``logs``."""

    def __init__(self, run: Path, logs: Path) -> None:
        self._logs = logs
        self._pid_file = run / "supervisord.pid"
        self._socket = _socket_path(run)

    def start(self, environ: Mapping[str, str]) -> None:
        """Start it and wait until it answers; its components stay down until they are started."""
        try:
            log = (self._logs / "supervisord.out").open("wb")
        except OSError as error:
            raise from_os_error(error, f"writing {self._logs}") from error
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONFIG)],
                env={**environ, SOCKET: str(self._socket)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=processes.adopt_orphans,
            )
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self.states():
            if process.poll() is not None or time.monotonic() > deadline:
                processes.end(processes.tree(process.pid))
                raise Problem(f"supervisord did not start: see {self._logs}/supervisord.out.")
            time.sleep(0.05)

    def end(self, last: str) -> int:
        """End it and everything below it, the component ``last`` after the others; the number of processes."""
        known = set(processes.tree(self.pid()))
        with suppress(OSError, xmlrpc.client.Fault):
            # All at once, and the last one by the shutdown: one after the other takes half a minute.
            for name in (name for name, state in self.states().items() if name != last and state in ALIVE_STATES):
                self.rpc().stopProcess(name, False)
            self.rpc().shutdown()
        deadline = time.monotonic() + ENDED_WITHIN_S
        while self.pid() and time.monotonic() < deadline:
            # A task may start a process while it is being stopped.
            known |= set(processes.tree(self.pid()))
            time.sleep(0.1)
        processes.end(known)
        return len(known)

    def strays(self) -> set[psutil.Process]:
        """What outlived a supervisord that was killed: our processes bear the address of its socket in their
        environment.
        """
        strays: set[psutil.Process] = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(SOCKET) == str(self._socket):
                    strays |= set(processes.tree(process.pid))
        return strays

    def forget(self) -> None:
        """Remove the files by which it was found."""
        for left in (self._pid_file, self._socket):
            left.unlink(missing_ok=True)

    def states(self) -> dict[str, str]:
        """Per component its word for the state; empty when it does not answer."""
        with suppress(OSError, xmlrpc.client.Fault):
            return {info["name"]: info["statename"] for info in self.rpc().getAllProcessInfo()}
        return {}

    def works(self) -> bool:
        """False when it was never started, is gone, or is shutting down."""
        with suppress(OSError, xmlrpc.client.Fault):
            return bool(self.rpc().getState()["statename"] == "RUNNING")
        return False

    def pid(self) -> int:
        """Its process id, or 0."""
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int(self._pid_file.read_text()))
            if str(CONFIG) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                return int(process.pid)
        return 0

    def rpc(self) -> Any:
        """Its own interface, by which each component can be asked after, stopped and started."""
        transport = SupervisorTransport(serverurl=f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor


def _socket_path(run: Path) -> Path:
    path = run / "supervisor.sock"
    if len(str(path)) <= LONGEST_SOCKET:
        return path
    name = f"signalbox-{os.getuid()}-{hashlib.sha256(str(run).encode()).hexdigest()[:12]}.sock"
    return Path(tempfile.gettempdir()) / name
