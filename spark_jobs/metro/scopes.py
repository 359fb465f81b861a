"""What a run of metro reads and replaces, by its window and params; the cadences differ in the params only."""

from datetime import date, timedelta

from spark_jobs.common.window import Window
from spark_jobs.metro.params import MetroParams


def recent(window: Window, params: MetroParams) -> Window:
    """The window and what lies up to the lookback before it: late messages change what is not long ago, also after a gap."""
    return window.extended(before=timedelta(minutes=params.lookback_min))


def horizon(window: Window, params: MetroParams) -> Window:
    """Planned departures whose verdict the run gives: the recent past and, while the day goes on, the near future."""
    ahead = 0 if params.day_over else params.plan_ahead_min
    return recent(window, params).extended(after=timedelta(minutes=ahead))


def service_days(window: Window, params: MetroParams) -> list[date]:
    """Days of service that the recent window touches."""
    return recent(window, params).business_days(params.timezone, params.service_day_cut_h)


def plan_files(window: Window, params: MetroParams) -> Window:
    """Files of plan and register arrive days before, and traffic control decides hours before."""
    return window.extended(before=timedelta(days=params.plan_reach_days))


def day_to_date(window: Window, params: MetroParams) -> Window:
    """From the start of the first service day that the run touches to the window's end."""
    past = recent(window, params)
    return Window(past.business_day_start(params.timezone, params.service_day_cut_h), past.end)


def runs_under_way(window: Window, params: MetroParams) -> Window:
    """Movements of every run that can have a visit in the recent window."""
    past = recent(window, params)
    start = max(day_to_date(window, params).start, past.start - timedelta(minutes=params.run_reach_min))
    return Window(start, past.end)


def arrived_by(window: Window, params: MetroParams) -> Window:
    """The instants at which a message may have arrived to count: a replayed window sees what it saw first."""
    return Window(window.start - timedelta(days=8), window.end + timedelta(minutes=params.late_wait_min))
