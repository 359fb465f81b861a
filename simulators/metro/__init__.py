"""Seeded simulator of the `metro` pipeline: landing files of whole service days, and the truth about them.

Run `python -m simulators.metro --seed 1 --scale 0.05 --landing DIR --truth DIR`. The same arguments give the same
bytes. Full scale is a day of about 1,560 trips, 170,000 movement events and 3,000,000 signal readings.
`score.py` scores a pipeline run against the truth; `network.py`, `plan.py`, `disruption.py`,
`dynamics.py`, `movements.py`, `noise.py` and `readings.py` hold the model, each with its figures at the top.
"""

from __future__ import annotations

import argparse
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from simulators.metro.clock import ServiceDay
from simulators.metro.day import Settings, SimulatedDay, land, simulate_day
from simulators.metro.landing import write_parquet
from simulators.metro.truth import TRUTH

__all__ = ["ServiceDay", "Settings", "SimulatedDay", "add_arguments", "land", "simulate", "simulate_day"]


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise argparse.ArgumentTypeError("needs an offset, such as 2024-03-12T07:00:00+00:00")
    return value


def _scale(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 1.0:
        raise argparse.ArgumentTypeError("must lie between 0.01 and 1.0")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `simulate metro`."""
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--scale", type=_scale, default=1.0, help="share of trips and devices, 0.01 to 1.0")
    parser.add_argument("--landing", type=Path, required=True, help="landing zone to write into")
    parser.add_argument("--truth", type=Path, required=True, help="folder for the gt_* tables")
    parser.add_argument("--date", type=date.fromisoformat, default=date(2024, 3, 12), help="first service date")
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--noise", type=float, default=1.0, help="factor on the message noise, 0 = clean")
    parser.add_argument("--no-run-numbers", action="store_true", help="no message carries a train describer")
    parser.add_argument("--upto", type=_instant, help="land only what has arrived by this instant")


def simulate(args: argparse.Namespace) -> None:
    """Write the landing files and the truth of all days asked for, and print the row counts."""
    settings = Settings(args.seed, args.scale, args.noise, not args.no_run_numbers)
    truth: dict[str, list[pa.Table]] = {name: [] for name in TRUTH}
    for offset in range(args.days):
        sim = simulate_day(settings, ServiceDay(args.date + timedelta(days=offset)))
        landed = land(sim, args.landing, args.upto)
        counts = ", ".join(f"{table} {rows:,}" for table, rows in landed.items())
        print(f"{sim.day.date}: {sum(1 for r in sim.runs if r.arrival):,} runs; {counts}")
        for name, build in TRUTH.items():
            truth[name].append(build(sim))
    for name, tables in truth.items():
        write_parquet(pa.concat_tables(tables), args.truth / f"{name}.parquet")
