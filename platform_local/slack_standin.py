"""A strict local stand-in of Slack's ``chat.postMessage``: refuses what Slack refuses, tells and keeps what it accepted.

`make up` runs it where no Slack is set, so that messages can be read in its log; tests ask it what it was sent.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn
from urllib.parse import parse_qs

from platform_local.ports import HOST

LONGEST_TEXT = 40_000
# Whoever reads this knows it: it keeps nothing shut.
TOKEN = "xoxb-stand-in"  # noqa: S105
CHANNEL = "#signalbox"


@dataclass
class SlackStandin:
    """Where it listens, which token and channels it knows, what it took and what it refused."""

    token: str = TOKEN
    channels: tuple[str, ...] = (CHANNEL,)
    say: Callable[[str], None] = lambda text: None
    base_url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    # Set to an HTTP status to be out of order.
    broken_with: int | None = None

    def connection(self) -> str:
        """The value of AIRFLOW_CONN_SLACK_DEFAULT that leads here."""
        return connection(self.base_url, self.token, self.channels[0])

    def listen(self, port: int = 0) -> ThreadingHTTPServer:
        """A server on the loopback, on a free port unless one is given; it serves once it is told to."""
        server = ThreadingHTTPServer((HOST, port), partial(_Handler, self))
        self.base_url = base_url(server.server_port)
        return server

    def judge(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, Any]]:
        """Slack's answer. Like Slack's, most refusals are a 200 that says ``ok: false``."""
        if self.broken_with:
            return self.broken_with, {"ok": False, "error": "internal_error"}
        if path != "/api/chat.postMessage":
            return 404, {"ok": False, "error": "unknown_method"}
        if headers.get("Authorization") != f"Bearer {self.token}":
            return 200, {"ok": False, "error": "invalid_auth" if headers.get("Authorization") else "not_authed"}
        try:
            message = _parsed(headers.get("Content-Type", ""), body)
        except ValueError as error:
            return 200, {"ok": False, "error": str(error)}
        if message.get("channel") not in self.channels:
            return 200, {"ok": False, "error": "channel_not_found"}
        text = message.get("text")
        if not isinstance(text, str) or not text.strip():
            return 200, {"ok": False, "error": "no_text"}
        if len(text) > LONGEST_TEXT:
            return 200, {"ok": False, "error": "msg_too_long"}
        self.messages.append(message)
        self.say(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {message['channel']}\n{text}\n")
        stamp = f"{len(self.messages)}.000000"
        return 200, {"ok": True, "channel": message["channel"], "ts": stamp, "message": message}


def _parsed(content_type: str, body: bytes) -> dict[str, Any]:
    kind, _, parameters = (part.strip() for part in content_type.partition(";"))
    if kind == "application/x-www-form-urlencoded":
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if kind != "application/json":
        raise ValueError("invalid_post_type")
    if "charset" in parameters and "utf-8" not in parameters.lower():
        raise ValueError("invalid_charset")
    try:
        message = json.loads(body)
    except ValueError as error:
        raise ValueError("invalid_json") from error
    if not isinstance(message, dict):
        raise ValueError("json_not_object")
    return message


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, standin: SlackStandin, *args: Any) -> None:
        self.standin = standin
        super().__init__(*args)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self.standin.judge(self.path, self.headers, body)
        if not answer["ok"]:
            self.standin.refusals.append(answer["error"])
        self._answer(status, answer)

    def do_GET(self) -> None:
        self.standin.refusals.append("method_not_allowed")
        self._answer(405, {"ok": False, "error": "method_not_allowed"})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args: Any) -> None:
        """Quiet: what it was sent is told by the stand-in."""


def base_url(port: int) -> str:
    """Where a stand-in on this port answers, as Airflow's Slack connection names it."""
    return f"http://{HOST}:{port}/api/"


def connection(url: str, token: str = TOKEN, channel: str = CHANNEL) -> str:
    """The value of AIRFLOW_CONN_SLACK_DEFAULT that leads to a stand-in at this address."""
    return json.dumps({"conn_type": "slack", "password": token, "extra": {"base_url": url, "channel": channel}})


def serve_slack(port: int) -> NoReturn:
    """Print every message as it comes, until the process is ended."""
    standin = SlackStandin(say=partial(print, flush=True))
    server = standin.listen(port)
    print("No Slack is set (AIRFLOW_CONN_SLACK_DEFAULT), so its messages are printed here.\n", flush=True)
    server.serve_forever()
    raise SystemExit


@contextmanager
def slack_standin(token: str = TOKEN, channels: tuple[str, ...] = (CHANNEL,)) -> Iterator[SlackStandin]:
    """Serve on a free port of the loopback until the block ends."""
    standin = SlackStandin(token, channels)
    server = standin.listen()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
