"""Lake: how long after the start of movement the next section becomes occupied, learnt per platform."""

from expectations.contract import Column, Table, keys

TABLE = Table(
    pipeline="metro",
    name="departure_offsets",
    meaning="Seconds from the start of movement at a platform to the next section's OCCUPY, learnt from doors.",
    key=("service_date", "platform_stop_id", "cars", "direction_id"),
    columns=(
        Column("service_date", "date", "day of service that it was learnt from"),
        Column("platform_stop_id", "string", "platform"),
        Column("cars", "int", "units of the train; 0: unknown", minimum=0, maximum=20),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("off_dep_s", "double", "offset, drawn towards the geometric one", unit="s", minimum=-60, maximum=600),
        Column("samples", "bigint", "departures that it was learnt from", minimum=1),
    ),
    replace=keys("service_date"),
    may_be_empty=True,
)
