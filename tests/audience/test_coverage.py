"""The 95 % intervals of the index against the true index that the generator's probabilities imply."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from spark_jobs.audience.statistics import judged
from tests.audience.steps import simulated

COUNTS = {"n_sp": "matched_users", "n_sp_unordered": "matched_any_order", "n_gp": "group_users"}
TOTALS = {"n_s": "segment_users", "n_g": "group_total"}


def intervals(folder: Path, seed: int) -> pd.DataFrame:
    """Cells of a world of 20,000 users, counted by plain sets, with our intervals and the true index."""
    simulated(folder, "--seed", str(seed), "--preset", "small", "--noise", "0")
    counts = pd.read_parquet(folder / "truth" / "gt_counts.parquet").rename(columns=COUNTS | TOTALS)
    told = judged(pa.Table.from_pandas(counts.assign(refused=False), preserve_index=False), 5.0, 50).to_pandas()
    true = pd.read_parquet(folder / "truth" / "gt_lift.parquet")
    return told.merge(true, on=["segment_id", "pixel_id"]).dropna(subset=["ci_low", "true_index"])


@pytest.mark.parametrize("seed", [1, 2])
def test_intervals_cover_the_true_index_in_93_to_97_of_100_cells(tmp_path: Path, seed: int) -> None:
    cells = intervals(tmp_path, seed)
    cells = cells[(cells.expected >= 5) & (cells.group_users >= 50) & (cells.group_users <= 0.1 * cells.group_total)]
    covered = (cells.ci_low <= cells.true_index) & (cells.true_index <= cells.ci_high)
    print(f"seed {seed}: {len(cells):,} cells, {covered.mean():.1%} covered")
    assert len(cells) > 500 and 0.93 <= covered.mean() <= 0.97
