"""Landing: door and passenger events of the trains, as in TIDES."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="metro",
    name="passenger_event",
    meaning="Events at the doors of trains (TIDES passenger_events).",
    key=("passenger_event_id",),
    columns=(
        Column("passenger_event_id", "string", "identity of the event"),
        Column("service_date", "date", "day of service, where the sender knows it", nullable=True),
        Column("event_timestamp", "timestamp", "when it happened, by the vehicle's clock"),
        Column("vehicle_id", "string", "vehicle (unit) that the door belongs to"),
        Column("train_car_id", "string", "car that the door belongs to"),
        Column("device_id", "string", "the door's sensor"),
        Column(
            "event_type",
            "string",
            "what happened",
            allowed=("Door opened", "Door closed", "Passenger boarded", "Passenger alighted"),
        ),
        Column("event_count", "int", "how many at once", minimum=0, maximum=400),
    ),
    replace=whole(),
    landing=True,
)
