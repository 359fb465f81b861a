"""Contracts of the audience pipeline: what lands (LANDING) and what the lake holds (LAKE)."""

from expectations.audience import (
    air_index,
    air_run_audit,
    air_trend,
    pixel_dim,
    pixel_events,
    pixel_visits,
    pixels,
    segment_adds,
    segment_dim,
    segment_events,
    segments,
    udb,
    user_days,
)
from expectations.contract import Table

LANDING: tuple[Table, ...] = (segment_events.TABLE, pixel_events.TABLE, segment_dim.TABLE, pixel_dim.TABLE)
LAKE: tuple[Table, ...] = (
    segments.TABLE,
    pixels.TABLE,
    segment_adds.TABLE,
    pixel_visits.TABLE,
    user_days.TABLE,
    udb.TABLE,
    air_index.TABLE,
    air_trend.TABLE,
    air_run_audit.TABLE,
)
ALL: tuple[Table, ...] = (*LANDING, *LAKE)
