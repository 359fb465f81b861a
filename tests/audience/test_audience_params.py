"""What a run of audience may override, and what it refuses."""

import math

import pytest

from spark_jobs.audience.params import AudienceParams, for_cadence, with_overrides

NIGHTLY = for_cadence("nightly")


def test_there_is_no_live_cadence() -> None:
    with pytest.raises(ValueError, match="no cadence 'live'"):
        for_cadence("live")


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("state_from=soon", "isoformat"),
        ("pixel_retention_days=29", "pixel_retention_days is at least 30, not 29"),
        ("dimension_reach_days=-5", "dimension_reach_days is at least 0, not -5"),
        ("dimension_reach_days=99999999", "dimension_reach_days is at most 36525, not 99999999"),
        ("most_segments=-1", "most_segments is at least 1, not -1"),
        ("most_pixels=0", "most_pixels is at least 1, not 0"),
        ("min_expected=-0.5", "min_expected is at least 0, not -0.5"),
        ("min_expected=nan", "min_expected is a finite float, not 'nan'"),
        ("min_uniques=-5", "min_uniques is at least 0, not -5"),
        ("pair_tasks=0", "pair_tasks is at least 1, not 0"),
        ("mode=guess", "mode is one of exact, theta, not 'guess'"),
        ("lg_k=27", "lg_k lies between 4 and 26, not 27"),
        ("min_estimated_side=-1", "min_estimated_side is at least 0, not -1"),
        ("min_sampled_overlap=-3", "min_sampled_overlap is at least 0, not -3"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_in_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        with_overrides(NIGHTLY, [override])


def test_what_is_no_number_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(ValueError, match="min_expected is at least 0, not nan"):
        AudienceParams(min_expected=math.nan)


def test_the_least_that_makes_sense_is_taken() -> None:
    least = ["min_expected=0", "min_uniques=0", "most_pixels=1", "dimension_reach_days=0", "pixel_retention_days=30"]
    params = with_overrides(NIGHTLY, least)
    assert (params.min_expected, params.min_uniques, params.most_pixels) == (0.0, 0, 1)
    assert (params.dimension_reach_days, params.pixel_retention_days) == (0, 30)
