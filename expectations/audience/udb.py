"""Lake: the user database, whole, as it is at the end of a day."""

from expectations.audience.membership import DAY_S, MEMBERSHIP_DAYS, day_start_sql
from expectations.contract import SPANS, WARNING, Column, Rule, Table, state

TABLE = Table(
    pipeline="audience",
    name="udb",
    meaning="A row a user: the segments that it is in and the pixels that it has visited.",
    key=("user_id",),
    columns=(
        Column("user_id", "string", "pseudonymous user"),
        Column("segments", SPANS, "by live segment: first and last add", unit="seconds since 1970-01-01 UTC"),
        Column("pixels", SPANS, "by pixel: first and last visit", unit="seconds since 1970-01-01 UTC"),
        Column("updated_ds", "date", "day at the end of which this holds"),
    ),
    replace=state(bucketed_by="user_id"),
    rules=(
        Rule.row(
            "spans_in_order",
            "forall(map_values(segments), s -> s.min <= s.max) AND forall(map_values(pixels), p -> p.min <= p.max)",
            "A first instant does not lie after the last.",
        ),
        Rule.row(
            "live_segments_only",
            f"forall(map_values(segments), s -> s.max >= {day_start_sql('updated_ds')} - "
            f"{(MEMBERSHIP_DAYS - 1) * DAY_S})",
            f"A user is in a segment for {MEMBERSHIP_DAYS} days after the last add.",
        ),
        Rule.row("not_empty", "size(segments) + size(pixels) > 0", "A user without segments and pixels is left out."),
        Rule.none(
            "case_of_ids",
            "SELECT lower(user_id) AS id, count(*) AS users FROM {batch} GROUP BY lower(user_id) HAVING count(*) > 1",
            "No two user ids differ by case alone; they are kept as different users.",
            WARNING,
        ),
    ),
    may_be_empty=True,
    max_quarantine_share=0.0,  # No landing file breaks its rules: whatever does is ours.
)
