"""Airflow's REST API as the local platform uses it: health, pools, runs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from platform_local.environment import ROOT, UI_USER, Settings
from platform_local.problem import Problem

TIMEOUT_S = 30
PARSED_WITHIN_S = 120
POLL_S = 0.5
LONGEST_SENTENCE = 400


@dataclass(frozen=True)
class Run:
    """One DAG run."""

    dag_id: str
    run_id: str


@dataclass(frozen=True)
class Task:
    """One task instance of a run; ``tries`` counts from 1."""

    name: str
    state: str
    tries: int
    seconds: float
    ended: str

    @property
    def is_over(self) -> bool:
        return self.state in ("success", "failed", "skipped", "upstream_failed", "up_for_retry")


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

    def dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.get("/dags", limit=100)["dags"]}

    def import_errors(self) -> list[str]:
        """The last line of each DAG file that cannot be read."""
        errors = self.get("/importErrors", limit=100)["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def unpause(self, dag_id: str) -> None:
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def pause(self, *dag_ids: str) -> None:
        for dag_id in dag_ids:
            self.patch(f"/dags/{dag_id}", {"is_paused": True})

    def unpause_when_read(self, *dag_ids: str) -> None:
        """Wait until the DAG processor has read these DAGs; then let them run."""
        deadline = time.monotonic() + PARSED_WITHIN_S
        while not set(dag_ids) <= self.dag_ids():
            if errors := self.import_errors():
                raise Problem(f"A DAG file cannot be read: {errors[0]}")
            if time.monotonic() > deadline:
                raise Problem(
                    f"Airflow did not find {' and '.join(dag_ids)} within {PARSED_WITHIN_S} s: see dag-processor.log."
                )
            time.sleep(POLL_S)
        for dag_id in dag_ids:
            self.unpause(dag_id)

    def trigger(
        self, dag_id: str, conf: dict[str, Any] | None = None, interval: tuple[datetime, datetime] | None = None
    ) -> Run:
        """Start a run by hand; with an interval it is the run that the schedule would have made for it."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if interval:
            start, end = (moment.isoformat() for moment in interval)
            body |= {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
        return Run(dag_id, self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def backfill(self, dag_id: str, day: date) -> Run:
        """Run (or run again) the one interval of a daily DAG that begins on ``day``."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        body = {
            "dag_id": dag_id,
            "from_date": midnight.isoformat(),
            # Both ends count.
            "to_date": (midnight + timedelta(days=1, seconds=-1)).isoformat(),
            "reprocess_behavior": "completed",
            "max_active_runs": 1,
        }
        self.post("/backfills", body)
        found = self.get(
            f"/dags/{dag_id}/dagRuns",
            run_type="backfill",
            logical_date_gte=body["from_date"],
            logical_date_lte=body["to_date"],
        )
        if not found["dag_runs"]:
            raise Problem(f"Airflow made no backfill run of {dag_id} on {day}.")
        return Run(dag_id, found["dag_runs"][0]["dag_run_id"])

    def state(self, run: Run) -> str:
        return str(self.get(f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}")["state"])

    def tasks(self, run: Run) -> list[Task]:
        """The run's tasks in the order in which they ended."""
        found = self.get(f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}/taskInstances", limit=100)["task_instances"]
        tasks = [
            Task(
                task["task_id"],
                task["state"] or "",
                task["try_number"],
                task["duration"] or 0.0,
                task["end_date"] or "",
            )
            for task in found
        ]
        return sorted(tasks, key=lambda task: task.ended)

    def sentence(self, run: Run, task: Task) -> str:
        """Why a task failed: the last exception in its log."""
        path = f"/dags/{run.dag_id}/dagRuns/{quote(run.run_id)}/taskInstances/{quote(task.name)}/logs/{task.tries}"
        content = self.get(path, full_content="true").get("content", [])
        details = [entry["error_detail"] for entry in content if isinstance(entry, dict) and entry.get("error_detail")]
        if details:
            last = details[-1][-1]
            # A server's error carries its whole stack trace in its text.
            lines = str(last["exc_value"]).strip().splitlines()
            return lines[0][:LONGEST_SENTENCE] if lines else str(last["exc_type"])
        return "its log does not say why; look at the task in the UI."

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None = None, signed_in: bool = True
    ) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._base}{path}", method=method)
        request.add_header("Content-Type", "application/json")
        if signed_in:
            request.add_header("Authorization", f"Bearer {self._sign_in()}")
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(request, data, TIMEOUT_S) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise Problem(
                f"Airflow refused {method} {path}: {error.code} {error.read().decode(errors='replace')[:500]}"
            ) from error
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer

    def _sign_in(self) -> str:
        if self._token is None:
            body = {"username": UI_USER, "password": self._password}
            self._token = str(self._send("POST", "/auth/token", body, signed_in=False)["access_token"])
        return self._token
