"""Lake: users put into segments, each event once, by the day on which it arrived."""

from expectations.audience.arrivals import ARRIVAL_DAY, KNOWN, RULES
from expectations.contract import Column, Rule, Table, keys
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="audience",
    name="segment_adds",
    meaning="A user was added to a segment.",
    key=("arrival_day", "event_id"),
    columns=(
        ARRIVAL_DAY,
        Column("event_id", "string", "identity of the event"),
        Column("user_id", "string", "pseudonymous user"),
        Column("segment_id", "string", "third-party audience segment"),
        Column("ts", "bigint", "when the user was added", unit="seconds since 1970-01-01 UTC", minimum=1),
        Column("source", "string", "data provider", nullable=True),
        KNOWN,
        *ORIGIN,
    ),
    replace=keys("arrival_day"),
    rules=(Rule.row("known_segment", "known", "The segment is listed in segment_dim."), *RULES),
    may_be_empty=True,
    warn_quarantine_share=0.005,
)
