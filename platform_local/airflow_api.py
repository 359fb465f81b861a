"""Airflow's REST API as the local platform uses it: health, pools, runs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from platform_local.environment import ROOT, UI_USER, Settings
from platform_local.problem import Problem

TIMEOUT_S = 30


class AirflowApi:
    """A client of one API server, signed in as the UI's user."""

    def __init__(self, settings: Settings) -> None:
        self._base = settings.api_url
        self._password = settings.ui_password
        self._token: str | None = None

    def health(self) -> dict[str, Any]:
        """Per component its status and last heartbeat; raises OSError while the server is not up."""
        return self._send("GET", "/api/v2/monitor/health", signed_in=False)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._send("GET", f"/api/v2{path}" + (f"?{urlencode(query, doseq=True)}" if query else ""))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._send("POST", f"/api/v2{path}", body)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._send("PATCH", f"/api/v2{path}", body)

    def ensure_pools(self) -> None:
        """Make the pools of config/pools.json, or bring them up to date."""
        pools = json.loads((ROOT / "config" / "pools.json").read_text())
        existing = {pool["name"] for pool in self.get("/pools", limit=100)["pools"]}
        for name, pool in pools.items():
            if name in existing:
                self.patch(f"/pools/{quote(name)}", {"pool": name, **pool})
            else:
                self.post("/pools", {"name": name, **pool})

    def trigger(self, dag_id: str, conf: dict[str, Any], logical_date: datetime | None = None) -> str:
        """Start a run by hand; its id."""
        body = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": conf}
        run_id: str = self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run_id

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None, signed_in: bool = True) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._base}{path}", method=method)
        request.add_header("Content-Type", "application/json")
        if signed_in:
            request.add_header("Authorization", f"Bearer {self._sign_in()}")
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, data, TIMEOUT_S) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise Problem(f"Airflow refused {method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}") from error
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer

    def _sign_in(self) -> str:
        if self._token is None:
            body = {"username": UI_USER, "password": self._password}
            self._token = str(self._send("POST", "/auth/token", body, signed_in=False)["access_token"])
        return self._token
