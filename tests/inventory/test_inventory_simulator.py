"""The simulated world: repeatable, within its contracts, and as its truth says."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import expectations.inventory as contracts
from simulators import inventory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LANDING = ["material_master", "monthly_demand", "movements", "lead_times", "bom"]
KEY = ["location_id", "material_id"]
CLEAN = ("--noise", "0", "--disturbances", "0")
DAYS_A_MONTH = 30.4375


def world(folder: Path, *extra: str, seed: int = 1, scale: float = 0.1) -> Path:
    parser = argparse.ArgumentParser()
    inventory.add_arguments(parser)
    folders = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    inventory.simulate(parser.parse_args([*folders, "--seed", str(seed), "--scale", str(scale), *extra]))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def landed(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(next((folder / "landing" / name).glob("*/*.parquet")))


def truth(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "truth" / f"{name}.parquet")


def histories(folder: Path, months: int) -> np.ndarray:
    """Units, shape (materials, months), of a world without raw materials, noise and disturbances."""
    return landed(folder, "monthly_demand").qty.to_numpy().reshape(-1, months)


@pytest.fixture(scope="module")
def tenth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("tenth"))


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a refinery that is the stationary chain and nothing else."""
    return world(tmp_path_factory.mktemp("chains"), *CLEAN, "--raw-share", "0", seed=3, scale=0.5)


@pytest.fixture(scope="module")
def raf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("raf"), *CLEAN, "--raw-share", "0", "--preset", "raf_like", scale=0.4)


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


# -- shapes of the presets


def test_kinds_lead_times_and_locations_have_the_shape_of_the_refinery(chains):
    kinds = truth(chains, "gt_materials").kind.value_counts(normalize=True)
    assert kinds["intermittent"] == pytest.approx(5992 / 7024, abs=0.02)
    assert kinds["lumpy"] == pytest.approx(541 / 7024, abs=0.02)
    assert kinds["never"] == pytest.approx(491 / 7024, abs=0.02)
    master = landed(chains, "material_master")
    assert master.lead_time_months.mean() == pytest.approx(2.6, rel=0.05)
    counts = master.location_id.value_counts()
    assert len(counts) == 50 and counts.index[0] == "L00"
    assert counts.iloc[0] == pytest.approx(2 * counts.iloc[1], rel=0.2)


def test_raf_like_has_the_intervals_sizes_and_lead_times_of_its_profile(raf):
    quantities = histories(raf, 84)
    demands = (quantities > 0).sum(axis=1)
    assert (84 / demands[demands > 0]).mean() == pytest.approx(11.1, rel=0.15)
    sizes = pd.DataFrame(np.where(quantities > 0, quantities, np.nan))[demands > 1]
    assert (sizes.var(axis=1) / sizes.mean(axis=1) ** 2).mean() == pytest.approx(0.72, rel=0.15)
    assert truth(raf, "gt_materials").kind.eq("lumpy").mean() == pytest.approx(2403 / 5000, abs=0.04)
    master = landed(raf, "material_master")
    assert master.lead_time_months.mean() == pytest.approx(8.8, rel=0.05)
    assert master.lead_time_months.max() == 24
    assert master.lead_time_months.eq(0).mean() == pytest.approx(627 / 5000, abs=0.03)
    assert set(master.location_id) == {"_"}


def test_the_true_classes_are_those_of_the_true_process(chains):
    materials = truth(chains, "gt_materials")
    asked = materials[materials.kind != "never"]
    assert (asked.adi >= 1.32).all()
    assert ((asked.size_cv2 >= 0.49) == (asked.kind == "lumpy")).all()
    assert set(materials.size_family) == {"negative_binomial", "lognormal", "gpd"}


# -- the demand is that of the true process


def test_the_months_of_demand_follow_the_true_chain(chains):
    materials, active = truth(chains, "gt_materials"), histories(chains, 55) > 0
    idle_before, busy_before = ~active[:, :-1], active[:, :-1]
    expected = tuple(
        (before * materials[name].to_numpy()[:, None]).sum()
        for before, name in ((idle_before, "p01"), (busy_before, "p11"))
    )
    seen = (idle_before & active[:, 1:]).sum(), (busy_before & active[:, 1:]).sum()
    assert seen == pytest.approx(expected, rel=0.03)
    assert (active[:, -1] == materials.last_state).all()


def above(materials: pd.DataFrame, units: int | np.ndarray) -> np.ndarray:
    """P(size > units) by the columns of the truth alone, for materials of one family."""
    from scipy import stats

    family = materials.size_family.iloc[0]
    if family == "negative_binomial":
        chance = materials.size_dispersion / (materials.size_dispersion + materials.size_mean - 1)
        return stats.nbinom.sf(units - 1, materials.size_dispersion, chance)
    if family == "lognormal":
        return stats.lognorm.sf(units, materials.size_sigma, scale=np.exp(materials.size_mu))
    return stats.genpareto.sf(units, materials.size_xi, scale=materials.size_beta)


@pytest.mark.parametrize("units", [1, 3, 10])
@pytest.mark.parametrize("family", ["negative_binomial", "lognormal", "gpd"])
def test_sizes_are_above_a_threshold_as_often_as_their_law_says(raf, family, units):
    """Counts, because one draw of a heavy tail can move the sum of thousands."""
    materials = truth(raf, "gt_materials")
    chosen = (materials.size_family == family).to_numpy()
    sizes = histories(raf, 84)[chosen]
    demands, chances = (sizes > 0).sum(axis=1), above(materials[chosen], units)
    deviation = np.sqrt((demands * chances * (1 - chances)).sum())
    assert demands.sum() > 1000
    assert (sizes > units).sum() == pytest.approx((demands * chances).sum(), abs=4 * deviation)


@pytest.mark.parametrize("family", ["lognormal", "gpd"])
def test_the_true_mean_and_cv2_are_the_sums_over_the_law(raf, family):
    materials = truth(raf, "gt_materials")
    # One in the middle: the sum over a million units would fall short of the wildest by half a per cent.
    middle = materials[materials.size_family == family].sort_values("size_cv2").iloc[[100]]
    units = np.arange(1_000_000)
    chances = above(middle, units)
    mean, square = chances.sum(), ((2 * units + 1) * chances).sum()
    assert middle.size_mean.item() == pytest.approx(mean, rel=1e-5)
    assert middle.size_cv2.item() == pytest.approx(square / mean**2 - 1, rel=1e-4)


def test_observed_lead_times_have_the_planned_mean(chains):
    orders = landed(chains, "lead_times").merge(truth(chains, "gt_materials"), on=KEY)
    days = (pd.to_datetime(orders.gr_date) - pd.to_datetime(orders.po_date)).dt.days
    assert (days / DAYS_A_MONTH).mean() == pytest.approx(orders.lead_time_mean_months.mean(), rel=0.02)
    assert days.max() <= 494
    pairs = orders[orders.lead_time_law == "two_point"]
    short = days[pairs.index] == pairs.lead_time_short_days
    assert (short | (days[pairs.index] == pairs.lead_time_long_days)).all()
    assert short.mean() == pytest.approx(0.7, abs=0.03)


def test_some_materials_have_no_receipt_and_only_the_planned_lead_time(chains):
    observed = landed(chains, "lead_times").material_id.nunique() / 3512
    assert observed == pytest.approx(0.7, abs=0.03)
    assert landed(chains, "material_master").lead_time_months.notna().all()


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


# -- true quantiles

DRAWS = 200_000


def drawn_sizes(rng: np.random.Generator, row: pd.Series, count: int) -> np.ndarray:
    """The size laws once more, from the truth's columns alone."""
    if row.size_family == "negative_binomial":
        rate = rng.gamma(row.size_dispersion, (row.size_mean - 1) / row.size_dispersion, count)
        return 1 + rng.poisson(rate)
    if row.size_family == "lognormal":
        return np.ceil(np.exp(rng.normal(row.size_mu, row.size_sigma, count)))
    from scipy.stats import genpareto

    return np.ceil(genpareto.rvs(row.size_xi, scale=row.size_beta, size=count, random_state=rng))


def drawn_demand(rng: np.random.Generator, row: pd.Series) -> np.ndarray:
    """Lead-time demand by simulation, shape (DRAWS,)."""
    if row.lead_time_law == "gamma":
        mean = row.lead_time_mean_months * DAYS_A_MONTH
        days = rng.gamma(row.lead_time_shape, mean / row.lead_time_shape, DRAWS).round()
        days = np.minimum(days, row.lead_time_most_days)
    else:
        days = rng.choice([row.lead_time_short_days, row.lead_time_long_days], DRAWS, p=[0.7, 0.3])
    left = np.maximum(days / DAYS_A_MONTH, 1.0)
    state, total = np.full(DRAWS, bool(row.last_state)), np.zeros(DRAWS)
    while (left > 0).any():
        state = rng.random(DRAWS) < np.where(state, row.p11, row.p01)
        # The chance that the month counts: 1, the remainder in the last one, 0 after it.
        counts = state & (rng.random(DRAWS) < left)
        total[counts] += drawn_sizes(rng, row, int(counts.sum()))
        left -= 1.0
    return total


def assert_quantiles_are_of(demand: np.ndarray, values: pd.Series) -> None:
    """P(demand <= value) reaches q, and P(demand < value) does not, within four deviations of a share of DRAWS."""
    for q, value in values.items():
        margin = 4 * np.sqrt(q * (1 - q) / DRAWS)
        assert (demand <= value).mean() >= q - margin, (q, value)
        assert (demand < value).mean() < q + margin, (q, value)


def first_500(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The materials whose quantiles are told, and their quantiles by location and material."""
    values = truth(folder, "gt_quantiles").pivot(index=KEY, columns="q", values="value")
    assert values.shape == (500, 4)
    return truth(folder, "gt_materials").head(500), values


@pytest.mark.parametrize("preset", ["chains", "raf"])
@pytest.mark.parametrize(
    ("family", "law"),
    [("negative_binomial", "gamma"), ("negative_binomial", "two_point"), ("lognormal", "gamma"), ("gpd", "two_point")],
)
def test_true_quantiles_are_those_of_a_monte_carlo_of_the_process(request, preset, family, law):
    materials, values = first_500(request.getfixturevalue(preset))
    chosen = materials[(materials.size_family == family) & (materials.lead_time_law == law) & (materials.p01 > 0)]
    longest = chosen.sort_values("lead_time_mean_months").iloc[-1]
    told = values.loc[(longest.location_id, longest.material_id)]
    assert told[0.99] > 0
    assert_quantiles_are_of(drawn_demand(np.random.default_rng(7), longest), told)


@pytest.mark.parametrize("last_state", [0, 1])
def test_true_quantiles_begin_in_the_state_of_the_last_month(chains, last_state):
    """Of the materials to which it matters most."""
    materials, values = first_500(chains)
    gap = materials.p11 - materials.p01
    for row in materials.assign(gap=gap)[materials.last_state == last_state].nlargest(5, "gap").itertuples():
        demand = drawn_demand(np.random.default_rng(7), pd.Series(row._asdict()))
        assert_quantiles_are_of(demand, values.loc[(row.location_id, row.material_id)])


def test_a_dead_or_never_issued_material_has_true_quantiles_of_zero(tenth):
    rows = truth(tenth, "gt_quantiles").merge(truth(tenth, "gt_materials"), on=KEY)
    none = rows.death_month.notna() | (rows.kind == "never")
    assert none.any() and (rows.value[none] == 0).all()
    assert (rows.value[~none & (rows.q == 0.99)] > 0).mean() > 0.5
