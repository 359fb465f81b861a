"""Landing: what segments are, and to which group each belongs from when to when."""

from expectations.audience.ids import is_bare_sql
from expectations.contract import Column, Rule, Table, whole

COLUMNS = (
    Column("segment_id", "string", "third-party audience segment"),
    Column("segment_name", "string", "what people call it"),
    Column("group_id", "string", "group of segments that it is compared within; null or blank: none", nullable=True),
    Column("group_name", "string", "what people call the group", nullable=True),
    Column("path", "string", "place in the provider's taxonomy, e.g. Demographics > Age > 25-34", nullable=True),
    Column("valid_from", "date", "first day on which this holds"),
    Column("valid_to", "date", "last day on which this holds; null: still", nullable=True),
)
RULES = (
    Rule.row("valid_in_order", "valid_from <= valid_to", "A segment's entry does not end before it begins."),
    Rule.row("segment_trimmed", is_bare_sql("segment_id"), "A segment id has no white space around it."),
)

TABLE = Table(
    pipeline="audience",
    name="segment_dim",
    meaning="Segments with their group. The file that landed last says what holds.",
    key=("segment_id", "valid_from"),
    columns=COLUMNS,
    replace=whole(),
    rules=RULES,
    landing=True,
)
