"""Landing: planned trips (GTFS trips)."""

from expectations.contract import Column, Table, whole
from expectations.metro.provenance import PLAN

TABLE = Table(
    pipeline="metro",
    name="trips",
    meaning="Planned trips with the days they run on, their block and run number (GTFS trips).",
    key=("trip_id", "plan_version"),
    columns=(
        Column("trip_id", "string", "planned trip"),
        Column("route_id", "string", "line"),
        Column("service_id", "string", "days on which the trip runs"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("trip_headsign", "string", "destination as shown to passengers", nullable=True),
        Column("block_id", "string", "trips that one vehicle runs one after the other", nullable=True),
        Column("run_number", "string", "number that the train carries in the train describer", nullable=True),
        *PLAN,
    ),
    replace=whole(),
    landing=True,
)
