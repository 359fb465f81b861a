"""Landing: planned calls (GTFS stop_times)."""

from expectations.contract import Column, Rule, Table, whole
from expectations.metro.provenance import PLAN

_CLOCK = "RLIKE '^[0-9]{1,2}:[0-5][0-9]:[0-5][0-9]$'"

TABLE = Table(
    pipeline="metro",
    name="stop_times",
    meaning="Planned calls of a trip; times count from noon minus 12 hours and may pass 24:00:00 (GTFS stop_times).",
    key=("trip_id", "stop_sequence", "plan_version"),
    columns=(
        Column("trip_id", "string", "planned trip"),
        Column("stop_sequence", "int", "order of the call in its trip", minimum=0),
        Column("stop_id", "string", "stop of the call"),
        Column("arrival_time", "string", "planned arrival, HH:MM:SS", nullable=True),
        Column("departure_time", "string", "planned departure, HH:MM:SS"),
        Column("platform_stop_id", "string", "platform, where stop_id names a station", nullable=True),
        Column("timepoint", "int", "1: punctuality is measured here", nullable=True, minimum=0, maximum=1),
        *PLAN,
    ),
    replace=whole(),
    rules=(
        Rule.row("arrival_is_clock", f"arrival_time {_CLOCK}", "A planned arrival reads HH:MM:SS."),
        Rule.row("departure_is_clock", f"departure_time {_CLOCK}", "A planned departure reads HH:MM:SS."),
    ),
    landing=True,
)
