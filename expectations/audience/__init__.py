"""Contracts of the audience pipeline: what lands (LANDING) and what the lake holds (LAKE)."""

from expectations.audience import pixel_dim, pixel_events, segment_dim, segment_events
from expectations.contract import Table

LANDING: tuple[Table, ...] = (segment_events.TABLE, pixel_events.TABLE, segment_dim.TABLE, pixel_dim.TABLE)
LAKE: tuple[Table, ...] = ()
ALL: tuple[Table, ...] = (*LANDING, *LAKE)
