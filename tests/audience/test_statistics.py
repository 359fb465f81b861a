"""The index of a pixel's cells: numbers worked out by hand, and every status."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spark_jobs.audience.statistics import interval, judged, q_value, z_score

# 60 of 100 visitors in a segment that is half of its group of 2,000.
CELL = {
    **{"group_id": "G", "matched_users": 60, "matched_any_order": 80, "group_users": 100},
    **{"segment_users": 1000, "group_total": 2000, "refused": False},
}


def judge(*cells: dict[str, Any]) -> list[dict[str, Any]]:
    return judged(pa.Table.from_pylist([CELL | cell for cell in cells]), 5.0, 50).to_pylist()


def test_the_index_is_the_share_among_visitors_against_the_share_in_the_group() -> None:
    (told,) = judge({})
    assert told["expected"] == 50.0 and told["audience_index"] == pytest.approx(120.0)
    assert told["share_excluded_by_order"] == pytest.approx(0.25)


def test_the_interval_is_wilsons_divided_by_the_share_in_the_group() -> None:
    """Wilson's interval of 60 in 100: (0.60 + z²/200 ± z sqrt(0.24/100 + z²/40000)) / (1 + z²/100)."""
    z = 1.959963984540054
    centre, half = 0.6 + z**2 / 200, z * math.sqrt(0.24 / 100 + z**2 / 40_000)
    ends = [200.0 * (centre - half) / (1 + z**2 / 100), 200.0 * (centre + half) / (1 + z**2 / 100)]
    low, high = interval(np.array([60.0]), np.array([100.0]), np.array([0.5]))
    assert [low[0], high[0]] == pytest.approx(ends)


def test_an_estimate_from_few_users_says_no_more_than_those_few() -> None:
    """110 of 200 sampled visitors are no finding, though the estimate of all users is 6,875 of 12,500."""
    theta = 0.016
    scaled = {"matched_users": 6_875, "matched_any_order": 8_000, "group_users": 12_500}
    cell = CELL | scaled | {"segment_users": 500_000, "group_total": 1_000_000}
    (sampled,) = judged(pa.Table.from_pylist([cell]), 5.0, 50, theta).to_pylist()
    low, high = interval(np.array([110.0]), np.array([200.0]), np.array([0.5]))
    assert (sampled["ci_low"], sampled["ci_high"]) == pytest.approx((low[0], high[0]))
    assert (sampled["status"], round(sampled["audience_index"])) == ("neutral", 110)
    assert sampled["z"] == pytest.approx(10.0 / math.sqrt(50.0 * 15_800.0 / 15_999.0))
    assert judge(cell)[0]["status"] == "over"


def test_z_counts_hypergeometric_standard_deviations() -> None:
    """sd² = 100 · ½ · ½ · 1900 / 1999."""
    z = z_score(np.array([60.0]), np.array([50.0]), np.array([100.0]), np.array([0.5]), np.array([2000.0]))
    assert z[0] == pytest.approx(10.0 / math.sqrt(25.0 * 1900.0 / 1999.0))


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    """p of .01, .04 and .03 give q of .03, .04 and .04: each p times 3 over its rank, none above that of a larger p."""
    from scipy import stats

    z = np.array([*stats.norm.isf(np.array([0.01, 0.04, 0.03]) / 2), np.nan])
    assert q_value(z)[:3] == pytest.approx([0.03, 0.04, 0.04])
    assert np.isnan(q_value(z)[3])


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ({"refused": True}, "overlap_too_small"),
        ({"group_users": 0, "matched_users": 0}, "no_group_visitors"),
        ({"group_id": "ungrouped"}, "ungrouped"),
        ({"segment_users": 2000, "matched_users": 100}, "trivial"),
        ({"segment_users": 99, "matched_users": 0}, "low_count"),
        ({"group_users": 49, "matched_users": 40}, "low_count"),
        ({"segment_users": 100, "matched_users": 0}, "under"),
        ({"matched_users": 70}, "over"),
        ({"matched_users": 30}, "under"),
        ({"matched_users": 51}, "neutral"),
    ],
)
def test_the_first_status_that_applies_is_given(cell: dict[str, Any], status: str) -> None:
    assert judge(cell)[0]["status"] == status


@pytest.mark.parametrize("cell", [{"refused": True}, {"group_users": 0, "matched_users": 0}, {"group_id": "ungrouped"}])
def test_a_withheld_index_has_no_numbers(cell: dict[str, Any]) -> None:
    (told,) = judge(cell)
    assert [told[name] for name in ("audience_index", "ci_low", "ci_high", "z", "q_value")] == [None] * 5


def test_a_segment_that_is_its_whole_group_is_at_exactly_100() -> None:
    (told,) = judge({"segment_users": 2000, "matched_users": 100})
    assert told["audience_index"] == 100.0 and told["z"] is None


def test_nobody_matched_where_some_were_expected_is_an_index_of_0() -> None:
    (told,) = judge({"matched_users": 0, "matched_any_order": 0})
    assert (told["audience_index"], told["status"], told["share_excluded_by_order"]) == (0.0, "under", None)


def test_a_hidden_cell_has_an_index_and_takes_no_part_in_significance() -> None:
    alone, hidden = judge({"matched_users": 60}, {"group_users": 49, "matched_users": 40})
    assert hidden["audience_index"] is not None and hidden["q_value"] is None
    assert alone["q_value"] == judge({"matched_users": 60})[0]["q_value"]


def test_visitors_who_are_the_whole_group_leave_nothing_to_chance() -> None:
    (told,) = judge({"group_users": 2000, "matched_users": 1000})
    assert told["z"] is None and told["audience_index"] == 100.0
