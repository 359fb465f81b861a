"""Lake: the segments and their groups, as known on a day."""

from expectations.audience import segment_dim
from expectations.audience.membership import DS, LISTED_SINCE
from expectations.contract import Rule, Table, state
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="audience",
    name="segments",
    meaning="Segments with the group that each belongs to from day to day.",
    key=("segment_id", "valid_from"),
    columns=(*segment_dim.COLUMNS, LISTED_SINCE, *ORIGIN, DS),
    replace=state(),
    rules=(
        *segment_dim.RULES,
        Rule.none(
            "one_group_at_a_time",
            "SELECT segment_id, valid_from, valid_to, next_from FROM (SELECT *, lead(valid_from) OVER "
            "(PARTITION BY segment_id ORDER BY valid_from) AS next_from FROM {batch}) "
            "WHERE next_from <= coalesce(valid_to, next_from)",
            "A segment has one entry at a time: each ends before the next begins.",
        ),
    ),
)
