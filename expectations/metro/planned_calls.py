"""Lake: every planned departure with what became of it: the denominator of every key figure."""

from expectations.contract import Column, Rule, Table, window

STATUSES = ("RUN", "RUN_OTHER_PLATFORM", "CANCELLED", "PART_CANCELLED", "NOT_OBSERVED", "PENDING")

TABLE = Table(
    pipeline="metro",
    name="planned_calls",
    meaning="Planned departures, each with exactly one status and at most one visit.",
    key=("service_date", "trip_id", "stop_sequence"),
    columns=(
        Column("service_date", "date", "day of service"),
        Column("trip_id", "string", "planned trip"),
        Column("stop_sequence", "int", "order of the call in its trip", minimum=0),
        Column("route_id", "string", "line"),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("stop_id", "string", "platform by plan"),
        Column("station_id", "string", "station"),
        Column("stop_role", "string", "place of the call in its trip", allowed=("ORIGIN", "INTERMEDIATE", "TERMINAL")),
        Column("timepoint", "boolean", "punctuality is measured here"),
        Column("planned_departure_s", "int", "planned departure since noon minus 12 hours", unit="s", minimum=0),
        Column("planned_departure_ts", "timestamp", "planned departure"),
        Column("plan_version", "string", "version of the timetable"),
        Column("status", "string", "what became of the departure", allowed=STATUSES),
        Column("run_id", "string", "run that served it", nullable=True),
        Column("visit_seq", "int", "visit of that run", nullable=True, minimum=0),
        Column(
            "match_method",
            "string",
            "pass in which the pair was found",
            nullable=True,
            allowed=("RUN_NUMBER", "ASSIGNMENT", "RESIDUAL"),
        ),
        Column(
            "deviation_dep_s",
            "double",
            "departure after plan; at the end of a trip the arrival",
            nullable=True,
            unit="s",
        ),
        Column("loaded_at", "timestamp", "end of the run's window", metadata=True),
    ),
    replace=window("planned_departure_ts"),
    rules=(
        Rule.unique("service_date", "run_id", "visit_seq", sentence="No visit is matched with two planned departures."),
        Rule.none(
            "status_fits_visit",
            "SELECT trip_id, stop_sequence, status FROM {batch}"
            " WHERE (run_id IS NOT NULL) <> (status IN ('RUN', 'RUN_OTHER_PLATFORM'))",
            "A planned departure has run exactly when a visit is matched with it.",
        ),
        Rule.gx(
            "ExpectColumnValuesToBeBetween",
            "Matched departures lie within 40 minutes of the plan.",
            name="deviation",
            column="deviation_dep_s",
            min_value=-2400,
            max_value=2400,
        ),
    ),
    may_be_empty=True,
)
