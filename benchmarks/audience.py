"""The audience night at three sizes, and DuckDB on the same files beside it.

Ours is the whole `run`: landing files read and checked, state, index, history, audit, release, export. DuckDB does the same
to the rows (each event once, first and last instant by user, ordered pairs, distinct users) and writes cells as Parquet; it
does without checks, state layout, statistics and history. Both must count the same matched users in every cell. Then ours runs
one day more, which goes on from the state that is there.
"""

import json
import math
import shutil
from pathlib import Path

from pyarrow import parquet

from benchmarks.beside import report, run_interpreter, run_python
from benchmarks.meter import Meter
from simulators.audience.preset import REFERENCE

# Users; 25 events each.
SIZES = (100_000, 500_000, 2_000_000)
SEED = 1
DAYS = 30
WINDOW = ("--start", "2024-01-01T00:00:00+00:00", "--end", "2024-01-31T00:00:00+00:00")
NEXT_DAY = ("--start", "2024-01-31T00:00:00+00:00", "--end", "2024-02-01T00:00:00+00:00")
MERGING, INDEXING = ("events", "days", "udb"), ("index",)
# What the system this is modelled on has on a busy day (MediaMath and Databricks, 2017).
BUSY_DAY_EVENTS = 4_000_000_000

# Runs a pipeline as the command line does, and keeps how long each stage took.
OURS = r"""
import contextlib, io, json, re, sys
from spark_jobs.__main__ import main
class Tee(io.StringIO):
    def write(self, text):
        sys.__stdout__.write(text)
        return super().write(text)
said = Tee()
with contextlib.redirect_stdout(said):
    code = main(sys.argv[2:])
stages = {name: float(s) for name, s in re.findall(r"\] (\w+): \w+ in ([\d.]+) s", said.getvalue())}
open(sys.argv[1], "w").write(json.dumps(stages))
sys.exit(code)
"""
DUCKDB = r"""
import sys
import duckdb
landing, out = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET threads = 2; SET preserve_insertion_order = false; SET memory_limit = '6GB'")
connection.execute("SET enable_progress_bar = false")
spans = '''
  CREATE TABLE {to} AS SELECT user_id, {id} AS id, min(ts) AS first, max(ts) AS last
  FROM (SELECT any_value(trim(user_id)) AS user_id, any_value(trim({id})) AS {id}, any_value(ts) AS ts
        FROM read_parquet('{landing}/{table}/*/*.parquet', filename = true)
        GROUP BY regexp_extract(filename, '/(\d{{4}}-\d{{2}}-\d{{2}})/', 1), event_id)
  GROUP BY ALL
'''
for to, table, id in (("segments", "segment_events", "segment_id"), ("pixels", "pixel_events", "pixel_id")):
    connection.execute(spans.format(to=to, table=table, id=id, landing=landing))
live = "last >= epoch(TIMESTAMP '2024-01-31') - 30 * 86400"
connection.execute(f'''
  COPY (
    WITH live AS (SELECT s.*, d.group_id FROM segments s JOIN read_parquet('{landing}/segment_dim/*/*.parquet') d
                    ON s.id = d.segment_id AND DATE '2024-01-30' BETWEEN d.valid_from AND coalesce(d.valid_to, DATE '2024-01-30')
                  WHERE {live}),
      pairs AS (SELECT s.id AS segment_id, any_value(s.group_id) AS group_id, p.id AS pixel_id, count(*) AS n_sp
                FROM live s JOIN pixels p USING (user_id) WHERE s.first < p.first GROUP BY s.id, p.id),
      groups AS (SELECT user_id, group_id, min(first) AS first FROM live GROUP BY ALL),
      visitors AS (SELECT group_id, p.id AS pixel_id, count(*) AS n_gp
                   FROM groups g JOIN pixels p USING (user_id) WHERE g.first < p.first GROUP BY ALL)
    SELECT segment_id, pixel_id, n_sp, n_gp FROM pairs JOIN visitors USING (group_id, pixel_id)
  ) TO '{out}' (FORMAT parquet, COMPRESSION zstd)
''')
"""


def compare(home: Path, sizes: tuple[int, ...] = SIZES) -> None:
    """Print what each size used, how cost grows with users, and what a busy day would take."""
    measured = {size: _measured(home / f"audience-{size}", size) for size in sizes}
    (small, *_, large), costs = sizes, [merge_s + index_s for merge_s, index_s, _ in measured.values()]
    slope = math.log(costs[-1] / costs[0]) / math.log(large / small)
    merge_s, _, events = measured[large]
    print(f"\n  log-log slope of the stages' seconds against users, {small:,} to {large:,}: {slope:.2f} (bar: 1.1)")
    hours = BUSY_DAY_EVENTS / (events / merge_s) / 3600
    print(
        f"  a projection, not a measurement: {BUSY_DAY_EVENTS:,} events merged at this rate, {hours:.1f} h", flush=True
    )


def _measured(home: Path, users: int) -> tuple[float, float, int]:
    """One size; returns the seconds of merging and of indexing, and the events merged."""
    landing, export = home / "landing", home / "export"
    shutil.rmtree(home, ignore_errors=True)
    _simulate(home, users)
    ours, seconds = _run(home, WINDOW, export)
    theirs = run_python(DUCKDB, landing, home / "duckdb.parquet")
    _require_equal(export, home / "duckdb.parquet")
    merge_s, index_s = (sum(seconds[name] for name in names) for names in (MERGING, INDEXING))
    events = sum(_rows(export / f"{name}.parquet") for name in ("segment_adds", "pixel_visits"))
    (audit,) = parquet.read_table(export / "air_run_audit.parquet").to_pylist()
    report(f"{users:,} users, {events:,} events", ours, theirs)
    pairs = audit["ordered_pairs"] / audit["users"]
    print(f"  merged into the state: {events / merge_s:,.0f} events/s (bar: 50,000); ", end="")
    print(
        f"indexed: {audit['users'] / index_s:,.0f} users/s (bar: 15,000), {pairs:.0f} ordered pairs each; "
        f"bar of memory: 6,000 MB, of the CPU ratio: 4",
        flush=True,
    )
    _one_day_more(home, users)
    return merge_s, index_s, events


def _one_day_more(home: Path, users: int) -> None:
    """A usual night: a day's events into the state of all users, which is written anew."""
    day = NEXT_DAY[1][:10]
    adds, visits = REFERENCE.adds / DAYS, REFERENCE.visits / DAYS
    _simulate(home, users, "--first-day", day, "--days", 1, "--adds", adds, "--visits", visits)
    for dimension in ("segment_dim", "pixel_dim"):  # They hold since the first day.
        shutil.rmtree(home / "landing" / dimension / day)
    ours, seconds = _run(home, NEXT_DAY, home / "next")
    merge_s = sum(seconds[name] for name in MERGING)
    events = sum(_rows(home / "landing" / name / day) for name in ("segment_events", "pixel_events"))
    print(f"  one day more: {events:,} events merged in {merge_s:.0f} s ({events / merge_s:,.0f} events/s); ", end="")
    print(f"wall {ours.wall_s:.0f} s, CPU {ours.cpu_s:.0f} s, peak {ours.peak_mb:.0f} MB", flush=True)


def _simulate(home: Path, users: int, *more: object) -> None:
    world = ["--seed", SEED, "--scale", users / REFERENCE.users, "--noise", 0, "--landing", home / "landing", *more]
    run_interpreter("-m", "spark_jobs", "simulate", "audience", *world, "--truth", home / "truth")


def _run(home: Path, window: tuple[str, ...], export: Path) -> tuple[Meter, dict[str, float]]:
    """What a run on the size's own lake used, and the seconds of each stage."""
    stages, places = home / "stages.json", ("--landing", home / "landing", "--export", export, "--lake", home / "lake")
    ours = run_python(OURS, stages, "run", "audience", "--cadence", "nightly", *window, *places)
    return ours, json.loads(stages.read_text())


def _rows(folder: Path) -> int:
    return sum(parquet.read_metadata(path).num_rows for path in folder.glob("*.parquet"))


def _require_equal(export: Path, theirs: Path) -> None:
    cell = ["segment_id", "pixel_id"]
    index = parquet.read_table(
        export / "air_index.parquet", columns=[*cell, "matched_users", "group_users", "status"]
    ).to_pandas()
    counted = parquet.read_table(theirs).to_pandas()
    both = index[(index.matched_users > 0) & (index.status != "ungrouped")].merge(counted, on=cell, how="outer")
    if not ((both.matched_users == both.n_sp) & (both.group_users == both.n_gp)).all():
        raise SystemExit("DuckDB's counts are not those of the run.")
