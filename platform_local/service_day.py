"""The simulated metro day that the demo, the benchmarks and the tests of the whole platform play."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, date, datetime

from platform_local.environment import ROOT, Settings
from platform_local.problem import Problem
from spark_jobs.common.spark_conf import C1_JAVA_OPTIONS

SERVICE_DATE = date(2024, 3, 12)
# No schedule goes on after the day; runs that are asked for are all there is.
SCHEDULE_UNTIL = datetime(2024, 3, 13, 12, 0, tzinfo=UTC)
SEED = 1


def for_minutes(settings: Settings) -> dict[str, str]:
    """What a platform is told beside its settings that plays the day and ends: its Spark server is gone before C2, the JVM's second
    compiler, would have paid.
    """
    java_options = settings.environment().get("SIGNALBOX_JAVA_OPTIONS", C1_JAVA_OPTIONS)
    return {"SIGNALBOX_SCHEDULE_UNTIL": SCHEDULE_UNTIL.isoformat(), "SIGNALBOX_JAVA_OPTIONS": java_options}


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
