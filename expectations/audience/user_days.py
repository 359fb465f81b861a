"""Lake: what the run's days tell of each user, laid out like the user database that it is joined with."""

from expectations.contract import SPANS, Column, Rule, Table, whole

TABLE = Table(
    pipeline="audience",
    name="user_days",
    meaning="A row a user with events in the run's days. Over several days an entry that lapsed in between began anew.",
    key=("user_id",),
    columns=(
        Column("user_id", "string", "pseudonymous user"),
        Column("segments", SPANS, "by segment: first and last add", unit="seconds since 1970-01-01 UTC"),
        Column("pixels", SPANS, "by pixel: first and last visit", unit="seconds since 1970-01-01 UTC"),
    ),
    replace=whole(bucketed_by="user_id"),
    rules=(
        Rule.row(
            "spans_in_order",
            "forall(map_values(segments), s -> s.min <= s.max) AND forall(map_values(pixels), p -> p.min <= p.max)",
            "A first instant does not lie after the last.",
        ),
    ),
    may_be_empty=True,
    max_quarantine_share=0.0,  # No landing file breaks its rules: whatever does is ours.
)
