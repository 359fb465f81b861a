"""Params and scopes: what differs between the cadences, and what a run may override."""

from datetime import date, timedelta

import pytest

from expectations.metro import calendar, calendar_dates, infra_section, plan_change, routes, stop_times, stops, trips
from spark_jobs import metro
from spark_jobs.common import pipelines
from spark_jobs.common.stage import Landed
from spark_jobs.common.window import Window
from spark_jobs.metro import scopes
from spark_jobs.metro.params import LIVE, NIGHTLY, MetroParams, for_cadence, with_overrides
from tests.metro.clock import at

FIVE_MINUTES = Window(at("07:00"), at("07:05"))
PLAN = (calendar, calendar_dates, routes, stop_times, trips)
NIGHT = Window.parse("2024-03-12T04:00:00+01:00", "2024-03-13T04:00:00+01:00")


def test_a_live_run_replaces_ninety_minutes_back_and_an_hour_of_plan_ahead() -> None:
    assert scopes.recent(FIVE_MINUTES, LIVE) == Window(at("05:35"), at("07:05"))
    assert scopes.horizon(FIVE_MINUTES, LIVE) == Window(at("05:35"), at("08:05"))


def test_after_a_gap_what_was_late_before_it_is_replaced_too() -> None:
    assert scopes.recent(Window(at("08:00"), at("10:00")), LIVE) == Window(at("06:35"), at("10:00"))


@pytest.mark.parametrize("params", [LIVE, NIGHTLY], ids=["live", "night"])
@pytest.mark.parametrize("stage", metro.STAGES)
def test_what_lands_days_or_hours_ahead_is_looked_for_in_every_stage_that_reads_it(
    stage: str, params: MetroParams
) -> None:
    built = pipelines.stage("metro", stage)
    ahead = [module.TABLE.name for module in (stops, infra_section, plan_change, *PLAN)]
    windows = [
        (read.read_window or built.read_window)(NIGHT, params)
        for read in built.reads
        if isinstance(read, Landed) and read.table.name in ahead
    ]
    assert {NIGHT.start - window.start for window in windows} <= {timedelta(days=params.plan_reach_days)}


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
    "override",
    [
        "skip_costs=1",
        "skip_cost_s",
        "skip_cost_s=much",
        "run_number_max_dev_s=nan",
        "skip_cost_s=-inf",
        "learn=perhaps",
        "otp_rules=x",
    ],
)
def test_an_override_that_makes_no_sense_is_refused(override: str) -> None:
    with pytest.raises(ValueError, match="param"):
        with_overrides(LIVE, [override])
