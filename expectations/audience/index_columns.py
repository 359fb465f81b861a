"""The columns and rules of an index, shared by its newest state and its history."""

from expectations.audience.statuses import STATUSES, WITHHELD
from expectations.contract import Column, Rule, sql_text

COLUMNS = (
    Column("ds", "date", "day at the end of which it was computed"),
    Column("advertiser_id", "string", "owner of the pixel"),
    Column("pixel_id", "string", "pixel"),
    Column("segment_id", "string", "third-party audience segment"),
    Column("group_id", "string", "group of segments that it is compared within"),
    Column(
        "matched_users", "bigint", "users of the segment who joined it before they first visited the pixel", minimum=0
    ),
    Column("group_users", "bigint", "users with any segment of the group joined before the first visit", minimum=0),
    Column("segment_users", "bigint", "users of the segment", minimum=1),
    Column("group_total", "bigint", "users with any segment of the group", minimum=1),
    Column("expected", "double", "matched users if visitors were like the group", minimum=0),
    Column(
        "audience_index",
        "double",
        "share of the segment among visitors against its share in the group; 100: alike",
        nullable=True,
        unit="%",
        minimum=0,
    ),
    Column("ci_low", "double", "lower end of its 95 % Wilson interval", nullable=True, unit="%", minimum=0),
    Column("ci_high", "double", "upper end of that interval", nullable=True, unit="%", minimum=0),
    Column("z", "double", "distance from expected in hypergeometric standard deviations", nullable=True),
    Column(
        "q_value",
        "double",
        "share of false findings among the pixel's cells at least as far from expected (Benjamini-Hochberg)",
        nullable=True,
        minimum=0,
        maximum=1,
    ),
    Column(
        "share_excluded_by_order",
        "double",
        "share of users with segment and pixel who joined the segment only after the visit",
        nullable=True,
        minimum=0,
        maximum=1,
    ),
    Column("status", "string", "what the index means, or why there is none", allowed=STATUSES),
    Column("is_approx", "boolean", "whether the counts are estimates from a sample of users"),
    Column("matched_low", "bigint", "of an estimate: lower 95 % bound of matched_users", nullable=True, minimum=0),
    Column("matched_high", "bigint", "of an estimate: upper bound", nullable=True, minimum=0),
)

_WITHHELD = ", ".join(map(sql_text, WITHHELD))
RULES = (
    Rule.row(
        "counts_nested",
        "is_approx OR (matched_users <= group_users AND group_users <= group_total"
        " AND matched_users <= segment_users AND segment_users <= group_total)",
        "Matched users are among the group's visitors and among the segment, and both are in the group.",
    ),
    Rule.row(
        "index_unless_withheld",
        f"(audience_index IS NULL) = (status IN ({_WITHHELD}))",
        "An index is withheld if and only if its status says so.",
    ),
    Rule.row("interval_in_order", "ci_low <= ci_high", "The interval's lower end is not above its upper end."),
    Rule.row(
        "index_adds_up",
        "status = 'trivial' OR abs(audience_index * expected - 100 * matched_users) <= 1e-6 * (1 + 100 * matched_users)",
        "The index is matched users against expected ones.",
    ),
    Rule.row("bounds_of_estimates", "is_approx = (matched_low IS NOT NULL)", "An estimate carries its bounds."),
    Rule.none(
        "group_covered",
        "SELECT group_id, pixel_id FROM {batch} WHERE NOT is_approx GROUP BY group_id, pixel_id"
        " HAVING sum(segment_users) < max(group_total)",
        "The segments of a group have, together, at least as many users as the group.",
    ),
)
