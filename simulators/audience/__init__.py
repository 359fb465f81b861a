"""Seeded simulator of the `audience` pipeline: segment adds and pixel visits of a day, their dimensions, and the truth.

Run `python -m spark_jobs simulate audience --seed 1 --scale 0.1 --landing DIR --truth DIR`. The same arguments give the same
bytes. Presets: ``reference`` is the world of the reference times, 12.5 M events of 500,000 users at scale 1; ``small`` has
fewer segments, groups and pixels, so that 20,000 users already fill its cells.

Files lie in the folder of the UTC day on which they arrived, the dimensions in that of the first day. `model.py` says how
events come about, `noise.py` what goes wrong with them (``--noise 0``: nothing), `truth.py` names the tables of the truth.
"""

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from expectations.audience import LANDING
from expectations.manifest import list_tables
from simulators import within
from simulators.audience.batch import ADDS, VISITS, draw_batch, landed_rows, planted_ids, planted_rows
from simulators.audience.dims import pixel_dim, segment_dim
from simulators.audience.events import Sampler
from simulators.audience.landing import Landing, land_whole
from simulators.audience.model import Model, draw_model
from simulators.audience.preset import FIRST_DAY, ITEMS_MOST, PRESETS, REFERENCE, Settings
from simulators.audience.truth import write_truth

__all__ = ["add_arguments", "simulate"]

TABLES = {table.name: table for table in LANDING}
PICKED = {ADDS: ("segment_id", "op", "source"), VISITS: ("pixel_id", "advertiser_id")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate audience`."""
    add = parser.add_argument
    add("--seed", type=int, required=True, help="the same seed and options give the same bytes")
    scale = "factor on the preset's users, 0.001 to 100 (default 1)"
    add("--scale", type=within(0.001, 100.0, float), default=1.0, help=scale)
    add("--landing", type=Path, required=True, help="landing zone to write into")
    add("--truth", type=Path, required=True, help="folder for the gt_* tables")
    preset = f"size that the world has (default {REFERENCE.name})"
    add("--preset", choices=sorted(PRESETS), default=REFERENCE.name, help=preset)
    add("--users", type=within(1, 100_000_000, int), help="users (default: the preset's times --scale)")
    for noun, most in (("segments", ITEMS_MOST), ("groups", ITEMS_MOST), ("pixels", ITEMS_MOST), ("days", 120)):
        add(f"--{noun}", type=within(1, most, int), help=f"{noun}, 1 to {most:,} (default: the preset's)")
    for noun in ("adds", "visits"):
        means = f"{noun} a user in the whole run, on average (default: the preset's)"
        add(f"--{noun}", type=within(0.01, 200.0, float), help=means)
    add("--first-day", type=date.fromisoformat, default=FIRST_DAY, help=f"YYYY-MM-DD (default {FIRST_DAY})")
    noise = "factor on the shares of what goes wrong, 0 = nothing (default 1)"
    add("--noise", type=within(0.0, 100.0, float), default=1.0, help=noise)


def simulate(args: argparse.Namespace) -> None:
    """Write the landing files and the truth, and print the row counts."""
    preset = PRESETS[args.preset]
    settings = Settings(
        seed=args.seed,
        users=args.users or max(1, round(preset.users * args.scale)),
        segments=args.segments or preset.segments,
        groups=args.groups or preset.groups,
        pixels=args.pixels or preset.pixels,
        days=args.days or preset.days,
        adds=args.adds or preset.adds,
        visits=args.visits or preset.visits,
        first_day=args.first_day,
        noise=args.noise,
    )
    model = draw_model(settings)
    args.landing.mkdir(parents=True, exist_ok=True)
    segments, moved = segment_dim(model)
    counts = {
        "segment_dim": land_whole(TABLES["segment_dim"], segments, args.landing, settings.calendar[0]),
        "pixel_dim": land_whole(TABLES["pixel_dim"], pixel_dim(model), args.landing, settings.calendar[0]),
    }
    landed, planted = land_events(model, args.landing)
    counts |= landed
    list_tables(args.landing, counts, of=counts)
    planted.append(planted_ids("segment_dim", "moved", moved))
    for name, rows in write_truth(model, planted, args.landing, args.truth).items():
        print(f"wrote {name}: {rows:,} rows", flush=True)
    print(", ".join(f"{name} {rows:,}" for name, rows in counts.items()))


def land_events(model: Model, landing: Path) -> tuple[dict[str, int], list[pa.Table]]:
    """Write adds and visits batch by batch; the rows landed by table, and what was planted."""
    settings, sampler, planted = model.settings, Sampler(model), []
    files = {name: Landing(TABLES[name], landing, settings.calendar, PICKED[name]) for name in (ADDS, VISITS)}
    for part, users in enumerate(settings.batches):
        batch = draw_batch(sampler, part, users)
        for name, events in batch.tables.items():
            bounds = np.searchsorted(events.arrived, np.arange(settings.days + 1))
            files[name].write(landed_rows(model, name, part, users, events), bounds)
        planted.append(planted_rows(batch, part, users))
    return {name: file.close() for name, file in files.items()}, planted
