"""What the two kinds of cleaned events have in common."""

from expectations.audience.membership import DAY_S, LATEST_ARRIVAL_DAYS, day_start_sql
from expectations.contract import Column, Rule

ARRIVAL_DAY = Column("arrival_day", "date", "UTC day on which the event landed; it counts from this day on")
KNOWN = Column("known", "boolean", "whether the dimension lists the id")
RULES = (
    Rule.row(
        "not_too_late",
        f"ts >= {day_start_sql('arrival_day')} - {LATEST_ARRIVAL_DAYS * DAY_S}",
        f"An event is at most {LATEST_ARRIVAL_DAYS} days late.",
    ),
    Rule.row(
        "not_from_the_future",
        f"ts < {day_start_sql('arrival_day')} + {DAY_S}",
        "An event does not land before the day on which it happens.",
    ),
)
