"""What a run of inventory may override, and what it refuses."""

import pytest

from spark_jobs.inventory.params import InventoryParams, for_cadence, with_overrides

NIGHTLY = InventoryParams()


def test_the_setting_for_comparisons_with_exact_answers() -> None:
    params = with_overrides(
        for_cadence("nightly"), ["kappa=0", "jitter=false", "targets=.5,.9,.95,.99", "mode=exact", "seed=7"]
    )
    assert (params.kappa, params.jitter, params.targets) == (0.0, False, (0.5, 0.9, 0.95, 0.99))
    assert (params.mode, params.seed, params.iterations) == ("exact", 7, 10_000)


def test_there_is_no_live_cadence() -> None:
    with pytest.raises(ValueError, match="no cadence 'live'"):
        for_cadence("live")


@pytest.mark.parametrize(("criticality", "level"), [("H", 0.99), ("M", 0.95), ("L", 0.90), (None, 0.90)])
def test_a_shortage_that_costs_more_is_made_rarer(criticality: str | None, level: float) -> None:
    assert NIGHTLY.service_level(criticality) == level


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["mode=guess"], "mode is one of bootstrap, exact, picked"),
        (["mode=exact", "jitter=true"], "exact mode knows no jitter"),
        (["targets=.5,1"], "between 0 and 1"),
        (["targets=.5,.50"], "name each level once"),
        (["targets=.5,many"], "targets is a float, not 'many'"),
        (["targets="], "targets is a float"),
        (["kappa=-1"], "kappa is at least 0"),
        (["kappa=nan"], "kappa is a finite float, not 'nan'"),
        (["targets=.5,1e999"], "targets is a finite float, not '1e999'"),
        (["iterations=1"], "iterations at least 2"),
        (["service_level_h=99"], "between 0 and 1"),
        (["recompute=never"], "recompute is one of changed, full, weekly"),
        (["full_on_weekday=7"], "0 .Monday. to 6"),
        (["unreliable_months=2024-13"], "months like 2024-03, not '2024-13'"),
        (["lead=1"], "takes NAME=VALUE"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_in_one_sentence(overrides: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        with_overrides(NIGHTLY, overrides)
