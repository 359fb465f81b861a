"""Cleaning a full day of movements and readings: our two stages beside DuckDB on the same files.

DuckDB does the same to the rows (both dedupe keys, the row rules, the window) and writes Parquet; it does without what makes our rows
releasable: branches, the audit, the receipt.
"""

import subprocess
import sys
from pathlib import Path

from benchmarks.meter import Meter, metered, tree
from platform_local.environment import ROOT

START, END = "2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00"

MOVEMENTS = """
COPY (
  SELECT * EXCLUDE (place, again) FROM (
    SELECT *, row_number() OVER (PARTITION BY source_system, section_id, event_type, train_describer, time_bucket(INTERVAL 100 ms, event_ts)
                                 ORDER BY event_ts, message_seq) AS again
    FROM (SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_ts, message_seq) AS place
          FROM read_parquet('{landing}/movement_event/*/*.parquet')
          WHERE event_ts <= ingest_ts + INTERVAL 5 s AND event_ts >= ingest_ts - INTERVAL 7 d
            AND event_ts >= TIMESTAMPTZ '{start}' AND event_ts < TIMESTAMPTZ '{end}')
    WHERE place = 1)
  WHERE again = 1 ORDER BY event_ts
) TO '{out}/movements.parquet' (COMPRESSION zstd)
"""
READINGS = """
COPY (
  SELECT * EXCLUDE place FROM (
    SELECT *, row_number() OVER (PARTITION BY reading_id ORDER BY reading_ts, ingest_ts) AS place
    FROM read_parquet('{landing}/signal_reading/*/*.parquet')
    WHERE reading_ts <= ingest_ts + INTERVAL 5 s AND reading_ts >= TIMESTAMPTZ '{start}' AND reading_ts < TIMESTAMPTZ '{end}')
  WHERE place = 1 ORDER BY reading_ts
) TO '{out}/readings.parquet' (COMPRESSION zstd)
"""
OURS = """
import sys
import spark_jobs.metro as metro
from spark_jobs.__main__ import main
metro.STAGES = ("movements", "readings")
start, end, landing, export = sys.argv[1:]
window = ["--cadence", "nightly", "--start", start, "--end", end]
sys.exit(main(["run", "metro", *window, "--landing", landing, "--export", export]))
"""
DUCKDB = """
import sys
import duckdb
connection = duckdb.connect()
connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
for statement in sys.argv[1:]:
    print(connection.execute(statement).fetchone()[0], "rows")
"""


def compare(landing: Path, folder: Path) -> None:
    """Print both sides' wall, CPU and memory, and the ratio of CPU seconds."""
    out = folder / "duckdb"
    out.mkdir(parents=True, exist_ok=True)
    named = {"landing": landing, "out": out, "start": START, "end": END}
    theirs = _run([sys.executable, "-c", DUCKDB, MOVEMENTS.format(**named), READINGS.format(**named)])
    ours = _run([sys.executable, "-c", OURS, START, END, str(landing), str(folder / "ours")])
    for name, meter in (("Signalbox, movements and readings", ours), ("DuckDB, the same rows", theirs)):
        print(f"{name:<36} wall {meter.wall_s:6.1f} s   CPU {meter.cpu_s:6.1f} s   peak {meter.peak_mb:6.0f} MB")
    print(f"CPU ratio to DuckDB: {ours.cpu_s / theirs.cpu_s:.1f}")


def _run(command: list[str]) -> Meter:
    process = subprocess.Popen(command, cwd=ROOT)
    with metered(lambda: tree(process.pid)) as meter:
        code = process.wait()
    if code:
        raise SystemExit(f"{command[:2]} ended with {code}.")
    return meter
