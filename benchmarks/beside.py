"""Two commands on the same input in the same run: ours and the reference's."""

import os
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.meter import Meter, metered, tree
from platform_local.environment import ROOT


def run_python(program: str, *arguments: object, environ: Mapping[str, str] | None = None) -> Meter:
    """What a Python program used, given as text; the benchmark ends when it fails."""
    return run_interpreter("-c", program, *arguments, environ=environ)


def run_interpreter(*words: object, environ: Mapping[str, str] | None = None) -> Meter:
    """What a Python interpreter used that was started with these words; the benchmark ends when it fails."""
    process = subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, env=environ)
    with metered(lambda: tree(process.pid)) as meter:
        _, status, used = os.wait4(process.pid, 0)
    # A program may be over before anyone has looked; a JVM that it left behind is in the looks alone.
    meter.at_least(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"A program of the benchmark ended with {code}; its own words are above.")
    return meter


def report(what: str, ours: Meter, theirs: Meter) -> None:
    """Both sides' wall, CPU and memory, and the ratio of CPU seconds."""
    print(f"\n{what}")
    for name, meter in (("Signalbox", ours), ("DuckDB", theirs)):
        print(f"  {name:<12} wall {meter.wall_s:6.1f} s   CPU {meter.cpu_s:6.1f} s   peak {meter.peak_mb:6.0f} MB")
    print(f"  CPU ratio to DuckDB: {ours.cpu_s / theirs.cpu_s:.1f}", flush=True)
