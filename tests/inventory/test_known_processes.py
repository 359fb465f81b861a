"""The back-test on demand of known processes: what is picked by some materials serves others as well as it promised."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from expectations.inventory import inv_backtest
from simulators import inventory
from spark_jobs.inventory import backtest
from spark_jobs.inventory.hindsight import judged
from spark_jobs.inventory.lead_time import DAYS_PER_MONTH
from spark_jobs.inventory.params import InventoryParams
from spark_jobs.inventory.solve import Material, Pools
from tests.frames import frame
from tests.inventory.parts import NIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.heavy]
KEY = ["location_id", "material_id"]


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stationary chains and nothing else, all by month."""
    folder = tmp_path_factory.mktemp("known")
    parser = argparse.ArgumentParser()
    inventory.add_arguments(parser)
    words = ["--seed", "11", "--scale", "0.4", "--noise", "0", "--disturbances", "0", "--raw-share", "0"]
    folders = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth"), "--truth-materials", "0"]
    inventory.simulate(parser.parse_args([*words, *folders]))
    return folder / "landing"


def materials(landing: Path) -> "Iterator[Material]":
    def rows(table: str) -> pd.DataFrame:
        return pd.read_parquet(next((landing / table).glob("*/*.parquet")))

    orders = rows("lead_times")
    orders["months"] = (pd.to_datetime(orders.gr_date) - pd.to_datetime(orders.po_date)).dt.days / DAYS_PER_MONTH
    seen = orders.groupby(KEY).months.apply(lambda months: tuple(sorted(months)))
    histories = rows("monthly_demand").sort_values("month").groupby(KEY).qty.apply(lambda qty: qty.to_numpy(float))
    for row in rows("material_master").itertuples():
        key = (row.location_id, row.material_id)
        yield Material(*key, histories[key], seen.get(key, (row.lead_time_months,)), row.criticality)


def trials(landing: Path) -> list[list[dict[str, Any]]]:
    """Back-tests of every other material, and of the rest."""
    halves: list[list[dict[str, Any]]] = [[], []]
    for n, material in enumerate(materials(landing)):
        halves[n % 2] += judged(material, InventoryParams(), Pools())
    return halves


def test_what_one_half_picks_reaches_its_target_on_the_other(spark: "SparkSession", landing: Path) -> None:
    picked_by, judged_by = (
        backtest.picked(backtest.by_segment(frame(spark, inv_backtest.TABLE, half)), NIGHT).toPandas()
        for half in trials(landing)
    )
    chosen = picked_by[picked_by.picked][["segment", "method", "target"]]
    found = chosen.merge(judged_by, on=["segment", "method", "target"])
    reached = found.achieved_hi >= found.target
    print(
        f"{len(found)} segments and targets, {found.windows.sum():,} lead times: reached in {reached.mean():.1%}, "
        f"mean overshoot {found.overshoot.mean():+.4f}, at .9 and above {found[found.target >= 0.9].overshoot.mean():+.4f}"
    )
    assert len(found) >= 40
    assert reached.mean() >= 0.93
