"""Lake: the timetable as it stood on each day of service."""

from expectations.contract import WARNING, Column, Rule, Table, keys
from expectations.metro.provenance import PLAN

TABLE = Table(
    pipeline="metro",
    name="timetable",
    meaning="Every planned call of a day of service, by the version of the plan that was in force at its departure.",
    key=("service_date", "trip_id", "stop_sequence"),
    columns=(
        Column("service_date", "date", "day of service: begins at 04:00 local time"),
        Column("trip_id", "string", "planned trip"),
        Column("stop_sequence", "int", "order of the call in its trip", minimum=0),
        Column("route_id", "string", "line"),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("stop_id", "string", "platform, or the stop where the plan names no platform"),
        Column("station_id", "string", "station of the stop"),
        Column("planned_arrival_ts", "timestamp", "planned arrival", nullable=True),
        Column(
            "planned_departure_s",
            "int",
            "planned departure since noon minus 12 hours; from 04:00 to 28:00, which is when the day of service ends",
            unit="s",
            minimum=4 * 3600,
            maximum=28 * 3600 - 1,
        ),
        Column("planned_departure_ts", "timestamp", "planned departure"),
        Column("stop_role", "string", "place of the call in its trip", allowed=("ORIGIN", "INTERMEDIATE", "TERMINAL")),
        Column("run_number", "string", "number that the train is to carry", nullable=True),
        Column("block_id", "string", "trips that one vehicle is to run one after the other", nullable=True),
        Column("timepoint", "boolean", "punctuality is measured here"),
        *PLAN,
    ),
    replace=keys("service_date"),
    rules=(
        Rule.row(
            "arrival_first",
            "planned_arrival_ts <= planned_departure_ts",
            "A train is planned to arrive before it departs.",
        ),
        Rule.none(
            "calls_in_order",
            "SELECT trip_id, stop_sequence FROM (SELECT *, lag(planned_departure_s)"
            " OVER (PARTITION BY service_date, trip_id ORDER BY stop_sequence) AS before_s"
            " FROM {batch}) WHERE planned_departure_s < before_s",
            "Planned departures of a trip never go back in time.",
            WARNING,
        ),
    ),
    may_be_empty=True,
)
