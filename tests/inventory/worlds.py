"""Simulated worlds of inventory, and what they landed and planted."""

import argparse
from pathlib import Path

import pandas as pd

from simulators import inventory

KEY = ["location_id", "material_id"]
# Nothing but the true process.
CLEAN = ("--noise", "0", "--disturbances", "0")


def world(folder: Path, *extra: str, seed: int = 1, scale: float = 0.1) -> Path:
    parser = argparse.ArgumentParser()
    inventory.add_arguments(parser)
    folders = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    inventory.simulate(parser.parse_args([*folders, "--seed", str(seed), "--scale", str(scale), *extra]))
    return folder


def landed(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(next((folder / "landing" / name).glob("*/*.parquet")))


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")
