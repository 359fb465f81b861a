"""What every landed event of the audience pipeline must be, whichever kind it is."""

from expectations.audience.ids import bare_sql
from expectations.contract import Column, Rule

# Above it a number of seconds would lie in the year 5138; it is milliseconds.
LARGEST_SECOND = 100_000_000_000

EVENT = (
    Column("event_id", "string", "identity of the event; landed twice in a day, it is one event"),
    Column("user_id", "string", "pseudonymous user; white space around it does not count, case does"),
)
TS = Column("ts", "bigint", "when it happened", unit="seconds since 1970-01-01 UTC", minimum=1)
RULES = (
    Rule.row("event_not_empty", f"{bare_sql('event_id')} <> ''", "An event id is not empty."),
    Rule.row("user_not_empty", f"{bare_sql('user_id')} <> ''", "A user id is not empty."),
    Rule.row(
        "seconds_not_milliseconds",
        f"ts <= {LARGEST_SECOND}",
        "ts is in seconds: a value above 1e11 is in milliseconds and is not guessed at.",
    ),
)
