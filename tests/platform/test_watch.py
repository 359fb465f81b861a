"""The watch beside Airflow: what it asks, whom it tells, and when it keeps quiet."""

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from signalbox import alerts
from signalbox.watch import FRESH_S, Watch, is_fresh

from platform_local.environment import ROOT
from platform_local.ports import HOST, free_port
from platform_local.slack_standin import SlackStandin, slack_standin
from tests.waiting import wait_for

BEAT = "2026-11-27T06:00:00+00:00"
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass
class Airflow:
    """Airflow's ``/api/v2/monitor/health`` as its API server answers it, and at ``/alive`` the dead-man's service."""

    statuses: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, "healthy"))
    body: bytes | None = None
    calls: int = 0
    base: str = ""

    def health(self) -> bytes:
        if self.body is not None:
            return self.body
        answer: dict[str, dict[str, Any]] = {name: {"status": status} for name, status in self.statuses.items()}
        for name in set(answer) - {"metadatabase"}:
            answer[name][f"latest_{name}_heartbeat"] = BEAT if self.statuses[name] else None
        return json.dumps(answer).encode()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, airflow: Airflow, *args: Any) -> None:
        self.airflow = airflow
        super().__init__(*args)

    def do_GET(self) -> None:
        if self.path == "/alive":
            self.airflow.calls += 1
        answer = {"/alive": b"ok", "/api/v2/monitor/health": self.airflow.health()}.get(self.path)
        self.send_response(200 if answer is not None else 404)
        self.end_headers()
        self.wfile.write(answer or b"")

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    airflow = Airflow()
    with ThreadingHTTPServer((HOST, 0), partial(Handler, airflow)) as server:
        airflow.base = f"http://{HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield airflow
        server.shutdown()


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStandin]:
    with slack_standin() as standin:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", standin.connection())
        yield standin


@pytest.fixture
def watch(airflow: Airflow, slack: SlackStandin) -> Watch:
    return Watch(f"{airflow.base}/api/v2/monitor/health", f"{airflow.base}/alive", alerts.tell)


def told(slack: SlackStandin) -> list[str]:
    assert slack.refusals == []
    return [message["text"] for message in slack.messages]


def test_while_all_works_it_calls_the_dead_mans_service_and_says_nothing(watch, airflow, slack):
    watch.look()
    watch.look()
    assert (airflow.calls, told(slack)) == (2, [])


def test_what_is_broken_at_two_looks_is_told_once_and_once_more_when_all_works(watch, airflow, slack):
    airflow.statuses |= {"scheduler": "unhealthy"}
    for _ in range(4):
        watch.look()
    assert told(slack) == [f"Airflow does not work\nscheduler: unhealthy; last heartbeat {BEAT}"]
    assert airflow.calls == 0
    airflow.statuses |= {"scheduler": "healthy"}
    watch.look()
    watch.look()
    assert told(slack)[1:] == ["Airflow works again\nscheduler"]
    assert airflow.calls == 2


def test_what_is_back_at_the_next_look_is_told_to_nobody(watch, airflow, slack):
    for status in ("unhealthy", "healthy", "unhealthy", "healthy"):
        airflow.statuses["dag_processor"] = status
        watch.look()
    assert (told(slack), airflow.calls) == ([], 2)


def test_a_second_breakage_is_told_too_and_the_end_of_both_once(watch, airflow, slack):
    for name in ("scheduler", "triggerer"):
        airflow.statuses[name] = None
        watch.look()
        watch.look()
    airflow.statuses["scheduler"] = "healthy"
    watch.look()
    airflow.statuses["triggerer"] = "healthy"
    watch.look()
    assert [text.splitlines()[1:] for text in told(slack)] == [
        ["scheduler: never seen; last heartbeat unknown"],
        ["scheduler: never seen; last heartbeat unknown", "triggerer: never seen; last heartbeat unknown"],
        ["scheduler", "triggerer"],
    ]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"scheduler": null}', b'{"scheduler": {}}'])
def test_an_answer_that_is_not_about_health_is_a_broken_api_server(watch, airflow, slack, body):
    airflow.body = body
    watch.look()
    watch.look()
    assert "api-server: no answer about health" in told(slack)[0]
    assert airflow.calls == 0


def test_an_api_server_that_is_gone_is_told(airflow, slack):
    gone = Watch(f"http://{HOST}:{free_port()}/api/v2/monitor/health", None, alerts.tell)
    gone.look()
    gone.look()
    assert "api-server: no answer about health (<urlopen error" in told(slack)[0].replace("&lt;", "<")


def test_what_slack_did_not_take_is_sent_again(watch, airflow, slack):
    airflow.statuses["scheduler"] = "unhealthy"
    slack.broken_with = 500
    for _ in range(3):
        watch.look()
    slack.broken_with = None
    slack.refusals.clear()
    watch.look()
    watch.look()
    assert len(told(slack)) == 1


def test_without_a_slack_it_goes_on(watch, airflow, monkeypatch):
    """As docker-compose hands it on where .env has none."""
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", "")
    airflow.statuses["scheduler"] = "unhealthy"
    watch.look()
    watch.look()
    assert watch.told == set()


def test_a_dead_mans_service_that_is_away_stops_nothing_and_its_address_is_not_printed(airflow, slack, capsys):
    away = Watch(f"{airflow.base}/api/v2/monitor/health", f"http://{HOST}:{free_port()}/secret-key", alerts.tell)
    away.look()
    assert "SIGNALBOX_DEADMAN_URL does not answer: URLError" in (said := capsys.readouterr().out)
    assert "secret-key" not in said


def test_a_look_is_fresh_for_three_minutes_while_its_watch_lives(tmp_path):
    mark = tmp_path / "watch.looked"
    assert not is_fresh(mark, time.time())
    with mark.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert is_fresh(mark, time.time())
        assert not is_fresh(mark, time.time() + FRESH_S + 1)
    assert not is_fresh(mark, time.time())


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "signalbox.watch", *arguments]


def environ(airflow: Airflow, home: Any, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "plugins"),
        "SIGNALBOX_HOME": str(home),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{airflow.base}/execution/",
        **more,
    }


def test_as_a_process_it_looks_at_once_and_its_check_says_so(airflow, tmp_path):
    given = environ(airflow, tmp_path, SIGNALBOX_DEADMAN_URL=f"{airflow.base}/alive")
    assert subprocess.run(command("--check"), env=given, timeout=60).returncode == 1
    watching = subprocess.Popen(command(), env=given, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: subprocess.run(command("--check"), env=given, timeout=60).returncode == 0, 60)
        wait_for(lambda: airflow.calls)
        second = subprocess.run(command(), env=given, capture_output=True, text=True, timeout=60)
    finally:
        watching.kill()
        said, _ = watching.communicate(timeout=60)
    assert second.stderr == f"Another watch looks already: it holds {tmp_path}/run/watch.looked.\n"
    assert subprocess.run(command("--check"), env=given, timeout=60).returncode == 1
    assert said == f"Looking at {airflow.base}/api/v2/monitor/health every 60 s, and calling SIGNALBOX_DEADMAN_URL.\n"
    assert airflow.calls == 1


def test_an_address_that_cannot_be_called_is_one_sentence(airflow, tmp_path):
    given = environ(airflow, tmp_path, SIGNALBOX_DEADMAN_URL="file:///etc/passwd")
    answer = subprocess.run(command(), env=given, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stderr) == (
        1,
        "SIGNALBOX_DEADMAN_URL has to be an http:// or https:// address, or unset.\n",
    )
