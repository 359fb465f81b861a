"""The headline run of inventory, and the bare kernel on the same histories in two processes beside it.

Everything is included on our side: landing files read and checked, histories, back-test, bootstrap, review, release and
export. The reference reads the histories that the run wrote, computes the same answers with the same kernel, and writes
them; its means and spreads must be ours, to the last bit.
"""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from benchmarks.beside import run_interpreter, run_python
from simulators.inventory.preset import PRESETS
from spark_jobs.inventory import batches
from spark_jobs.inventory.chain import Pool
from spark_jobs.inventory.params import for_cadence, with_overrides
from spark_jobs.inventory.solve import Pools

SIZES = (15_000, 150_000)
SEED = 1
# Every material by the bootstrap, whatever a back-test would pick.
SETTINGS = ("mode=bootstrap", "recompute=full")
WINDOW = ("--start", "2024-01-06T00:00:00+00:00", "--end", "2024-01-07T00:00:00+00:00")
PROCESSES = 2
ROWS_A_CHUNK = 2_000
# What the system this is modelled on needed (Databricks and Shell, 2017), on other and far larger hardware.
ORIGINAL = (
    "48 h on a 48-core PC, 3.97 h as a job per location and 45 min as one grouped apply on 50 nodes; "
    "their period length is not known"
)


def compare(home: Path) -> None:
    """Print what runs of both sizes used, and how the larger stands beside the bare kernel."""
    rates = {size: _measured(home / f"inventory-{size}", size) for size in SIZES}
    small, large = (rates[size] for size in SIZES)
    print(
        f"\n  apply, materials/s and core: {small:,.0f} at {SIZES[0]:,} materials, {large:,.0f} at {SIZES[1]:,} ",
        end="",
    )
    print(f"({large / small - 1:+.0%})\n  the original: {ORIGINAL}", flush=True)


def _measured(home: Path, size: int) -> float:
    """One size; returns the throughput of the apply."""
    scale = size / PRESETS["refinery_like"].materials
    landing, export = home / "landing", home / "export"
    world = ["--seed", SEED, "--scale", scale, "--landing", landing, "--truth", home / "truth"]
    run_interpreter("-m", "spark_jobs", "simulate", "inventory", *world, "--truth-materials", 1, "--months", 58)
    params = [word for setting in SETTINGS for word in ("--param", setting)]
    folders = ["--landing", landing, "--export", export]
    ours = run_interpreter("-m", "spark_jobs", "run", "inventory", "--cadence", "nightly", *WINDOW, *folders, *params)
    theirs = run_python("from benchmarks.inventory import bare; import sys; bare(*sys.argv[1:])", export)
    _require_equal(export)
    audit = parquet.read_table(export / "inv_run_audit.parquet").to_pylist()[0]
    lead_time = pc.mean(parquet.read_table(export / "inv_recommendation.parquet", columns=["lt_mean"])["lt_mean"])
    print(f"\n{audit['materials']:,} materials × 10,000 iterations, mean lead time {lead_time.as_py():.2f} months")
    for name, meter in (("Signalbox", ours), ("bare kernel", theirs)):
        print(f"  {name:<12} wall {meter.wall_s:6.1f} s   CPU {meter.cpu_s:6.1f} s   peak {meter.peak_mb:6.0f} MB")
    ratio, straggler = ours.wall_s / theirs.wall_s, audit["straggler_ratio"]
    print(f"  wall ratio to the bare kernel: {ratio:.1f}; longest task / median task {straggler:.2f}", flush=True)
    return float(audit["materials_per_s"])


# -- the reference ---------------------------------------------------------------------------------------------


def bare(export: str) -> None:
    """The same kernel without Spark: read the histories, share them out to processes, write the answers."""
    folder = Path(export)
    columns = ["location_id", "material_id", "criticality", "lead_times", "quantities", "stock_on_hand", "on_order"]
    table = parquet.read_table(folder / "histories.parquet", columns=columns)
    stock = pc.add(table["stock_on_hand"], pc.coalesce(table["on_order"], 0.0))
    table = table.append_column("stock_now", stock)
    chunks = table.to_batches(max_chunksize=ROWS_A_CHUNK)
    with ProcessPoolExecutor(PROCESSES) as processes:
        steps = pa.Table.from_batches(processes.map(_steps, chunks))
        rates = _rates(steps)
        answers = pa.Table.from_batches(processes.map(_answers, chunks, [rates] * len(chunks)))
    parquet.write_table(answers, folder.parent / "bare.parquet", compression="zstd")


def _steps(batch: pa.RecordBatch) -> pa.RecordBatch:
    return next(batches.steps([batch]))


def _rates(steps: pa.Table) -> dict[str, Pool]:
    sums = steps.group_by("class").aggregate([(name, "sum") for name in ("n0", "n01", "n1", "n11")]).to_pylist()
    return {
        row["class"]: Pool(row["n01_sum"] / row["n0_sum"], row["n11_sum"] / row["n1_sum"])
        for row in sums
        if row["n0_sum"] and row["n1_sum"]
    }


def _answers(batch: pa.RecordBatch, rates: dict[str, Pool]) -> pa.RecordBatch:
    params = with_overrides(for_cadence("nightly"), SETTINGS)
    return next(batches.answers([batch], params, Pools(rates=rates)))


def _require_equal(export: Path) -> None:
    paths = (export / "inv_recommendation.parquet", export.parent / "bare.parquet")
    order = [("location_id", "ascending"), ("material_id", "ascending")]
    means = [
        parquet.read_table(path, columns=["location_id", "material_id", "ltd_mean", "ltd_sd"])
        .sort_by(order)
        .combine_chunks()
        for path in paths
    ]
    if not means[0].equals(means[1]):
        raise SystemExit("The bare kernel's means and spreads are not those of the run.")
