"""Landing: weekdays on which services run (GTFS calendar)."""

from expectations.contract import Column, Rule, Table, whole
from expectations.metro.provenance import PLAN

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

TABLE = Table(
    pipeline="metro",
    name="calendar",
    meaning="Weekdays on which a service runs, between two dates (GTFS calendar).",
    key=("service_id", "plan_version"),
    columns=(
        Column("service_id", "string", "set of days"),
        *(Column(day, "int", f"1: runs on {day.capitalize()}s", minimum=0, maximum=1) for day in WEEKDAYS),
        Column("start_date", "date", "first day of the service"),
        Column("end_date", "date", "last day of the service"),
        *PLAN,
    ),
    replace=whole(),
    rules=(Rule.row("dates_in_order", "start_date <= end_date", "A service ends after it begins."),),
    landing=True,
)
