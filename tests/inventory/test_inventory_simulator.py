"""The simulated world: repeatable, and as its truth says."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import expectations.inventory as contracts
from simulators import inventory


def world(folder: Path, *extra: str) -> Path:
    parser = argparse.ArgumentParser()
    inventory.add_arguments(parser)
    folders = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    inventory.simulate(parser.parse_args([*folders, *(extra or ("--seed", "1", "--scale", "0.1"))]))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def landed(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(next((folder / "landing" / name).glob("*/*.parquet")))


@pytest.fixture(scope="module")
def tenth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("tenth"))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, tenth):
    assert files(world(tmp_path / "same")) == files(tenth)
    assert files(world(tmp_path / "other", "--seed", "2", "--scale", "0.1")) != files(tenth)


def test_scale_is_a_share_of_the_materials_and_every_month_is_there(tenth):
    assert len(landed(tenth, "material_master")) == 702
    assert len(landed(tenth, "monthly_demand")) == 702 * 55


def test_the_files_have_the_columns_of_their_contracts(tenth):
    for table in contracts.LANDING:
        assert tuple(landed(tenth, table.name)) == table.column_names


def test_one_month_in_two_hundred_is_negative_unless_the_world_is_clean(tmp_path, tenth):
    assert (landed(tenth, "monthly_demand").qty < 0).mean() == pytest.approx(0.005, abs=0.001)
    clean = world(tmp_path, "--seed", "1", "--scale", "0.1", "--noise", "0")
    assert (landed(clean, "monthly_demand").qty >= 0).all()


def test_kinds_lead_times_and_locations_have_the_shape_of_the_preset(tenth):
    kinds = pd.read_parquet(tenth / "truth" / "gt_materials.parquet").kind.value_counts(normalize=True)
    assert kinds["intermittent"] == pytest.approx(5992 / 7024, abs=0.04)
    assert kinds["never"] == pytest.approx(491 / 7024, abs=0.03)
    master = landed(tenth, "material_master")
    assert master.lead_time_months.mean() == pytest.approx(2.6, abs=0.2)
    counts = master.location_id.value_counts()
    assert len(counts) > 40 and counts.index[0] == "L00"


def test_the_demand_follows_the_true_process(tmp_path):
    folder = world(tmp_path, "--seed", "3", "--scale", "0.5", "--noise", "0")
    truth = pd.read_parquet(folder / "truth" / "gt_materials.parquet")
    active = landed(folder, "monthly_demand").qty.to_numpy().reshape(-1, inventory.MONTHS) > 0
    idle_before, busy_before = ~active[:, :-1], active[:, :-1]
    expected = (idle_before * truth.p01.to_numpy()[:, None]).sum(), (busy_before * truth.p11.to_numpy()[:, None]).sum()
    seen = (idle_before & active[:, 1:]).sum(), (busy_before & active[:, 1:]).sum()
    assert seen == pytest.approx(expected, rel=0.03)
    quantities = landed(folder, "monthly_demand").qty.to_numpy().reshape(-1, inventory.MONTHS)
    means = quantities.sum() / np.repeat(truth.size_mean.to_numpy()[:, None], inventory.MONTHS, axis=1)[active].sum()
    assert means == pytest.approx(1.0, abs=0.05)
