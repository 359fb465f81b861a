"""Lake: what each day's run had before it, counted and left out."""

from expectations.contract import Column, Rule, Table, keys

_MAY_BE = "; an estimate where the index's counts are estimates"

TABLE = Table(
    pipeline="audience",
    name="air_run_audit",
    meaning="One row a day.",
    key=("ds",),
    columns=(
        Column("ds", "date", "day of the run"),
        Column("users", "bigint", "users in the user database at the end of the day", minimum=0),
        Column("users_before", "bigint", "users at the end of the day before; 0: none before", minimum=0),
        Column("segment_entries", "bigint", "live memberships", minimum=0),
        Column("pixel_entries", "bigint", "pixels visited, by user", minimum=0),
        Column("late_events", "bigint", "events that happened before the day on which they came", minimum=0),
        Column(
            "capped_users",
            "bigint",
            f"users with too many segments or pixels to be people: left out{_MAY_BE}",
            minimum=0,
        ),
        Column("ordered_pairs", "bigint", f"segment and pixel of one user, the segment first{_MAY_BE}", minimum=0),
        Column("unordered_pairs", "bigint", f"segment and pixel of one user, in any order{_MAY_BE}", minimum=0),
    ),
    replace=keys("ds"),
    rules=(
        Rule.none(
            "users_kept",
            "SELECT ds, users, users_before FROM {batch} WHERE users < 0.8 * users_before",
            "At least 80 % of the users of the day before are still there.",
        ),
        Rule.row("pairs_nested", "ordered_pairs <= unordered_pairs", "Pairs in order are among all pairs."),
    ),
    max_quarantine_share=0.0,  # No landing file breaks its rules: whatever does is ours.
)
