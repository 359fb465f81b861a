"""Publishing by swap while twenty readers read: how long they wait, and whether any of them fails.

First swap after swap; then one swap that finds the mart held by somebody's long transaction. The loader and each reader are
processes of their own, on a PostgreSQL of their own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from expectations.contract import Column, Table, whole
from platform_local.environment import ROOT
from spark_jobs.common.local_run import private_lake

READERS = 20
MINUTE_BAR, HELD_BAR = "max 1,000 ms", "p99 2,500 ms"
PAUSE_S = 0.005
SLUG = "bench"
# What a dashboard asks: the best of one advertiser, by the index; every fourth reader counts the whole mart.
QUERIES = (
    "SELECT run_id, audience_index FROM {slug}.air_index WHERE advertiser_id = 'a{place}' ORDER BY audience_index DESC LIMIT 50",
    "SELECT run_id, audience_index FROM {slug}.air_index_current WHERE advertiser_id = 'a{place}' LIMIT 50",
    "SELECT run_id, count(*) FROM {slug}.best WHERE advertiser_id = 'a{place}' GROUP BY 1",
    "SELECT run_id, count(*) FROM {slug}.air_index GROUP BY 1",
)


def compare(seconds: float, hold_s: float, rows: int) -> None:
    """Print what the readers met in both parts; the benchmark ends with an error when one of them failed."""
    print(f"\nPublishing {rows:,} rows by swap, {READERS} readers")
    with private_lake(None) as home:
        board = _Board(rows)
        with _readers(home) as readers:
            began, swaps = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                board.publish()
                swaps += 1
        _report(f"{swaps} swaps in {time.monotonic() - began:.0f} s", readers.results(), board.newest, MINUTE_BAR)
        with _readers(home) as readers:
            waited = board.publish_while_held(hold_s)
        _report(
            f"held for {hold_s:.0f} s, swapped {waited:.1f} s after the first try",
            readers.results(),
            board.newest,
            HELD_BAR,
        )


class _Board:
    """A mart of the shape of an audience index, and its releases."""

    def __init__(self, rows: int) -> None:
        from spark_jobs.common.ledger import Ledger
        from spark_jobs.common.mart import Mart, Swap

        columns = (
            Column("ds", "date", "day"),
            Column("advertiser_id", "string", "who advertises"),
            Column("pixel_id", "string", "which site"),
            Column("segment_id", "string", "which segment"),
            Column("matched_users", "bigint", "of both"),
            Column("audience_index", "double", "100 is as in the reference group"),
        )
        table = Table(SLUG, "air_index", "Indexes.", ("pixel_id", "segment_id"), columns, whole())
        index = ("advertiser_id", "pixel_id", "audience_index")
        swap = Swap(log="publish_log", index=index, watched="audience_index")
        self._mart, self._swap, self._rows = Mart("air_index", table, day="ds", swap=swap), swap, rows
        self._ledger, self.newest = Ledger.from_environment(), 0
        self._ledger.migrate()
        self.publish()
        self._sql(f"CREATE VIEW {SLUG}.best AS SELECT * FROM {SLUG}.air_index_current WHERE audience_index > 150")

    def publish(self) -> None:
        self._release(self._stage())

    def publish_while_held(self, seconds: float) -> float:
        """Another session's transaction reads the mart and goes on; returns how long the swap took from its first try."""
        from spark_jobs.common.serve import marts_uri

        staged = self._stage()
        holder = psycopg2.connect(marts_uri())
        holder.cursor().execute(f"SELECT count(*) FROM {SLUG}.air_index")
        threading.Timer(seconds, holder.commit).start()
        began = time.monotonic()
        self._release(staged)
        return time.monotonic() - began

    def _stage(self) -> Any:
        from datetime import UTC, datetime, timedelta

        from spark_jobs.common.ledger import Release
        from spark_jobs.common.serve import marts_uri
        from spark_jobs.common.staging import stage
        from spark_jobs.common.window import Window

        self.newest += 1
        day = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=self.newest)
        window = Window(day, day + timedelta(days=1))
        run = self._ledger.open_run(SLUG, "nightly", f"{SLUG}/{self.newest}", None, window)
        attempt = self._ledger.begin(run, "serve")
        release = Release(self.newest, SLUG, "settled", run.run_key, window, {}, day)
        staged = stage(marts_uri(), attempt, self._mart, self._swap, release, self._batches(day), self._rows, "")
        return attempt, release, staged

    def _release(self, work: Any) -> None:
        from spark_jobs.common.serve import marts_uri, publish

        attempt, release, staged = work
        publish(marts_uri(), attempt, release, [], [staged])
        self._ledger.close_run(release.run_key)

    def _batches(self, day: Any) -> Iterator[Any]:
        import numpy as np
        import pyarrow as pa

        for start in range(0, self._rows, 100_000):
            number = np.arange(start, min(start + 100_000, self._rows))
            yield pa.table(
                {
                    "ds": pa.array([day.date()] * len(number), pa.date32()),
                    "advertiser_id": [f"a{n % 40}" for n in number],
                    "pixel_id": [f"p{n % 400}" for n in number],
                    "segment_id": [f"s{n // 400}" for n in number],
                    "matched_users": number,
                    "audience_index": 50.0 + (number * 7919 + self.newest) % 1000 / 5,
                }
            )

    def _sql(self, statement: str) -> None:
        from spark_jobs.common.serve import marts_uri

        connection = psycopg2.connect(marts_uri())
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


class _Readers:
    """Processes that read until they are told to stop by the end of their input."""

    def __init__(self, home: Path) -> None:
        from platform_local.postgres import Cluster

        url = Cluster(home / "postgres").url("marts", "bi").replace("+psycopg2", "")
        # The password goes by the environment: a command line is for everyone.
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.publish", str(place)],
                cwd=ROOT,
                env={**os.environ, "BENCH_READER_URL": url},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for place in range(READERS)
        ]
        for process in self._processes:
            assert process.stdout is not None and process.stdout.readline().strip() == "reading"
        self._results: list[dict[str, Any]] = []

    def stop(self) -> None:
        for process in self._processes:
            out, _ = process.communicate("")
            self._results.append(json.loads(out))

    def results(self) -> list[dict[str, Any]]:
        return self._results


@contextmanager
def _readers(home: Path) -> Iterator[_Readers]:
    readers = _Readers(home)
    try:
        yield readers
        time.sleep(1)
    finally:
        readers.stop()


def _report(what: str, results: list[dict[str, Any]], newest: int, bar: str) -> None:
    waits = sorted(wait for result in results for wait in result["waits_s"])
    errors = [error for result in results for error in result["errors"]]
    mixed = sum(result["mixed"] for result in results)
    behind = sum(result["last"] != f"{SLUG}/{newest}" for result in results)
    p50, p99 = waits[len(waits) // 2], waits[math.ceil(0.99 * len(waits)) - 1]
    print(
        f"  {what}: {len(waits):,} reads, {len(errors)} errors, {mixed} of more than one run, {behind} readers behind"
    )
    print(
        f"    read p50 {1e3 * p50:.0f} ms, p99 {1e3 * p99:.0f} ms, max {1e3 * waits[-1]:.0f} ms (bar: {bar})",
        flush=True,
    )
    if errors or mixed or behind:
        raise SystemExit(f"A reader failed: {errors[:3]}")


def _read(place: int) -> None:
    """One reader: its waits, its errors and how many reads saw more than one run."""
    query = QUERIES[place % len(QUERIES)].format(slug=SLUG, place=place)
    told, waits, errors, mixed, last = threading.Event(), [], [], 0, ""
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    connection = psycopg2.connect(os.environ["BENCH_READER_URL"])
    connection.autocommit = True
    print("reading", flush=True)
    with connection.cursor() as cursor:
        while not told.is_set():
            began = time.monotonic()
            try:
                cursor.execute(query)
                runs = {row[0] for row in cursor.fetchall()}
                mixed += len(runs) != 1
                last = max(runs, default="")
            except psycopg2.Error as error:
                errors.append(str(error))
            waits.append(time.monotonic() - began)
            time.sleep(PAUSE_S)
    print(json.dumps({"waits_s": waits, "errors": errors, "mixed": mixed, "last": last}))


if __name__ == "__main__":
    _read(int(sys.argv[1]))
