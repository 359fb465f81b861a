"""The whole pipeline on public data with a known answer, judged from outside."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from platform_local.environment import ROOT

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]

GOLDEN = "expected_index_asof_2017-06-30.csv"


def spark_jobs(*arguments: str) -> str:
    """What a command of the job's entrance prints."""
    command = [sys.executable, "-m", "spark_jobs", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_outside_check_agrees_with_the_exported_index(real_data: Path, tmp_path: Path) -> None:
    data, landing, export = real_data / "audience", tmp_path / "landing", tmp_path / "export"
    spark_jobs("import", "audience", "completejourney", "--data", str(data), "--landing", str(landing))
    days = ["--start", "2016-11-14T00:00:00+00:00", "--end", "2017-07-01T00:00:00+00:00"]
    places = ["--landing", str(landing), "--export", str(export), "--param", "pixel_retention_days=400"]
    spark_jobs("run", "audience", "--cadence", "nightly", *days, *places)
    ours = tmp_path / "air_index.csv"
    pd.read_parquet(export / "air_index.parquet").to_csv(ours, index=False)
    check = real_data.parent / "checks" / "audience_index.py"
    judged = subprocess.run(
        [sys.executable, str(check), str(ours), str(data / GOLDEN)], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0 and "PASS" in judged.stdout, judged.stdout + judged.stderr
