"""Landing: lines (GTFS routes)."""

from expectations.contract import Column, Table, whole
from expectations.metro.provenance import PLAN

TABLE = Table(
    pipeline="metro",
    name="routes",
    meaning="Lines and the group of lines within which trains are matched with trips (GTFS routes).",
    key=("route_id", "plan_version"),
    columns=(
        Column("route_id", "string", "line"),
        Column("route_short_name", "string", "name of the line as passengers know it"),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column(
            "agency_timezone", "string", "time zone of the timetable, where it is not the pipeline's own", nullable=True
        ),
        *PLAN,
    ),
    replace=whole(),
    landing=True,
)
