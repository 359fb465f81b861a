"""Punctuality of a whole day: our stage's transform beside DuckDB's SQL on the same Parquet of planned calls.

Some 30,000 rows: nearly all that ours costs is the start of Spark, which a task on the Connect server does not pay.
"""

from pathlib import Path

from pyarrow import parquet

from benchmarks.beside import report, run_python
from platform_local.environment import Settings
from platform_local.service_day import SERVICE_DATE
from spark_jobs.metro.params import NIGHTLY

OURS = """
import sys
from spark_jobs.common.session import spark_session
from spark_jobs.common.window import Window
from spark_jobs.metro.params import NIGHTLY
from spark_jobs.metro.punctuality import transform
calls, out, day = sys.argv[1:]
window = Window.parse(f"{day}T12:00:00+00:00", f"{day}T13:00:00+00:00")
with spark_session("bench", "nightly") as spark:
    for name, rows in zip(("daily", "quarters", "grid"), transform(spark.read.parquet(calls), window=window, params=NIGHTLY)):
        rows.coalesce(1).write.mode("overwrite").parquet(f"{out}/{name}.parquet")
"""
DUCKDB = """
import sys
import duckdb
connection = duckdb.connect()
connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
for statement in sys.argv[1:]:
    connection.execute(statement)
"""
MEASURES = """
  count(*) FILTER (counts) AS planned, count(*) FILTER (ran) AS run, count(*) FILTER (ran AND punctual) AS on_time,
  count(*) FILTER (counts AND NOT ran) AS cancelled, count(*) FILTER (status = 'NOT_OBSERVED') AS not_observed,
  round(avg(deviation_dep_s) FILTER (ran), 3) AS deviation_mean_s, median(deviation_dep_s) FILTER (ran) AS deviation_median_s,
  quantile_cont(deviation_dep_s, 0.9) FILTER (ran) AS deviation_p90_s
"""
VIEW = """
CREATE VIEW calls AS SELECT *, status IN ('RUN', 'RUN_OTHER_PLATFORM') AS ran,
  status IN ('RUN', 'RUN_OTHER_PLATFORM', 'CANCELLED', 'PART_CANCELLED') AS counts FROM read_parquet('{calls}') WHERE timepoint
"""
RULED = """
CREATE VIEW ruled AS SELECT *, deviation_dep_s BETWEEN early_s AND late_s AS punctual,
  time_bucket(INTERVAL 15 minutes, planned_departure_ts) AS slot_start
FROM calls JOIN (VALUES {rules}) AS r(otp_rule, early_s, late_s, roles) ON list_contains(roles, stop_role)
"""
GRID = """
COPY (SELECT service_date, route_id, early_s, late_s, count(*) FILTER (counts) AS planned,
  count(*) FILTER (ran AND deviation_dep_s BETWEEN early_s AND late_s) AS on_time
  FROM calls, unnest({early}) AS e(early_s), unnest({late}) AS l(late_s) GROUP BY ALL) TO '{out}/grid.parquet'
"""


def compare(settings: Settings, calls: Path) -> None:
    """Print what both sides used for the daily, quarterly and sensitivity tables."""
    out = {name: calls.parent / name for name in ("ours", "duckdb")}
    for folder in out.values():
        folder.mkdir(exist_ok=True)
    rules = ", ".join(
        f"('{rule.name}', {rule.early_s}, {rule.late_s}, {list(rule.stop_roles)})" for rule in NIGHTLY.otp_rules
    )
    keys = {"daily": "", "quarters": "slot_start, "}
    grouped = [
        f"COPY (SELECT service_date, {more}route_id, direction_id, otp_rule, {MEASURES} FROM ruled GROUP BY ALL) "
        f"TO '{out['duckdb']}/{name}.parquet'"
        for name, more in keys.items()
    ]
    limits = {"early": list(NIGHTLY.sensitivity_early_s), "late": list(NIGHTLY.sensitivity_late_s)}
    grid = GRID.format(**limits, out=out["duckdb"])
    theirs = run_python(DUCKDB, VIEW.format(calls=calls), RULED.format(rules=rules), *grouped, grid)
    environ = {**settings.environment(), "SIGNALBOX_ENGINE": "local"}
    ours = run_python(OURS, f"file://{calls}", f"file://{out['ours']}", SERVICE_DATE, environ=environ)
    for name in (*keys, "grid"):
        _require_equal(out["ours"] / f"{name}.parquet", out["duckdb"] / f"{name}.parquet")
    report("Punctuality of the day from its planned calls (both sides' counts are equal)", ours, theirs)


def _require_equal(ours: Path, theirs: Path) -> None:
    counts = [parquet.read_table(path, columns=["planned", "on_time"]).to_pandas() for path in (ours, theirs)]
    rows = [sorted(table.itertuples(index=False, name=None)) for table in counts]
    if rows[0] != rows[1]:
        raise SystemExit(f"{ours.name}: {len(rows[0])} rows of ours do not count what DuckDB's {len(rows[1])} count.")
