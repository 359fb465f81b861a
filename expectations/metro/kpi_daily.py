"""Lake: punctuality and regularity by day, line and direction."""

from expectations.contract import Table, keys
from expectations.metro.measures import MEASURES, SPREAD, consistent

TABLE = Table(
    pipeline="metro",
    name="kpi_daily",
    meaning="Punctuality and regularity of a day by line and direction, for each punctuality window.",
    key=("service_date", "route_id", "direction_id", "otp_rule"),
    columns=(*MEASURES, *SPREAD),
    replace=keys("service_date"),
    rules=consistent(),
    may_be_empty=True,
)
