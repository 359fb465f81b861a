"""Lake: which trip each run was given, for the next live window to hold on to."""

from expectations.contract import Column, Table, keys

TABLE = Table(
    pipeline="metro",
    name="match_state",
    meaning="The trip of each run of the day, as of the last window that saw the run.",
    key=("service_date", "run_id"),
    columns=(
        Column("service_date", "date", "day of service"),
        Column("run_id", "string", "the train's run"),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("trip_id", "string", "planned trip, none while there is none", nullable=True),
        Column(
            "method",
            "string",
            "pass in which the trip was found",
            nullable=True,
            allowed=("RUN_NUMBER", "ASSIGNMENT", "RESIDUAL"),
        ),
        Column(
            "status",
            "string",
            "what the run is to the plan",
            allowed=("SCHEDULED", "EXTRA", "SHORT_TURN", "NON_REVENUE", "UNMATCHED"),
        ),
        Column("first_pair_ts", "timestamp", "anchor of the run's first matched visit", nullable=True),
        Column("pinned", "boolean", "old enough that later windows keep the trip"),
        Column("loaded_at", "timestamp", "end of the window that saw the run last", metadata=True),
    ),
    replace=keys("service_date"),
    may_be_empty=True,
)
