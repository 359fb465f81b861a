"""The whole pipeline: what an import or the simulator lands, run, released, served and judged from outside."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from platform_local.environment import ROOT
from spark_jobs import inventory
from spark_jobs.common import pipelines, serve
from spark_jobs.common.build import build
from spark_jobs.common.landing import Landing
from spark_jobs.common.release import release
from spark_jobs.common.window import Window

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.common.ledger import Ledger, Run

WINDOW = ["--start", "2002-04-01T00:00:00+00:00", "--end", "2002-04-02T00:00:00+00:00"]
COMPARABLE = ["kappa=0", "jitter=false", "targets=.5,.9,.95,.99", "mode=bootstrap"]
# A negative month, a text for a number, a gap, a repeated item, no lead time, a lead time of 0, no demand, one demand.
BAD = """item,lead_time_months,price,2002-01,2002-02,2002-03
negative,1,5,-2,1,0
text,1,5,1,two,1
gap,1,5,1,,1
twice,1,5,1,0,1
twice,2,6,1,1,1
late,,5,1,1,1
at_once,0,5,2,2,2
never,1,5,0,0,0
once,1,5,0,7,0
sound,1,5,1,1,1
"""


@dataclass(frozen=True)
class Night:
    """Runs on one lake, one after the other."""

    spark: "SparkSession"
    ledger: "Ledger"
    landing: Landing

    def released(self, key: str, start: str, end: str, *overrides: str) -> "Run":
        """All stages of a window through their checkpoints, and released."""
        run = self.ledger.open_run("inventory", "nightly", key, None, Window.parse(start, end))
        params = pipelines.params("inventory", "nightly", [*COMPARABLE, "mode=exact", *overrides])
        for name in inventory.STAGES:
            build(self.spark, self.ledger, self.landing, pipelines.stage("inventory", name), run, params)
            assert self.ledger.checkpoint(run.run_key, name).passed
        release(self.spark, self.ledger, run, inventory.STAGES, pipelines.contracts("inventory"))
        return run


def command(*words: str | Path) -> str:
    """What a command printed; it must succeed."""
    line = [sys.executable, *map(str, words)]
    answer = subprocess.run(line, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr[-2000:]
    return answer.stdout


@pytest.mark.spark
@pytest.mark.long
def test_bad_input_is_kept_explained_and_served(
    spark: "SparkSession", ledger: "Ledger", lake_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text(BAD)
    landing = tmp_path / "landing"
    command(
        "-m", "spark_jobs", "import", "inventory", "monthly", "--demand", tmp_path / "bad.csv", "--landing", landing
    )
    night = Night(spark, ledger, Landing(landing, lake_home / "staging"))
    run = night.released(f"test/{tmp_path}/1", WINDOW[1], WINDOW[3], "recompute=full")

    refused = spark.table("lake.inventory.monthly_demand__quarantine").toPandas()
    assert sorted(zip(refused.rule, refused.source_row, strict=True)) == [("qty:minimum", 0), ("qty:type", 11)]
    balance = ledger.receipts(run.run_key)[0].document["balance"]
    assert balance["lake.inventory.demand_months"] | {"filtered": {}} == {
        "read": 29,
        "published": 24,
        "quarantined": 2,
        "duplicate": 3,
        "filtered": {},
    }
    told = spark.table("lake.inventory.inv_recommendation").toPandas().set_index("material_id")
    assert told.n_periods.to_dict() == {
        "negative": 2,
        "text": 2,
        "gap": 2,
        "twice": 3,
        "late": 3,
        "at_once": 3,
        "never": 3,
        "once": 3,
        "sound": 3,
    }
    assert told.status[["late", "never", "sound"]].tolist() == ["failed", "none", "computed"]
    assert told.reason["gap"] == "Months between that were not observed and are left out: 1."
    assert told.reason["text"] == "Months between that were not observed and are left out: 1."
    assert told.reason["at_once"] == "A lead time of 0 months counts as 1."
    assert told.reason["once"] == "One demand only: its size stands for all."
    assert told.lt_mean["twice"] == 1.0

    served = serve.serve(spark, ledger, run, pipelines.marts("inventory"))
    assert set(served) == set(inventory.MARTS)
    assert {name: served[name] for name in ("inv_recommendation", "inv_reorder_points", "inv_rationalise")} == {
        "inv_recommendation": 9,
        "inv_reorder_points": 36,
        "inv_rationalise": 8,
    }

    ledger.close_run(run.run_key)

    # The next month is told of one item only: it is computed again, and so is the one that failed.
    (tmp_path / "next.csv").write_text("item,lead_time_months,price,2002-04\nsound,1,5,9\n")
    command(
        "-m", "spark_jobs", "import", "inventory", "monthly", "--demand", tmp_path / "next.csv", "--landing", landing
    )
    night.released(f"test/{tmp_path}/2", "2002-05-01T00:00:00+00:00", "2002-05-02T00:00:00+00:00", "recompute=changed")
    (audit,) = spark.table("lake.inventory.inv_run_audit").collect()
    assert (audit.materials, audit.recomputed, audit.failures) == (9, 2, 1)
    later = spark.table("lake.inventory.inv_recommendation").toPandas().set_index("material_id")
    assert later.n_periods["sound"] == 4 and later.rop["sound"] > told.rop["sound"]
    assert later.computed_on.astype(str)[["sound", "late", "once"]].tolist() == [
        "2002-05-01",
        "2002-05-01",
        "2002-04-01",
    ]
    carried = told.index.drop(["sound", "late"])
    assert later.rop[carried].equals(told.rop[carried])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_outside_check_agrees_with_the_exported_reorder_points(real_data: Path, tmp_path: Path) -> None:
    """By bootstrap; the exact mode is held against all 5,018 known answers in test_real_histories.py."""
    wide = pd.read_csv(real_data / "inventory" / "carparts.csv", dtype=str).dropna().sample(200, random_state=1)
    named = {name: pd.to_datetime(f"01-{name}", format="%d-%b-%y").strftime("%Y-%m") for name in wide.columns[1:]}
    wide = wide.rename(columns={"Part": "item"} | named)
    wide.insert(1, "lead_time_months", 4)
    wide.to_csv(tmp_path / "demand.csv", index=False)
    landing, export = tmp_path / "landing", tmp_path / "export"
    files = ["--demand", tmp_path / "demand.csv", "--landing", landing]
    command("-m", "spark_jobs", "import", "inventory", "monthly", *files)
    settings = [word for param in (*COMPARABLE, "backtest_most_materials=10") for word in ("--param", param)]
    folders = ["--landing", landing, "--export", export]
    command("-m", "spark_jobs", "run", "inventory", "--cadence", "nightly", *WINDOW, *folders, *settings)
    checker = real_data.parent / "checks" / "inventory_reorder_points.py"
    for target in ("0.5", "0.9", "0.95", "0.99"):
        said = command(checker, export / "inv_reorder_points.parquet", tmp_path / "demand.csv", "--target", target)
        print(f"{target}: {said}")
        found = re.search(r"scored 200  missing 0  skipped 0  equal (\d\.\d+)  inside (\d\.\d+)", said)
        assert found, said
        assert float(found[1]) >= 0.85 and float(found[2]) >= 0.94
