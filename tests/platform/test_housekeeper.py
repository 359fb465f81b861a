"""The housekeeper: Spark Connect is started anew when it has grown and nobody uses it, and old logs go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from supervisor.xmlrpc import SupervisorTransport

from platform_local.old_logs import keep_days, remove_old
from platform_local.ports import answers, free_port
from platform_local.problem import Problem
from platform_local.recycling import Limits, Recycler, is_connected
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.window import Window
from tests.pipeline_lake import own_cluster
from tests.waiting import wait_for

HOUR_S = 3600
DAY_S = 24 * HOUR_S
YOUNG, OLD = Limits(memory_mb=100_000, age_h=1), Limits(memory_mb=100_000, age_h=1e-6)
CONFIG = """
[unix_http_server]
file={folder}/socket
[supervisord]
nodaemon=true
silent=true
pidfile={folder}/pid
logfile={folder}/log
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:connect]
command={python} -m http.server --bind 127.0.0.1 {port}
startsecs=0
"""


@dataclass
class Supervised:
    """A server under a supervisor, in the place of Spark Connect: anything that listens."""

    folder: Path
    port: int
    ledger_url: str

    def rpc(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport(serverurl=f"unix://{self.folder}/socket")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor

    def look(self, limits: Limits) -> bool:
        return Recycler(self.rpc, self.port, self.ledger_url, limits).look()

    def pid(self) -> int:
        """The server's process, once it listens."""
        wait_for(lambda: answers(self.port), 60)
        return self.rpc().getProcessInfo("connect")["pid"]


@pytest.fixture(scope="module")
def connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervised]:
    folder = tmp_path_factory.mktemp("supervised")
    # The ledger of the other tests knows runs that hold their leases still.
    with own_cluster(folder / "lake") as cluster:
        server = Supervised(folder, free_port(), cluster.url("ledger"))
        config = server.folder / "supervisord.conf"
        config.write_text(CONFIG.format(folder=server.folder, python=sys.executable, port=server.port))
        process = subprocess.Popen([sys.executable, "-m", "supervisor.supervisord", "-c", config])
        try:
            yield server
        finally:
            # Or it starts its server again while that is being ended.
            server.rpc().shutdown()
            process.wait(30)


def test_a_server_that_is_small_and_young_is_left_alone(connect: Supervised) -> None:
    before = connect.pid()
    assert not connect.look(YOUNG)
    assert connect.pid() == before


def test_an_old_server_that_nobody_uses_is_started_anew(connect: Supervised, capfd: pytest.CaptureFixture[str]) -> None:
    before = connect.pid()
    assert connect.look(OLD)
    assert connect.pid() != before
    assert "Spark Connect is started anew: it is 0.0 hours old" in capfd.readouterr().out


def test_a_server_is_left_alone_while_a_client_is_connected(connect: Supervised) -> None:
    before = connect.pid()
    with socket.create_connection(("127.0.0.1", connect.port)) as client:
        client.sendall(b"GET")
        # The kernel answers for a busy server, which is no user of it yet.
        wait_for(lambda: is_connected(psutil.Process(before), connect.port), 60)
        assert not connect.look(OLD)
    assert connect.pid() == before


def test_a_server_is_left_alone_while_a_run_is_between_two_of_its_tasks(connect: Supervised) -> None:
    ledger = Ledger.at(connect.ledger_url)
    before, noon = connect.pid(), datetime(2024, 3, 12, 12, tzinfo=UTC)
    run = ledger.open_run("housekept", "live", "housekept/1", None, Window(noon, noon + timedelta(minutes=5)))
    ledger.begin(run, "movements")
    assert ledger.writing_runs() == ["housekept/1"]
    assert not connect.look(OLD)
    ledger.close_run(run.run_key)
    assert ledger.writing_runs() == []
    assert connect.pid() == before
    assert connect.look(OLD)


def test_memory_counts_once_a_server_had_time_to_grow() -> None:
    process, small = psutil.Process(), Limits(memory_mb=1, age_h=1000)
    assert small.passed_by(_aged(process, 0.1)) == ""
    assert "MB of memory, more than 1" in small.passed_by(_aged(process, 0.5))


@pytest.mark.parametrize(("memory", "age"), [("much", "24"), ("3000", "0"), ("-1", "24"), ("nan", "24")])
def test_a_limit_that_cannot_be_is_one_sentence(memory: str, age: str) -> None:
    settings = {"SIGNALBOX_CONNECT_RECYCLE_MB": memory, "SIGNALBOX_CONNECT_RECYCLE_HOURS": age}
    with pytest.raises(Problem, match="cannot be: set numbers above 0"):
        Limits.of(settings)


def test_logs_go_after_their_days_and_folders_once_they_have_been_empty_for_an_hour(tmp_path: Path) -> None:
    old, new = (_log(tmp_path / f"dag_id=metro_live/run_id={run}/attempt=1.log") for run in ("old", "new"))
    now = time.time()
    os.utime(old, (now - 15 * DAY_S,) * 2)
    assert remove_old(tmp_path, now - 14 * DAY_S) == 1
    assert (old.exists(), old.parent.exists(), new.exists()) == (False, True, True)
    os.utime(old.parent, (now - 2 * HOUR_S,) * 2)
    assert remove_old(tmp_path, now - 14 * DAY_S) == 0
    assert (old.parent.exists(), new.exists()) == (False, True)


def test_a_link_to_the_newest_logs_is_not_followed(tmp_path: Path) -> None:
    elsewhere = _log(tmp_path / "elsewhere" / "kept.log")
    os.utime(elsewhere, (0, 0))
    (tmp_path / "dag_processor").mkdir()
    (tmp_path / "dag_processor" / "latest").symlink_to(elsewhere.parent)
    assert remove_old(tmp_path / "dag_processor", time.time() - DAY_S) == 0
    assert elsewhere.exists()


def test_days_that_cannot_be_are_one_sentence() -> None:
    with pytest.raises(Problem, match="SIGNALBOX_LOG_DAYS=never cannot be: set a number of days above 0"):
        keep_days({"SIGNALBOX_LOG_DAYS": "never"})


def _aged(process: psutil.Process, hours: float) -> psutil.Process:
    """This process as if it had been started so long ago."""
    process._create_time = time.time() - hours * HOUR_S
    return process


def _log(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}\n")
    return path
