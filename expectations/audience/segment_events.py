"""Landing: users put into a segment by a provider, day by day of arrival."""

from expectations.audience.landing_ids import EVENT, RULES, TS
from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="audience",
    name="segment_events",
    meaning="A user was added to a segment. Files lie in the folder of the UTC day on which they arrived.",
    key=("event_id",),
    columns=(
        *EVENT,
        Column("segment_id", "string", "third-party audience segment"),
        TS,
        Column("op", "string", "add; a remove is left out", nullable=True, allowed=("add", "remove")),
        Column("source", "string", "data provider", nullable=True),
    ),
    replace=whole(),
    rules=RULES,
    landing=True,
)
