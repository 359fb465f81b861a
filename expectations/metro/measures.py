"""Columns and rules that both punctuality tables share."""

from expectations.contract import Column, Rule

MEASURES = (
    Column("service_date", "date", "day of service"),
    Column("route_id", "string", "line"),
    Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
    Column("otp_rule", "string", "name of the punctuality window in the params"),
    Column("early_s", "int", "on time from this deviation", unit="s", maximum=0),
    Column("late_s", "int", "on time up to this deviation", unit="s", minimum=0),
    Column("planned", "bigint", "planned departures that count: not pending, not in a data gap", minimum=0),
    Column("run", "bigint", "of these, departures that ran", minimum=0),
    Column("on_time", "bigint", "of these, departures inside the window", minimum=0),
    Column("cancelled", "bigint", "planned departures that did not run", minimum=0),
    Column("not_observed", "bigint", "departures left out because of a data gap", minimum=0),
    Column("pending", "bigint", "departures whose verdict is still open", minimum=0),
)
SPREAD = (
    Column("punctuality", "double", "on_time over planned", nullable=True, minimum=0, maximum=1),
    Column("regularity", "double", "run over planned", nullable=True, minimum=0, maximum=1),
    Column("deviation_mean_s", "double", "mean deviation of the departures that ran", nullable=True, unit="s"),
    Column("deviation_median_s", "double", "median deviation of the departures that ran", nullable=True, unit="s"),
    Column("deviation_p90_s", "double", "90th percentile of that deviation", nullable=True, unit="s"),
)


def consistent() -> tuple[Rule, ...]:
    """What must add up in every row."""
    return (
        Rule.row("on_time_of_run", "on_time <= run", "No more departures are on time than ran."),
        Rule.row(
            "planned_adds_up", "planned = run + cancelled", "A planned departure that counts has run or is cancelled."
        ),
    )
