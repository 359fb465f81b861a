"""The simulated metro day that the demo, the benchmarks and the tests of the whole platform play."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime

from platform_local.environment import ROOT, Settings
from platform_local.problem import Problem
from spark_jobs.common.spark_conf import JAVA_OPTIONS

SERVICE_DATE = date(2024, 3, 12)
# No schedule goes on after the day; runs that are asked for are all there is.
SCHEDULE_UNTIL = datetime(2024, 3, 13, 12, 0, tzinfo=UTC)
# Of a platform that plays the day and ends: its Spark server is gone before a second compiler would have paid.
FOR_MINUTES = {"SIGNALBOX_SCHEDULE_UNTIL": SCHEDULE_UNTIL.isoformat(), "SIGNALBOX_JAVA_OPTIONS": JAVA_OPTIONS}
SEED = 1


def forget(settings: Settings) -> None:
    """Drop what an earlier call left in this home; jars and secrets stay."""
    settings.cluster().remove()
    for name in ("landing", "warehouse", "truth", "staging", "log"):
        shutil.rmtree(settings.home / name, ignore_errors=True)
    settings.make_folders()


def land_anew(settings: Settings, scale: float) -> None:
    """Drop what an earlier day left in this home, and land the day (1.0: 170,000 movements, 3 million readings)."""
    forget(settings)
    environ = settings.environment()
    command = [sys.executable, "-m", "spark_jobs", "simulate", "metro", "--seed", str(SEED), "--scale", str(scale)]
    command += ["--landing", environ["SIGNALBOX_LANDING"], "--truth", str(settings.home / "truth")]
    command += ["--date", SERVICE_DATE.isoformat()]
    if subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode:
        raise Problem("The simulator failed; its own words are above.")
