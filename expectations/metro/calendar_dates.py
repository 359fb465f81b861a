"""Landing: days on which a service runs by exception (GTFS calendar_dates)."""

from expectations.contract import Column, Table, whole
from expectations.metro.provenance import PLAN

TABLE = Table(
    pipeline="metro",
    name="calendar_dates",
    meaning="Days that are added to or taken from a service (GTFS calendar_dates).",
    key=("service_id", "date", "plan_version"),
    columns=(
        Column("service_id", "string", "set of days"),
        Column("date", "date", "day of the exception"),
        Column("exception_type", "int", "1: runs on this day, 2: does not", minimum=1, maximum=2),
        *PLAN,
    ),
    replace=whole(),
    landing=True,
)
