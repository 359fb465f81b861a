"""Lake: how much the punctuality of a line depends on the window that counts as on time."""

from expectations.contract import Column, Rule, Table, keys

TABLE = Table(
    pipeline="metro",
    name="otp_sensitivity",
    meaning="Punctuality of a day and line under a grid of windows: the window moves the figure by many points.",
    key=("service_date", "route_id", "early_s", "late_s"),
    columns=(
        Column("service_date", "date", "day of service"),
        Column("route_id", "string", "line"),
        Column("early_s", "int", "on time from this deviation", unit="s", maximum=0),
        Column("late_s", "int", "on time up to this deviation", unit="s", minimum=0),
        Column("planned", "bigint", "planned departures that count", minimum=0),
        Column("on_time", "bigint", "departures inside the window", minimum=0),
        Column("punctuality", "double", "on_time over planned", nullable=True, minimum=0, maximum=1),
    ),
    replace=keys("service_date"),
    rules=(Rule.row("on_time_of_planned", "on_time <= planned", "No more departures are on time than were planned."),),
    may_be_empty=True,
)
