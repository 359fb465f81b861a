"""Lake: the audience index of every day."""

from expectations.audience.index_columns import COLUMNS
from expectations.contract import Table, keys

TABLE = Table(
    pipeline="audience",
    name="air_index_history",
    meaning="The rows of air_index, kept by day.",
    key=("ds", "pixel_id", "segment_id"),
    columns=COLUMNS,
    replace=keys("ds"),
    may_be_empty=True,
)
