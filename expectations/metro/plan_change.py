"""Landing: changes that traffic control makes to the plan of the day."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="metro",
    name="plan_change",
    meaning="Trips and calls that traffic control cancels, adds or moves on the day.",
    key=("trip_id", "service_date", "stop_sequence", "ts"),
    columns=(
        Column("trip_id", "string", "planned trip"),
        Column("service_date", "date", "day of service"),
        Column("stop_sequence", "int", "the one call that is meant; none: the whole trip", nullable=True, minimum=0),
        Column("change", "string", "what is done", allowed=("CANCEL", "PART_CANCEL", "EXTRA", "PLATFORM", "RETIME")),
        Column("ts", "timestamp", "when it was decided"),
        Column("reason_code", "string", "why", nullable=True),
    ),
    replace=whole(),
    landing=True,
)
