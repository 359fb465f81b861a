"""The truth of a simulated world: the shape of its preset, the process that made its demand, and its quantiles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.inventory.worlds import CLEAN, KEY, landed, truth, world

DAYS_A_MONTH = 30.4375


def histories(folder: Path, months: int) -> np.ndarray:
    """Units, shape (materials, months), of a world without raw materials, noise and disturbances."""
    return landed(folder, "monthly_demand").qty.to_numpy().reshape(-1, months)


@pytest.fixture(scope="module")
def raf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("raf"), *CLEAN, "--raw-share", "0", "--preset", "raf_like", scale=0.4)


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
