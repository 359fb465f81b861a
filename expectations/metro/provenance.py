"""Columns that say where a row comes from, shared by the contracts of metro."""

from expectations.contract import Column, Rule

PLAN = (
    Column("plan_version", "string", "version of the timetable that the row belongs to"),
    Column("published_ts", "timestamp", "when that version was published"),
)


def arrival_rules(event: str) -> tuple[Rule, ...]:
    """A message reports the past, and not the far past; five seconds are left for clocks that disagree."""
    return (
        Rule.row(
            "not_from_the_future",
            f"{event} <= ingest_ts + INTERVAL 5 SECONDS",
            "Nothing is reported more than 5 s before it happens.",
        ),
        Rule.row(
            "not_too_late",
            f"{event} >= ingest_ts - INTERVAL 7 DAYS",
            "Nothing arrives more than 7 days after it happened.",
        ),
    )
