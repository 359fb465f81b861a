"""A strict local stand-in of Slack's ``chat.postMessage``: refuses what Slack refuses, keeps what it accepted."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

LONGEST_TEXT = 40_000
TOKEN = "xoxb-stand-in"


@dataclass
class SlackStandin:
    """Where it listens, which token and channels it knows, what it took and what it refused."""

    token: str
    channels: tuple[str, ...]
    base_url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    # Set to an HTTP status to be out of order.
    broken_with: int | None = None

    def connection(self) -> str:
        """The value of AIRFLOW_CONN_SLACK_DEFAULT that leads here."""
        extra = {"base_url": self.base_url, "channel": self.channels[0]}
        return json.dumps({"conn_type": "slack", "password": self.token, "extra": extra})

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


@contextmanager
def slack_standin(token: str = TOKEN, channels: tuple[str, ...] = ("#signalbox",)) -> Iterator[SlackStandin]:
    """Serve on a free port of the loopback until the block ends."""
    standin = SlackStandin(token, channels)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = standin.judge(self.path, self.headers, body)
            if not answer["ok"]:
                standin.refusals.append(answer["error"])
            self._answer(status, answer)

        def do_GET(self) -> None:
            standin.refusals.append("method_not_allowed")
            self._answer(405, {"ok": False, "error": "method_not_allowed"})

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            """Quiet: the test reads what was recorded."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standin.base_url = f"http://127.0.0.1:{server.server_port}/api/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
