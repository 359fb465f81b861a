"""Seeded simulator of the `inventory` pipeline: five landing tables of spare parts, and the processes behind them.

Run `python -m spark_jobs simulate inventory --seed 1 --scale 0.1 --landing DIR --truth DIR`. The same arguments give the
same bytes. Presets are shaped on public profiles. ``refinery_like``: at scale 1, 7,024 materials over 55 months, of which
5,992 intermittent, 541 lumpy and 491 never issued; the profile knows no location, so materials are dealt out to 50 with
shares that fall as 1/rank. ``raf_like``: 5,000 items over 84 months at one location, 2,597 intermittent and 2,403 lumpy,
lead times of up to 33 months there and cut off at the contract's 24 here. Shares are drawn, not counted out.

With ``--noise 0 --disturbances 0`` demand is the stationary chain and nothing else. `truth.py` names the tables of the truth.
"""

import argparse
from pathlib import Path

import pyarrow.parquet as pq

from expectations.inventory import LANDING
from expectations.manifest import list_tables
from simulators import within
from simulators.inventory import truth
from simulators.inventory.bom import bill
from simulators.inventory.demand import monthly_demand
from simulators.inventory.landing import land
from simulators.inventory.lead_time import receipts
from simulators.inventory.master import master
from simulators.inventory.movements import movements
from simulators.inventory.preset import LAST_MONTH, PRESETS, REFINERY_LIKE, Settings
from simulators.inventory.quantiles import quantiles
from simulators.inventory.world import simulate_world

__all__ = ["add_arguments", "simulate"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate inventory`."""
    factor, share = within(0.0, 100.0, float), within(0.0, 1.0, float)
    add = parser.add_argument
    add("--seed", type=int, required=True, help="the same seed and options give the same bytes")
    scale = within(0.001, 25.0, float)
    add("--scale", type=scale, default=1.0, help="share of the preset's materials, 0.001 to 25 (default 1)")
    add("--landing", type=Path, required=True, help="landing zone to write into")
    add("--truth", type=Path, required=True, help="folder for the gt_* tables")
    preset = "profile that the world is shaped on (default refinery_like)"
    add("--preset", choices=sorted(PRESETS), default=REFINERY_LIKE.name, help=preset)
    locations = "stocking locations, _ if 1 (default: the preset's)"
    add("--locations", type=within(1, 1000, int), help=locations)
    add("--months", type=within(6, 600, int), help=f"months up to {LAST_MONTH} (default: the preset's)")
    add("--noise", type=factor, default=1.0, help="factor on the shares of spoilt rows, 0 = clean (default 1)")
    raw_share = "share of materials that land as movements instead of months (default 0.05)"
    add("--raw-share", type=share, default=0.05, help=raw_share)
    disturbances = "factor on shutdowns and obsolescence, above 0 with one lost month, 0 = none (default 1)"
    add("--disturbances", type=factor, default=1.0, help=disturbances)
    exactly = "materials, the first ones, whose true lead-time demand is computed (default 500)"
    add("--truth-materials", type=within(0, 1_000_000, int), default=500, help=exactly)


def simulate(args: argparse.Namespace) -> None:
    """Write the landing files and the truth, and print the row counts."""
    preset = PRESETS[args.preset]
    settings = Settings(
        seed=args.seed,
        preset=preset,
        materials=max(1, round(preset.materials * args.scale)),
        months=args.months or preset.months,
        locations=args.locations or preset.locations,
        noise=args.noise,
        disturbances=args.disturbances,
        raw_share=args.raw_share,
    )
    world = simulate_world(settings)
    bills, installed = bill(world)
    masters, of_master = master(world, installed)
    months, of_months = monthly_demand(world)
    moved, of_movements = movements(world)
    orders = receipts(settings, world.lead_times, world.location_ids, world.material_ids)
    batches = {
        "material_master": [masters], "monthly_demand": months, "movements": [moved], "lead_times": [orders],
        "bom": [bills],
    }  # fmt: skip
    place = Path(f"{LAST_MONTH + 1}-01") / f"{preset.name}.parquet"
    counts = {table.name: land(table, batches[table.name], args.landing / table.name / place) for table in LANDING}
    list_tables(args.landing, counts, of=counts)
    args.truth.mkdir(parents=True, exist_ok=True)
    tables = {
        "gt_materials": truth.materials(world),
        "gt_months": truth.months(world),
        "gt_planted": truth.planted(world, [*of_master, *of_months, *of_movements]),
        "gt_quantiles": quantiles(world, args.truth_materials),
    }
    for name, rows in tables.items():
        pq.write_table(rows, args.truth / f"{name}.parquet", compression="zstd")
        print(f"wrote {name}: {rows.num_rows:,} rows", flush=True)
    print(", ".join(f"{name} {rows:,}" for name, rows in counts.items()))
