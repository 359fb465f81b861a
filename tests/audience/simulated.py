"""A simulated world of audience as test data, and its landed rows."""

import argparse
from datetime import date
from pathlib import Path

import pandas as pd

from simulators import audience

FIRST = date(2024, 1, 1)
START, DAY_S = 1_704_067_200, 86_400


def world(folder: Path, *extra: str, seed: int = 1, users: int = 2_000) -> Path:
    """Simulate the small preset into ``folder``/landing and ``folder``/truth."""
    parser = argparse.ArgumentParser()
    audience.add_arguments(parser)
    folders = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    audience.simulate(
        parser.parse_args([*folders, "--seed", str(seed), "--preset", "small", "--users", str(users), *extra])
    )
    return folder


def landed(folder: Path, name: str) -> pd.DataFrame:
    """Rows of a landing table with ``arrived``, the index of the day of their folder."""
    paths = sorted((folder / "landing" / name).glob("*/*.parquet"))
    days = [(date.fromisoformat(path.parent.name) - FIRST).days for path in paths]
    parts = [pd.read_parquet(path).assign(arrived=day) for path, day in zip(paths, days, strict=True)]
    return pd.concat(parts, ignore_index=True)


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")


def planted(folder: Path, kind: str, name: str) -> pd.DataFrame:
    """Landed rows of a table that were planted in one way."""
    rows = truth(folder, "gt_planted")
    ids = rows[(rows.kind == kind) & (rows.table == name)].event_id
    found = landed(folder, name)
    return found[found.event_id.isin(ids)]
