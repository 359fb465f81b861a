"""Estimates from a sample of users: bounds that hold, and refusals where a sample says too little."""

import numpy as np
import pyarrow as pa

from spark_jobs.audience.estimates import COUNTS, bounds, estimated, exact

THETA = 0.1


def test_at_least_95_of_100_bounds_contain_the_number_that_was_sampled() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 20_000, size=4_000)
    low, high = bounds(rng.binomial(true, THETA), THETA)
    assert np.mean((low <= true) & (true <= high)) >= 0.95


def test_bounds_are_no_wider_than_they_must_be() -> None:
    low, high = bounds(np.array([1_000]), THETA)
    assert 9_300 < low[0] < 9_500 and 10_500 < high[0] < 10_700


def test_of_all_users_sampled_nothing_is_in_doubt() -> None:
    low, high = bounds(np.array([0, 7]), 1.0)
    assert low.tolist() == [0, 7] and high.tolist() == [0, 7]


def cells(**counts: int) -> pa.Table:
    return pa.Table.from_pylist([{**dict.fromkeys(COUNTS, 1_000), **counts}])


def test_counts_of_a_sample_are_scaled_up_and_carry_their_bounds() -> None:
    (told,) = estimated(cells(matched_users=200), THETA, 5_000, 30).to_pylist()
    assert told["matched_users"] == 2_000 and told["segment_users"] == 10_000 and told["is_approx"]
    assert told["matched_low"] < 2_000 < told["matched_high"] and not told["refused"]


def test_small_sides_and_small_overlaps_are_refused() -> None:
    refused = [
        estimated(cells(**small), THETA, 5_000, 30).to_pylist()[0]["refused"]
        for small in ({"segment_users": 499}, {"pixel_users": 499}, {"matched_users": 29})
    ]
    assert refused == [True] * 3


def test_exact_counts_have_no_bounds() -> None:
    (told,) = exact(cells()).to_pylist()
    assert (told["refused"], told["is_approx"], told["matched_low"]) == (False, False, None)
