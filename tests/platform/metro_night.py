"""A small metro night as people run it, ``python -m spark_jobs run``, in a process of its own: what it wrote, by content hash."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from platform_local.environment import ROOT
from spark_jobs.common import pipelines
from spark_jobs.common.ledger import Ledger
from spark_jobs.common.local_run import private_lake
from spark_jobs.common.window import Window

SCALE = "0.01"
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")
WITHIN_S = 1200


def land(folder: Path) -> Path:
    """Landing files of the service day."""
    said = ["--seed", "1", "--scale", SCALE, "--landing", str(folder), "--truth", str(folder.with_name("truth"))]
    subprocess.run([sys.executable, "-m", "spark_jobs", "simulate", "metro", *said], cwd=ROOT, check=True)
    return folder


def run(lake: Path, landing: Path | str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The night on a lake that is kept; its tables are exported below the lake."""
    window = ["--start", NIGHT.start.isoformat(), "--end", NIGHT.end.isoformat()]
    places = ["--landing", str(landing), "--export", str(lake / "export"), "--lake", str(lake)]
    return subprocess.run(
        [sys.executable, "-m", "spark_jobs", "run", "metro", "--cadence", "nightly", *window, *places],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


def content(lake: Path) -> dict[str, str]:
    """The content hash of each table of the lake's newest release, as the receipts prove it."""
    with private_lake(lake):
        ledger = Ledger.from_environment()
        return hashes(ledger, ledger.latest_release("metro", "settled").run_key)


def hashes(ledger: Ledger, run_key: str) -> dict[str, str]:
    """The content hash of each table that the run's stages wrote."""
    written = [receipt.document["tables"] for receipt in ledger.receipts(run_key)]
    found = {name: entry["content_hash"] for tables in written for name, entry in tables.items() if entry["audited"]}
    assert len(found) >= len(pipelines.pipeline("metro").STAGES)
    return found


def run_by_steps(lake: Path, landing: Path, command: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The night as Airflow runs it, each step a process that ``command`` begins; on a private lake that is open already."""
    ledger = Ledger.from_environment()
    ledger.migrate()
    key = f"steps/{lake.name}"
    environ = {**os.environ, "SIGNALBOX_HOME": str(lake), "SIGNALBOX_LANDING": str(landing), **environ}
    take_steps(ledger, key, "nightly", NIGHT, command, environ)
    assert ledger.latest_release("metro", "settled").run_key == key
    return hashes(ledger, key)


def take_steps(
    ledger: Ledger, key: str, cadence: str, window: Window, command: Iterable[str], environ: Mapping[str, str]
) -> None:
    """A run up to its release, each step a process that ``command`` begins."""

    def step(*words: str) -> None:
        asked = ["--window-start", window.start.isoformat(), "--window-end", window.end.isoformat()]
        line = [*command, *words, "--cadence", cadence, "--run-key", key, *asked]
        answer = subprocess.run(line, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=WITHIN_S)
        assert answer.returncode == 0, answer.stderr[-3000:]

    for name in pipelines.pipeline("metro").STAGES:
        step("build", "metro", name)
        assert (verdict := ledger.checkpoint(key, name)).passed, verdict.sentence
    step("release", "metro")
