"""Cleaning a full day of movements and readings: our two stages beside DuckDB on the same files.

DuckDB does the same to the rows (both dedupe keys, the row rules, the window) and writes Parquet; it does without what makes our rows
releasable: branches, the audit, the receipt.
"""

from pathlib import Path

from benchmarks.beside import report, run_python

START, END = "2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00"

MOVEMENTS = """
COPY (
  SELECT * EXCLUDE (place, again) FROM (
    SELECT *, row_number() OVER (PARTITION BY source_system, section_id, event_type, train_describer, round(epoch_ms(event_ts) / 100)
                                 ORDER BY event_ts, message_seq) AS again
    FROM (SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY event_ts, message_seq) AS place
          FROM read_parquet('{landing}/movement_event/*/*.parquet')
          WHERE event_ts <= ingest_ts + INTERVAL 5 SECONDS AND event_ts >= ingest_ts - INTERVAL 7 DAYS
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
    WHERE reading_ts <= ingest_ts + INTERVAL 5 SECONDS AND reading_ts >= TIMESTAMPTZ '{start}' AND reading_ts < TIMESTAMPTZ '{end}')
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
    """Print what both sides used."""
    out = folder / "duckdb"
    out.mkdir(parents=True, exist_ok=True)
    named = {"landing": landing, "out": out, "start": START, "end": END}
    theirs = run_python(DUCKDB, MOVEMENTS.format(**named), READINGS.format(**named))
    ours = run_python(OURS, START, END, landing, folder / "ours")
    report("Movements and readings of the day, cleaned", ours, theirs)
