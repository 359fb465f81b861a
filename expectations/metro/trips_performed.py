"""Lake: the runs of the day with the trips they performed, in TIDES columns."""

from expectations.contract import Column, Rule, Table, keys

TABLE = Table(
    pipeline="metro",
    name="trips_performed",
    meaning="Runs of trains, each matched with at most one planned trip (TIDES trips_performed).",
    key=("service_date", "trip_id_performed"),
    columns=(
        Column("service_date", "date", "day of service"),
        Column("trip_id_performed", "string", "the train's run (run_id)"),
        Column("vehicle_id", "string", "leading vehicle", nullable=True),
        Column(
            "trip_id_scheduled", "string", "planned trip that most of the run's visits were matched with", nullable=True
        ),
        Column("route_id", "string", "line that the train showed", nullable=True),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("trip_start_stop_id", "string", "first platform"),
        Column("trip_end_stop_id", "string", "last platform so far"),
        Column("actual_trip_start", "timestamp", "departure at the first platform", nullable=True),
        Column("actual_trip_end", "timestamp", "arrival at the last platform so far", nullable=True),
        Column(
            "in_service",
            "string",
            "whether it carries passengers",
            allowed=("In passenger service", "Other not in service"),
        ),
        Column(
            "schedule_relationship",
            "string",
            "whether the run was in the plan",
            allowed=("Scheduled", "Added", "Unscheduled"),
        ),
        Column("visits", "int", "visits of the run so far", minimum=1),
        Column(
            "match_method",
            "string",
            "pass in which the trip was found",
            nullable=True,
            allowed=("RUN_NUMBER", "ASSIGNMENT", "RESIDUAL"),
        ),
        Column("loaded_at", "timestamp", "end of the run's window", metadata=True),
    ),
    replace=keys("service_date"),
    rules=(Rule.row("in_order", "actual_trip_start <= actual_trip_end OR visits = 1", "A run ends after it begins."),),
    may_be_empty=True,
)
