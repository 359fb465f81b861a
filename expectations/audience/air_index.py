"""Lake: the audience index of the newest day; that of each day before stays readable under the day's tag."""

from expectations.audience.index_columns import COLUMNS, RULES
from expectations.contract import Table, state

TABLE = Table(
    pipeline="audience",
    name="air_index",
    meaning="How much more, or less, common a segment is among a pixel's visitors than in its group.",
    key=("pixel_id", "segment_id"),
    columns=COLUMNS,
    replace=state(),
    rules=RULES,
    may_be_empty=True,
    max_quarantine_share=0.0,  # No landing file breaks its rules: whatever does is ours.
)
