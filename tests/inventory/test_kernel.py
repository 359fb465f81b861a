"""One material at a time: classes, the chain, the exact distribution, the bootstrap and its reorder points."""

import numpy as np
import pytest

from spark_jobs.inventory import bootstrap, exact
from spark_jobs.inventory.chain import Chain, Pool, Transitions, fit, transitions
from spark_jobs.inventory.classes import classify
from spark_jobs.inventory.distribution import Known, Simulated
from spark_jobs.inventory.lead_time import months_of
from spark_jobs.inventory.philox import four_words, key_of
from spark_jobs.inventory.tail import PooledTail, Tail, fit_tail, own_tail


def months(*quantities: float) -> np.ndarray:
    return np.array(quantities, dtype=float)


# -- classes


@pytest.mark.parametrize(
    ("history", "name", "adi", "cv2"),
    [
        (months(), "none", None, None),
        (months(0, 0, 0), "none", None, None),
        (months(0, 7, 0), "single", 3.0, None),
        (months(2, 2, 2, 2), "smooth", 1.0, 0.0),
        (months(1, 1, 1, 9), "erratic", 1.0, 16 / 9),
        (months(0, 2, 0, 2), "intermittent", 2.0, 0.0),
        (months(0, 1, 0, 9), "lumpy", 2.0, 1.28),
    ],
)
def test_a_history_falls_into_its_class(history, name, adi, cv2):
    found = classify(history)
    assert (found.name, found.adi) == (name, adi)
    assert found.cv2 == (None if cv2 is None else pytest.approx(cv2))


# -- the chain


def test_steps_are_counted_between_successive_months():
    assert transitions(months(0, 0, 3, 1, 0, 2)) == Transitions(n0=3, n01=2, n1=2, n11=1)


def test_raw_rates_are_steps_over_months_and_the_start_is_the_last_month():
    assert fit(months(0, 0, 3, 1, 0, 2), 0, None, False) == Chain(p01=2 / 3, p11=1 / 2, start=1)
    assert fit(months(3, 0), 0, None, False).start == 0


def test_a_state_never_left_takes_the_share_of_months_with_demand():
    assert fit(months(0, 0, 0, 5), 0, None, False) == Chain(p01=1 / 3, p11=1 / 4, start=1)
    assert fit(months(4, 4), 0, None, False) == Chain(p01=1.0, p11=1.0, start=1)
    assert fit(months(4), 0, None, False) == Chain(p01=1.0, p11=1.0, start=1)


def test_shrinkage_weighs_the_pool_as_kappa_months():
    chain = fit(months(0, 0, 3, 1, 0, 2), 2.0, Pool(p01=0.1, p11=0.4), False)
    assert chain.p01 == pytest.approx((2 + 2 * 0.1) / (3 + 2))
    assert chain.p11 == pytest.approx((1 + 2 * 0.4) / (2 + 2))


def test_a_lead_time_may_start_with_a_demand():
    assert fit(months(3, 0), 0, None, True).start == 1


# -- lead times


@pytest.mark.parametrize(
    ("lead_time", "plan"), [(0, (1, 1)), (0.4, (1, 1)), (1, (1, 1)), (4, (4, 1)), (2.25, (3, 0.25))]
)
def test_a_lead_time_is_rounded_up_and_its_remainder_thins_the_last_month(lead_time, plan):
    assert months_of(lead_time) == pytest.approx(plan)


# -- the exact distribution


def test_one_month_has_demand_with_the_chance_of_its_start_state():
    chain, sizes = Chain(p01=0.2, p11=0.5, start=0), months(1, 3)
    assert exact.lead_time_demand(chain, sizes, [1]) == pytest.approx([0.8, 0.1, 0, 0.1])
    assert exact.lead_time_demand(Chain(0.2, 0.5, 1), sizes, [1]) == pytest.approx([0.5, 0.25, 0, 0.25])


def test_two_months_worked_by_hand():
    # No demand: .8·.8; one unit: .2·.5 (then none) + .8·.2 (none, then one); two units: .2·.5.
    assert exact.lead_time_demand(Chain(0.2, 0.5, 0), months(1), [2]) == pytest.approx([0.64, 0.26, 0.10])


def test_each_lead_time_of_a_mixture_weighs_the_same():
    chain, sizes = Chain(0.2, 0.5, 0), months(1)
    assert exact.lead_time_demand(chain, sizes, [1, 2]) == pytest.approx([0.72, 0.23, 0.05])


def test_the_remainder_of_a_lead_time_counts_demand_with_its_own_chance():
    # As two months, but the second month's unit counts one time in four.
    found = exact.lead_time_demand(Chain(0.2, 0.5, 0), months(1), [1.25])
    assert found == pytest.approx(
        [0.8 * (0.8 + 0.2 * 0.75), 0.8 * 0.2 * 0.25 + 0.2 * (0.5 + 0.5 * 0.75), 0.2 * 0.5 * 0.25]
    )


def test_fractional_or_huge_sizes_are_not_for_the_exact_mode():
    assert exact.by_whole_units(months(1, 2), [4])
    assert not exact.by_whole_units(months(1.5), [4])
    assert not exact.by_whole_units(months(30_000), [4])


# -- random numbers


def test_philox_gives_the_words_that_its_authors_publish():
    words = four_words(np.uint64(0), np.uint64(0), np.uint64(0))
    assert [f"{int(word):08x}" for word in words] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    most = np.uint64(2**64 - 1)
    assert [f"{int(word):08x}" for word in four_words(most, most, most)] == [
        "408f276d",
        "41c83b0e",
        "a20bc7c6",
        "6d5451fd",
    ]


def test_seed_location_and_material_each_make_another_stream():
    keys = {key_of(1, "A", "B"), key_of(2, "A", "B"), key_of(1, "B", "A"), key_of(1, "AB", "")}
    assert len(keys) == 4
    assert key_of(1, "A", "B") == key_of(1, "A", "B")


# -- the bootstrap

CHAIN, SIZES = Chain(0.2, 0.5, 0), months(1, 1, 4)


def draws(key: int = 1, chain: Chain = CHAIN, lead_times=(3.0,), n: int = 40_000, jitter: bool = False) -> np.ndarray:
    return bootstrap.lead_time_demand(key, chain, SIZES, lead_times, n, jitter)


@pytest.mark.parametrize("lead_times", [(1.0,), (3.0,), (1.25,), (1.0, 2.0, 4.5)])
def test_the_bootstrap_has_the_exact_distribution(lead_times):
    pmf = exact.lead_time_demand(CHAIN, SIZES, lead_times)
    found = np.bincount(draws(lead_times=lead_times).astype(int), minlength=len(pmf)) / 40_000
    # Five standard errors of a share of 40,000.
    assert found == pytest.approx(pmf, abs=5 * 0.5 / 200)
    assert np.abs(found - pmf).sum() < 0.02


def test_a_draw_does_not_depend_on_how_many_follow():
    assert (draws(n=100) == draws(n=1000)[:100]).all()


def test_the_same_key_draws_the_same_and_another_key_does_not():
    assert (draws(key=7) == draws(key=7)).all()
    assert (draws(key=7) != draws(key=8)).any()


def test_jitter_gives_sizes_that_were_never_seen_but_none_below_one():
    always = Chain(1.0, 1.0, 1)
    assert set(draws(chain=always, lead_times=(1.0,))) == {1.0, 4.0}
    jittered = draws(chain=always, lead_times=(1.0,), jitter=True)
    assert {2.0, 3.0, 5.0, 6.0} <= set(jittered)
    assert jittered.min() >= 1.0
    assert (jittered == np.floor(jittered)).all()


# -- reorder points


def test_the_reorder_point_is_the_smallest_stock_that_suffices():
    known = Known(np.array([0.5, 0.3, 0.15, 0.05]))
    assert [known.reorder_point(q).point for q in (0.5, 0.51, 0.8, 0.95, 0.99)] == [0, 1, 1, 2, 3]


def test_the_interval_of_a_sample_lies_at_the_ranks_of_the_binomial():
    # n = 10,000, q = .95: ranks 9,500 and 9,500 ± 42.7.
    found = Simulated(np.arange(1.0, 10_001.0)).reorder_point(0.95)
    assert (found.point, found.low, found.high) == (9500, 9457, 9543)


def test_the_interval_stays_inside_of_a_small_sample():
    found = Simulated(months(1, 2, 3)).reorder_point(0.99)
    assert (found.point, found.low, found.high) == (3, 2, 3)


def test_mean_spread_and_error_of_the_mean():
    known = Known(np.array([0.5, 0.0, 0.5]))
    assert (known.mean, known.sd, known.mcse) == (1.0, 1.0, 0.0)
    seen = Simulated(months(1, 1, 3, 3))
    assert (seen.mean, seen.sd, seen.mcse) == pytest.approx((2.0, (4 / 3) ** 0.5, (1 / 3) ** 0.5))


@pytest.mark.parametrize(("level", "short"), [(0.0, 1.0), (1.0, 0.5), (2.0, 0.0), (9.0, 0.0)])
def test_what_is_short_on_average_is_the_same_simulated_and_exact(level, short):
    assert Known(np.array([0.5, 0.0, 0.5])).expected_short(level) == short
    assert Simulated(months(0, 0, 2, 2)).expected_short(level) == short


# -- the tail of sizes


def test_a_tail_gives_sizes_beyond_the_largest_seen_and_no_more_than_five_times_it():
    always, sizes = Chain(1.0, 1.0, 1), months(*range(1, 11))
    tail = Tail(threshold=9.0, exceedances=1, shape=0.5, scale=4.0, nll=None, reason=None)
    drawn = bootstrap.lead_time_demand(1, always, sizes, [1.0], 40_000, False, tail)
    # One size in ten exceeds the threshold; of those, (1 + ξ x / β)^(-1/ξ) by more than x.
    for x in (4, 20):
        share = 0.1 * (1 + 0.5 * (x + 0.5) / 4.0) ** -2
        assert (drawn > 9 + x).mean() == pytest.approx(share, abs=5 * np.sqrt(share / 40_000))
    assert (drawn == np.floor(drawn)).all() and 40 < drawn.max() <= 50


def test_a_pooled_tail_is_scaled_by_the_mean_of_a_material():
    found = PooledTail(threshold=2.0, shape=0.3, scale=1.5).of(months(2, 4, 12))
    assert (found.threshold, found.exceedances, found.shape, found.scale) == (12.0, 0, 0.3, 9.0)


def test_a_tail_of_its_own_needs_thirty_sizes():
    assert own_tail(np.arange(1.0, 30.0)) is None
    assert own_tail(np.arange(1.0, 201.0)).threshold == pytest.approx(180.1)


def test_too_few_exceedances_make_no_tail():
    found = fit_tail(np.arange(1.0, 13.0), 3.0)
    assert (found.exceedances, found.shape) == (9, None)
    assert found.reason == "9 sizes exceed 3; a tail needs 10."


def test_a_tail_that_is_too_heavy_is_told_and_not_for_use():
    uniform = (np.arange(200) + 0.5) / 200
    found = fit_tail((uniform**-0.9 - 1) / 0.9 + 1, 1.0)
    assert found.shape is not None and found.shape >= 0.7
    assert found.reason is not None and "not below 0.7" in found.reason
