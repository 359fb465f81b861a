"""What an index means, and when there is none."""

NO_GROUP_VISITORS, UNGROUPED, REFUSED = "no_group_visitors", "ungrouped", "overlap_too_small"
TRIVIAL, LOW_COUNT, OVER, UNDER, NEUTRAL = "trivial", "low_count", "over", "under", "neutral"

WITHHELD = (NO_GROUP_VISITORS, UNGROUPED, REFUSED)
# Shown by default; the rest is there for those who ask.
SHOWN = (OVER, UNDER, NEUTRAL)
STATUSES = (*WITHHELD, TRIVIAL, LOW_COUNT, *SHOWN)
