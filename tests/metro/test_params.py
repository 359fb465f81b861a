"""Params and scopes: what differs between the cadences, and what a run may override."""

from datetime import date

import pytest

from spark_jobs.common.window import Window
from spark_jobs.metro import scopes
from spark_jobs.metro.params import LIVE, NIGHTLY, for_cadence, with_overrides
from tests.metro.clock import at

FIVE_MINUTES = Window(at("07:00"), at("07:05"))
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")


def test_a_live_run_replaces_ninety_minutes_back_and_an_hour_of_plan_ahead() -> None:
    assert scopes.recent(FIVE_MINUTES, LIVE) == Window(at("05:35"), at("07:05"))
    assert scopes.horizon(FIVE_MINUTES, LIVE) == Window(at("05:35"), at("08:05"))


def test_a_night_replaces_exactly_its_day() -> None:
    assert (
        scopes.recent(NIGHT, NIGHTLY)
        == scopes.horizon(NIGHT, NIGHTLY)
        == scopes.runs_under_way(NIGHT, NIGHTLY)
        == NIGHT
    )
    assert scopes.service_days(NIGHT, NIGHTLY) == [date(2024, 3, 12)]


def test_a_live_window_shortly_after_four_touches_two_days_of_service() -> None:
    early = Window(at("03:20"), at("03:25"))
    assert scopes.service_days(early, LIVE) == [date(2024, 3, 11), date(2024, 3, 12)]
    assert scopes.runs_under_way(early, LIVE).start == at("20:55", date(2024, 3, 11))


def test_a_live_run_looks_at_movements_since_the_day_began_but_not_for_ever() -> None:
    assert scopes.runs_under_way(FIVE_MINUTES, LIVE).start == at("03:00")
    assert scopes.runs_under_way(Window(at("17:00"), at("17:05")), LIVE).start == at("10:35")


def test_overrides_keep_the_type_of_the_param() -> None:
    params = with_overrides(
        for_cadence("live"), ["timezone=America/New_York", "skip_cost_s=1200", "learn=true", "lookback_min=60"]
    )
    assert (params.timezone, params.skip_cost_s, params.learn, params.lookback_min) == (
        "America/New_York",
        1200.0,
        True,
        60,
    )


@pytest.mark.parametrize(
    "override", ["skip_costs=1", "skip_cost_s", "skip_cost_s=much", "learn=perhaps", "otp_rules=x"]
)
def test_an_override_that_makes_no_sense_is_refused(override: str) -> None:
    with pytest.raises(ValueError, match="param"):
        with_overrides(LIVE, [override])
