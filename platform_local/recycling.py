"""Spark Connect started anew when it has grown big or old: a JVM that runs ever new plans gives little memory back.

Never while it is used. A run that writes holds its lease from its first build to its end, also between two tasks; and a client,
be it a task or somebody's notebook, holds a connection to the server's port. A client that comes in the very second of the
restart finds no server: its task is retried, as after any other loss of the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from platform_local import processes
from platform_local.problem import Problem

# Spark's shutdown hooks need a moment; what is left after it is killed.
STOP_WITHIN_S = 20
# A server that is as big as this soon after its start would be no smaller after the next.
GROWN_AFTER_H = 1 / 6


@dataclass(frozen=True)
class Limits:
    """From which resident memory, and from which age, the server is to go."""

    memory_mb: float
    age_h: float

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Limits:
        """The limits that the settings name."""
        memory, age = environ["SIGNALBOX_CONNECT_RECYCLE_MB"], environ["SIGNALBOX_CONNECT_RECYCLE_HOURS"]
        with suppress(ValueError):
            limits = cls(float(memory), float(age))
            if limits.memory_mb > 0 and limits.age_h > 0:
                return limits
        raise Problem(
            f"SIGNALBOX_CONNECT_RECYCLE_MB={memory} or SIGNALBOX_CONNECT_RECYCLE_HOURS={age} cannot be: "
            "set numbers above 0."
        )

    def __str__(self) -> str:
        return f"above {self.memory_mb:,.0f} MB or after {self.age_h:g} hours"

    def passed_by(self, server: psutil.Process) -> str:
        """What is beyond its limit, in words; empty when nothing is."""
        memory_mb, age_h = server.memory_info().rss / 1e6, (time.time() - server.create_time()) / 3600
        if memory_mb > self.memory_mb and age_h > GROWN_AFTER_H:
            return f"it has {memory_mb:,.0f} MB of memory, more than {self.memory_mb:,.0f}"
        if age_h > self.age_h:
            return f"it is {age_h:.1f} hours old, more than {self.age_h:g}"
        return ""


@dataclass(frozen=True)
class Recycler:
    """Watches the Connect server of a supervisor, which starts again what is ended here."""

    rpc: Callable[[], Any]
    port: int
    ledger_url: str
    limits: Limits

    def look(self) -> bool:
        """End the server if it is beyond a limit and nobody uses it; whether it was."""
        server = self._server()
        if server is None or not (why := self.limits.passed_by(server)) or self._is_used(server):
            return False
        print(f"Spark Connect is started anew: {why}.", flush=True)
        processes.end(processes.tree(server.pid), grace_s=STOP_WITHIN_S)
        return True

    def _server(self) -> psutil.Process | None:
        info = self.rpc().getProcessInfo("connect")
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(info["pid"]) if info["statename"] == "RUNNING" else None
        return None

    def _is_used(self, server: psutil.Process) -> bool:
        if is_connected(server, self.port):
            return True
        # Imported here: as long as no limit is passed, no ledger is needed.
        from spark_jobs.common.ledger import Ledger

        return bool(Ledger.at(self.ledger_url).writing_runs())


def is_connected(server: psutil.Process, port: int) -> bool:
    """Whether any client holds a connection to the server's port."""
    return any(
        connection.status == psutil.CONN_ESTABLISHED and connection.laddr.port == port
        for connection in server.net_connections("tcp")
    )
