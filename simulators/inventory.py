"""Seeded simulator of the `inventory` pipeline: monthly demand of spare parts, and the processes behind it.

Run `python -m spark_jobs simulate inventory --seed 1 --scale 0.1 --landing DIR --truth DIR`. The same arguments give the
same bytes. The preset is shaped on a public profile of a refinery's parts: at scale 1, 7,024 materials over 55 months, of
which 5,992 intermittent, 541 lumpy and 491 never issued; the profile knows no location, so materials are dealt out to
``--locations`` with shares that fall as 1/rank (Zipf).
"""

import argparse
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MATERIALS = 7024
MONTHS = 55
FIRST_MONTH = date(2019, 6, 1)
KINDS = ("intermittent", "lumpy", "never")
KIND_SHARES = np.array([5992, 541, 491]) / MATERIALS
CRITICALITIES = ("H", "M", "L", None)
CRITICALITY_SHARES = np.array([1286, 3921, 443, 1374]) / MATERIALS
# Months without demand are followed by one with it rarely; one with demand, somewhat more often.
P01_RANGE = (0.02, 0.25)
P11_ABOVE_P01 = (0.0, 0.3)
# Lead times: gamma with this mean and shape, in months; 494 days at most.
LEAD_TIME_MEAN_MONTHS, LEAD_TIME_SHAPE, LEAD_TIME_MOST_MONTHS = 2.6, 2.0, 16.2
NEGATIVE_SHARE = 0.005


@dataclass(frozen=True)
class World:
    """One row a material; ``quantities``: units, shape (materials, months), before noise.

    Sizes are 1 + negative binomial (``dispersion``, mean ``size_mean`` - 1); steady where intermittent, wild where lumpy.
    """

    kind: np.ndarray
    location: np.ndarray
    criticality: np.ndarray
    p01: np.ndarray
    p11: np.ndarray
    size_mean: np.ndarray
    dispersion: np.ndarray
    lead_time_months: np.ndarray
    price: np.ndarray
    quantities: np.ndarray

    @property
    def material_ids(self) -> list[str]:
        return [f"M{n:06d}" for n in range(len(self.kind))]

    @property
    def location_ids(self) -> list[str]:
        return [f"L{n:02d}" for n in self.location]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate inventory`."""
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scale", type=_scale, default=1.0, help="share of the 7,024 materials, 0.001 to 25")
    parser.add_argument("--landing", type=Path, required=True, help="landing zone to write into")
    parser.add_argument("--truth", type=Path, required=True, help="folder for gt_materials.parquet")
    parser.add_argument("--locations", type=int, default=50, help="stocking locations")
    parser.add_argument("--noise", type=float, default=1.0, help="factor on the share of negative months, 0 = clean")


def simulate(args: argparse.Namespace) -> None:
    """Write the landing files and the truth, and print the row counts."""
    rng = np.random.default_rng(args.seed)
    world = simulate_world(rng, max(1, round(MATERIALS * args.scale)), args.locations)
    tables = {"material_master": master(world), "monthly_demand": demand(world, rng, NEGATIVE_SHARE * args.noise)}
    arrived = _months()[-1] + np.timedelta64(1, "M")
    for name, rows in tables.items():
        _land(rows, args.landing / name / f"{arrived}-01" / "refinery_like.parquet")
    (args.landing / "landing.json").write_text(json.dumps({"tables": sorted(tables)}, indent=2) + "\n")
    args.truth.mkdir(parents=True, exist_ok=True)
    pq.write_table(truth(world), args.truth / "gt_materials.parquet", compression="zstd")
    print(", ".join(f"{name} {rows.num_rows:,}" for name, rows in tables.items()))


def simulate_world(rng: np.random.Generator, materials: int, locations: int) -> World:
    """Draw every material's process and let it run."""
    kind = rng.choice(len(KINDS), materials, p=KIND_SHARES)
    lumpy, never = kind == KINDS.index("lumpy"), kind == KINDS.index("never")
    p01 = np.where(never, 0.0, rng.uniform(*P01_RANGE, materials))
    p11 = np.where(never, 0.0, p01 + rng.uniform(*P11_ABOVE_P01, materials))
    size_mean = 1.0 + rng.lognormal(np.where(lumpy, 1.5, 0.0), 0.8, materials)
    dispersion = np.where(lumpy, 0.5, 8.0)
    ranks = 1.0 / np.arange(1, locations + 1)
    lead_time = rng.gamma(LEAD_TIME_SHAPE, LEAD_TIME_MEAN_MONTHS / LEAD_TIME_SHAPE, materials)
    return World(
        kind=kind,
        location=rng.choice(locations, materials, p=ranks / ranks.sum()),
        criticality=rng.choice(len(CRITICALITIES), materials, p=CRITICALITY_SHARES),
        p01=p01,
        p11=p11,
        size_mean=size_mean,
        dispersion=dispersion,
        lead_time_months=np.minimum(lead_time, LEAD_TIME_MOST_MONTHS).round(1),
        price=rng.lognormal(5.0, 1.5, materials).round(2),
        quantities=_run(rng, p01, p11, size_mean, dispersion),
    )


def _run(
    rng: np.random.Generator, p01: np.ndarray, p11: np.ndarray, size_mean: np.ndarray, dispersion: np.ndarray
) -> np.ndarray:
    """Months of the chain from its stationary state, with a size in each month of demand."""
    chance = dispersion / (dispersion + size_mean - 1.0)
    active = rng.random(len(p01)) < p01 / (1.0 - p11 + p01)
    quantities = np.zeros((len(p01), MONTHS))
    for month in range(MONTHS):
        active = rng.random(len(p01)) < np.where(active, p11, p01)
        sizes = 1 + rng.negative_binomial(dispersion, chance)
        quantities[:, month] = np.where(active, sizes, 0)
    return quantities


def master(world: World) -> pa.Table:
    """Rows of material_master."""
    return pa.table(
        {
            "location_id": world.location_ids,
            "material_id": world.material_ids,
            "lead_time_months": world.lead_time_months,
            "price": world.price,
            "criticality": pa.array([CRITICALITIES[code] for code in world.criticality], pa.string()),
        }
    )


def demand(world: World, rng: np.random.Generator, negative_share: float) -> pa.Table:
    """Rows of monthly_demand; a few cells have become negative, as corrections booked in the wrong month do."""
    materials, months = world.quantities.shape
    broken = rng.random(world.quantities.shape) < negative_share
    cells = np.where(broken, -1.0 - world.quantities, world.quantities)
    return pa.table(
        {
            "location_id": pa.array(world.location_ids).take(pa.array(np.repeat(np.arange(materials), months))),
            "material_id": pa.array(world.material_ids).take(pa.array(np.repeat(np.arange(materials), months))),
            "month": pa.array(np.tile(_months().astype("datetime64[D]"), materials)),
            "qty": cells.ravel(),
        }
    )


def truth(world: World) -> pa.Table:
    """The process of each material: what a perfect method would know."""
    return pa.table(
        {
            "location_id": world.location_ids,
            "material_id": world.material_ids,
            "kind": [KINDS[code] for code in world.kind],
            "p01": world.p01,
            "p11": world.p11,
            "size_mean": world.size_mean,
            "size_dispersion": world.dispersion,
            "last_state": (world.quantities[:, -1] > 0).astype(np.int64),
        }
    )


def _months() -> np.ndarray:
    return np.datetime64(FIRST_MONTH, "M") + np.arange(MONTHS)


def _scale(text: str) -> float:
    value = float(text)
    if not 0.001 <= value <= 25.0:
        raise argparse.ArgumentTypeError("must lie between 0.001 and 25")
    return value


def _land(rows: pa.Table, path: Path) -> None:
    """One file with its manifest, so that a reader knows it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, compression="zstd", store_schema=False)
    manifest = {"rows": rows.num_rows, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "time_zone": "UTC"}
    path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
