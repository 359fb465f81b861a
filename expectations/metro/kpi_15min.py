"""Lake: punctuality and regularity by quarter of an hour, line and direction."""

from expectations.contract import Column, Table, keys
from expectations.metro.measures import MEASURES, SPREAD, consistent

TABLE = Table(
    pipeline="metro",
    name="kpi_15min",
    meaning="Punctuality and regularity of a quarter of an hour by line and direction, for each punctuality window.",
    key=("service_date", "slot_start", "route_id", "direction_id", "otp_rule"),
    columns=(
        Column("slot_start", "timestamp", "start of the quarter of an hour of the planned departures"),
        *MEASURES,
        *SPREAD,
    ),
    replace=keys("service_date"),
    rules=consistent(),
    may_be_empty=True,
)
