"""What a simulated world lands: repeatable, within its contracts, and wrong exactly where that was planted."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import expectations.inventory as contracts
from tests.inventory.worlds import CLEAN, KEY, landed, truth, world

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LANDING = ["material_master", "monthly_demand", "movements", "lead_times", "bom"]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world that lands as movements only, with all that goes wrong."""
    return world(tmp_path_factory.mktemp("raw"), "--raw-share", "1", scale=0.05)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, tenth):
    again, other = files(world(tmp_path / "same")), files(world(tmp_path / "other", seed=2))
    assert again == files(tenth)
    assert set(again) == set(other)
    same = {name for name in again if again[name] == other[name]}
    assert same == {"landing/landing.json"}


def test_every_table_is_listed_and_has_one_file_in_the_month_after_the_last(tenth):
    assert json.loads((tenth / "landing" / "landing.json").read_text())["tables"] == sorted(LANDING)
    found = {path.relative_to(tenth / "landing") for path in (tenth / "landing").rglob("*.parquet")}
    assert found == {Path(name) / "2024-01-01" / "refinery_like.parquet" for name in LANDING}


@pytest.mark.parametrize("name", LANDING)
def test_a_file_has_the_columns_of_its_contract_and_the_rows_of_its_manifest(tenth, name):
    table = next(table for table in contracts.LANDING if table.name == name)
    rows = landed(tenth, name)
    assert tuple(rows) == table.column_names
    manifest = next((tenth / "landing" / name).glob("*/*.manifest.json"))
    assert json.loads(manifest.read_text())["rows"] == len(rows) > 0
    if name != "movements":
        assert not rows.duplicated(list(table.key)).any()


def test_a_world_without_noise_has_every_month_of_every_material(chains):
    demand = landed(chains, "monthly_demand")
    assert demand.groupby("material_id").month.nunique().eq(55).sum() == 3512
    assert demand.month.min().isoformat() == "2019-06-01" and demand.month.max().isoformat() == "2023-12-01"
    assert (demand.qty >= 0).all()
    assert len(landed(chains, "movements")) == 0


def test_the_options_set_months_locations_and_scale(tmp_path):
    small = world(tmp_path, *CLEAN, "--months", "12", "--locations", "1", "--raw-share", "0", scale=0.01)
    assert len(landed(small, "monthly_demand")) == 70 * 12
    assert set(landed(small, "material_master").location_id) == {"_"}


# -- raw movements


def test_raw_movements_add_up_to_the_months_of_the_truth(raw):
    months = truth(raw, "gt_months")
    planted = truth(raw, "gt_planted")
    lost = planted[planted.what == "unreliable_month"].month.iloc[0]
    extra = planted[planted.what.isin(["other_unit", "negative_issue"])].document_id
    rows = landed(raw, "movements").drop_duplicates("document_id")
    rows = rows[~rows.document_id.isin(extra) & (rows.movement_type != "transfer")].copy()
    assert set(rows.movement_type) == {"issue", "return"}
    # A return comes off the month of the latest issue before it.
    rows["issued"] = rows.posting_date.where(rows.movement_type == "issue")
    rows = rows.sort_values(["material_id", "posting_date"], kind="stable")
    rows["issued"] = pd.to_datetime(rows.groupby("material_id").issued.ffill())
    assert (pd.to_datetime(rows.posting_date) - rows.issued).dt.days.max() <= 90
    rows["month"] = rows.issued.dt.to_period("M").dt.start_time.dt.date
    found = rows.groupby([*KEY, "month"]).qty.sum()
    expected = months[(months.qty > 0) & (months.month != lost)].set_index([*KEY, "month"]).qty
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False)


def test_nothing_of_a_raw_material_precedes_its_first_issue(raw):
    rows, materials = landed(raw, "movements"), truth(raw, "gt_materials")
    first = rows.sort_values("posting_date", kind="stable").groupby("material_id").first()
    assert (first.movement_type != "transfer").all() and (rows.movement_type == "transfer").any()
    known = materials.dropna(subset="first_month").set_index("material_id").first_month
    assert set(known.index) == set(first.index)
    assert (pd.to_datetime(first.posting_date).dt.to_period("M") == pd.to_datetime(known).dt.to_period("M")).all()
    assert materials.first_month.isna().any()
    assert len(landed(raw, "monthly_demand")) == 0


# -- disturbances


def test_disturbances_are_a_lost_month_dead_materials_and_more_demand_in_the_shutdown(tmp_path, chains):
    hit = world(tmp_path, "--noise", "0", "--raw-share", "0", "--disturbances", "2", seed=3, scale=0.5)
    calm = landed(chains, "monthly_demand")
    both = calm.merge(landed(hit, "monthly_demand"), on=[*KEY, "month"], how="left", suffixes=("", "_hit"))
    lost = truth(hit, "gt_planted").month.unique()
    assert set(both.month[both.qty_hit.isna()]) == set(lost) and len(lost) == 1
    rows = both.dropna().merge(truth(hit, "gt_materials"), on=KEY)
    dead = pd.to_datetime(rows.death_month) <= pd.to_datetime(rows.month)
    assert dead.any() and (rows.qty_hit[dead] == 0).all()
    changed = rows[~dead & (rows.qty != rows.qty_hit)]
    assert len(changed) > 0 and (changed.qty_hit > changed.qty).all()
    assert (pd.to_datetime(changed.month).dt.month == changed.shutdown_month).all()


# -- noise


def broken(spark: "SparkSession", folder: Path, name: str) -> pd.DataFrame:
    """Rows that break a row rule of their contract, with its name."""
    from pyspark.sql import functions as F

    table = next(table for table in contracts.LANDING if table.name == name)
    rows = spark.read.parquet(str(folder / "landing" / name / "*" / "*.parquet"))
    rows = rows.withColumn("rule", F.expr(table.first_broken_rule_sql()))
    assert rows.count() > 0
    return rows.filter("rule IS NOT NULL").toPandas()


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("clean"), "--noise", "0", "--raw-share", "0.5", scale=0.05)


@pytest.mark.spark
@pytest.mark.parametrize("name", LANDING)
def test_without_noise_every_row_satisfies_its_contract(spark, clean, name):
    assert broken(spark, clean, name).empty


@pytest.mark.spark
@pytest.mark.parametrize(
    ("name", "what", "rule", "key"),
    [
        ("monthly_demand", "negative", "qty:minimum", [*KEY, "month"]),
        ("movements", "negative_issue", "sign_of_type", ["document_id"]),
    ],
)
def test_exactly_the_planted_rows_break_a_rule(spark, tmp_path, name, what, rule, key):
    noisy = world(tmp_path, "--raw-share", "0.5", scale=0.2)
    found, planted = broken(spark, noisy, name), truth(noisy, "gt_planted")
    planted = planted[(planted.table == name) & (planted.what == what)]
    assert set(found.rule) == {rule}
    assert sorted(found[key].itertuples(index=False, name=None)) == sorted(
        planted[key].itertuples(index=False, name=None)
    )


@pytest.mark.spark
@pytest.mark.parametrize("name", ["material_master", "lead_times", "bom"])
def test_noise_breaks_no_rule_of_the_other_tables(spark, tenth, name):
    assert broken(spark, tenth, name).empty


def test_one_month_in_two_hundred_is_negative(tenth):
    assert (landed(tenth, "monthly_demand").qty < 0).mean() == pytest.approx(0.005, abs=0.001)


def test_the_months_that_lack_are_the_planted_gaps_and_the_lost_month(tenth):
    demand, planted = landed(tenth, "monthly_demand"), truth(tenth, "gt_planted")
    gaps = planted[planted.what == "gap"]
    lost = planted[planted.what == "unreliable_month"].month.item()
    materials = truth(tenth, "gt_materials")
    regular = materials.material_id[~materials.raw]
    calendar = pd.date_range("2019-06-01", periods=55, freq="MS").date
    lacking = set(pd.MultiIndex.from_product([regular, calendar])) - set(
        zip(demand.material_id, demand.month, strict=True)
    )
    assert len(gaps) > 0 and set(demand.material_id) == set(regular)
    assert lacking == set(zip(gaps.material_id, gaps.month, strict=True)) | {(name, lost) for name in regular}


def test_the_master_shows_what_was_planted_in_it(tmp_path):
    noisy = world(tmp_path, "--noise", "4", scale=0.5)
    master, planted = landed(noisy, "material_master").set_index("material_id"), truth(noisy, "gt_planted")
    told = {what: set(rows.material_id) for what, rows in planted[planted.table == "material_master"].groupby("what")}
    assert set(master.index[master.lead_time_months.isna()]) == told["no_lead_time"]
    assert set(master.index[master.lead_time_months == 0]) == told["zero_lead_time"]
    assert set(master.index[master.price == 0]) == told["zero_price"]
    listed = landed(noisy, "bom").groupby("material_id").installed_count.sum()
    differs = master.installed_total[listed.index] != listed
    assert set(listed.index[differs]) == told["corrupt_installed_total"]
    assert 1e5 < master.installed_total.max() <= 1e7
    assert len(told["zero_price"]) == 1


def test_movements_show_what_was_planted_in_them(raw):
    rows, planted = landed(raw, "movements"), truth(raw, "gt_planted")
    told = {what: set(part.document_id) for what, part in planted[planted.table == "movements"].groupby("what")}
    twice = rows[rows.duplicated("document_id", keep=False)]
    assert set(twice.document_id) == told["duplicate"]
    assert len(twice.drop_duplicates()) == len(told["duplicate"])
    rows = rows.merge(landed(raw, "material_master")[[*KEY, "uom"]], on=KEY, suffixes=("", "_kept_in"))
    assert set(rows.document_id[rows.uom != rows.uom_kept_in]) == told["other_unit"]
    assert set(rows.document_id[(rows.movement_type == "issue") & (rows.qty < 0)]) == told["negative_issue"]
