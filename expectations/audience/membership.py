"""How long what a provider said of a user holds, and how late it may be said."""

from expectations.contract import Column

DS = Column("ds", "date", "day at the end of which this was known", metadata=True)
LISTED_SINCE = Column("listed_since", "date", "day on which the first file that lists it arrived")
DAY_S = 86_400
# A user who was not added to a segment for so long is in it no more: the rule of the market, and no setting.
MEMBERSHIP_DAYS = 30
LATEST_ARRIVAL_DAYS = 7
# Segments without a group; they are compared with nothing.
UNGROUPED = "ungrouped"


def day_start_sql(day: str) -> str:
    """SQL: where a date begins, in seconds since 1970-01-01 UTC."""
    return f"datediff({day}, DATE '1970-01-01') * {DAY_S}L"
