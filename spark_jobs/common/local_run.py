"""``run``: one window of a pipeline without Airflow, in a private lake: stages, checkpoints, release and export."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_local import class_data, jars, java
from platform_local.postgres import Cluster
from spark_jobs.common import pipelines
from spark_jobs.common.build import build
from spark_jobs.common.lake import Lake
from spark_jobs.common.landing import Landing
from spark_jobs.common.ledger import Ledger, Release, Run
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.release import release
from spark_jobs.common.s3 import on_s3
from spark_jobs.common.session import spark_session
from spark_jobs.common.spark_conf import sized_for
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    meaning = "run a pipeline's stages and checkpoints on one window, without Airflow, and export what it published"
    parser = commands.add_parser(
        "run", help=meaning, description=f"{meaning}. Exit status: 0 published, 3 blocked by a checkpoint, 1 error."
    )
    parser.add_argument("slug", help="the pipeline, e.g. metro")
    parser.add_argument("--cadence", choices=("live", "nightly"), required=True)
    parser.add_argument("--start", required=True, help="start of the window, ISO time with offset")
    parser.add_argument("--end", required=True, help="end of the window (not in it), ISO time with offset")
    parser.add_argument("--landing", required=True, help="folder with the landing files, or s3://bucket/prefix")
    parser.add_argument(
        "--export", type=Path, required=True, help="folder for the published tables, one <table>.parquet each"
    )
    parser.add_argument(
        "--lake",
        type=Path,
        help="private lake to use and keep (its tables in S3 where SIGNALBOX_WAREHOUSE is an s3:// URL); "
        "default: a fresh one, removed at the end",
    )
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="override a parameter of the pipeline"
    )
    parser.set_defaults(handler=run_locally)


def run_locally(args: argparse.Namespace) -> None:
    """Raises ``Blocked`` with the rule's sentence when a checkpoint does not pass."""
    window = Window.parse(args.start, args.end)
    params = pipelines.params(args.slug, args.cadence, args.param)
    with private_lake(args.lake) as home:
        landing = Landing(args.landing, home / "staging")
        for name, value in sized_for(landing.size(), args.cadence, os.environ).items():
            os.environ.setdefault(name, value)
        ledger = Ledger.from_environment()
        ledger.migrate()
        windows = [window]
        if pipelines.carries_state(args.slug):
            windows, params = windows_of_state(ledger, args.slug, window, params)
        with spark_session(f"{args.slug}.run", args.cadence) as spark:
            for part in windows:
                key = f"local/{args.slug}/{args.cadence}/{part.start:%Y%m%dT%H%M%S}/{time.time_ns()}"
                run = ledger.open_run(args.slug, args.cadence, key, None, part)
                try:
                    released = _run_window(spark, ledger, landing, run, params)
                finally:
                    ledger.close_run(run.run_key)
            _export(spark, released, run, args.export)


def windows_of_state(ledger: Ledger, slug: str, window: Window, params: Any) -> tuple[list[Window], Any]:
    """Several days in one pass where a state begins, or began before, and one after the other where it goes on."""
    released = [release.window for release in ledger.releases(slug, "settled")]
    goes_on = any(known.end == window.start for known in released)
    began_here = any(known.start == window.start for known in released) and not goes_on
    if not params.state_from and (not released or began_here):
        params = replace(params, state_from=window.start.date().isoformat())
    return [window] if window.starts_on(params.state_from) else window.by_day(), params


def _run_window(spark: "SparkSession", ledger: Ledger, landing: Landing, run: Run, params: Any) -> Release:
    names = pipelines.pipeline(run.pipeline).STAGES
    print(f"{run.pipeline} {run.window}", flush=True)
    for position, name in enumerate(names, 1):
        _pass_stage(spark, ledger, landing, run, name, params, f"[{position}/{len(names)}]")
    return release(spark, ledger, run, names, pipelines.contracts(run.pipeline))


def _pass_stage(
    spark: "SparkSession", ledger: Ledger, landing: Landing, run: Run, name: str, params: Any, place: str
) -> None:
    began = time.monotonic()
    receipt = build(spark, ledger, landing, pipelines.stage(run.pipeline, name), run, params)
    verdict = ledger.checkpoint(run.run_key, name)
    rows = ", ".join(
        f"{table.rsplit('.', 1)[1]} {entry['rows']:,}" for table, entry in receipt.document["tables"].items()
    )
    print(f"{place} {name}: {verdict.status} in {time.monotonic() - began:.1f} s ({rows})", flush=True)
    if verdict.status != "pass":
        print(f"      {verdict.sentence}", flush=True)
    if not verdict.passed:
        raise Blocked(verdict.sentence)


def _export(spark: "SparkSession", released: Release, run: Run, folder: Path) -> None:
    """Each published table as the folder ``<contract name>.parquet``, written by all cores."""
    folder.mkdir(parents=True, exist_ok=True)
    lake = Lake(spark)
    for name, snapshot in sorted(released.snapshots.items()):
        contract = name.rsplit(".", 1)[1].removesuffix("_live" if run.tier == "live" else "")
        target = folder / f"{contract}.parquet"
        began = time.monotonic()
        lake.read(name, snapshot).write.mode("overwrite").parquet(f"file://{target.resolve()}")
        print(f"      {target.name} written in {time.monotonic() - began:.1f} s", flush=True)
    print(f"Published {len(released.snapshots)} tables of {run.window} to {folder}", flush=True)


@contextmanager
def private_lake(folder: Path | None) -> Iterator[Path]:
    """A lake of its own: PostgreSQL cluster, warehouse, settings in the environment. A fresh one is removed at the end."""
    home = folder.resolve() if folder else Path(tempfile.mkdtemp(prefix="signalbox-lake-"))
    home.mkdir(parents=True, exist_ok=True)
    # The cluster's own folder is closed to others; PostgreSQL's user must be able to walk to it.
    home.chmod(0o755)
    cluster = Cluster(home / "postgres", throw_away=folder is None)
    before = dict(os.environ)
    try:
        cluster.start()
        os.environ.update(_settings(home, cluster, kept=folder is not None))
        yield home
    finally:
        os.environ.clear()
        os.environ.update(before)
        cluster.stop()
        if folder is None:
            cluster.remove()
            shutil.rmtree(home, ignore_errors=True)


def _warehouse(home: Path, kept: bool) -> str:
    """Files below ``home``; or, of a lake that is kept, a place of its own below a warehouse in S3 that others may share."""
    shared = os.environ.get("SIGNALBOX_WAREHOUSE", "")
    return f"{shared.rstrip('/')}/{home.name}" if kept and on_s3(shared) else f"file://{home / 'warehouse'}"


def _settings(home: Path, cluster: Cluster, kept: bool) -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    shared = Path(os.environ.get("SIGNALBOX_HOME", root / "var"))
    warehouse = {"SIGNALBOX_WAREHOUSE": _warehouse(home, kept)}
    java_home, files = java.java_home(shared), jars.ensure(shared, {**os.environ, **warehouse})
    return {
        "SIGNALBOX_ENGINE": "local",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SIGNALBOX_CATALOG_URI": cluster.jdbc_url("catalog"),
        "SIGNALBOX_CATALOG_USER": "catalog",
        "SIGNALBOX_CATALOG_PASSWORD": cluster.password("catalog"),
        "SIGNALBOX_LEDGER_URL": cluster.url("ledger"),
        "SIGNALBOX_MARTS_URL": cluster.url("marts"),
        **warehouse,
        **class_data.ensure(java_home, files),
        "SIGNALBOX_JARS": ",".join(map(str, files)),
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON") or sys.executable,
        "PYTHONPATH": os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
