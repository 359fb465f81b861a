"""Lake: how an index that is shown moves from day to day."""

from expectations.audience.index_columns import COLUMNS
from expectations.contract import Table, keys

TOLD = ("ds", "advertiser_id", "pixel_id", "segment_id", "group_id", "matched_users", "audience_index", "ci_low")

TABLE = Table(
    pipeline="audience",
    name="air_trend",
    meaning="Of each day the indexes that are shown by default: enough for a line through the runs.",
    key=("ds", "pixel_id", "segment_id"),
    columns=tuple(column for column in COLUMNS if column.name in (*TOLD, "ci_high", "status")),
    replace=keys("ds"),
    may_be_empty=True,
    max_quarantine_share=0.0,  # No landing file breaks its rules: whatever does is ours.
)
