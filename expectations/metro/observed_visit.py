"""Landing: stop visits that another system has derived, in place of signalling messages."""

from expectations.contract import Column, Rule, Table, whole
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="metro",
    name="observed_visit",
    meaning="Visits of trains at stops as another system saw them, without their planned trip.",
    key=("visit_id",),
    columns=(
        Column("visit_id", "string", "identity of the visit"),
        Column("service_date", "date", "day of service"),
        Column("run_id", "string", "visits of one train's run share it"),
        Column("train_number", "string", "run number, where the other system has one", nullable=True),
        Column("line_id", "string", "line"),
        Column("corridor_group", "string", "group of lines within which runs are matched"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("stop_id", "string", "platform or stop"),
        Column("station_id", "string", "station of the stop"),
        Column("visit_seq", "int", "order of the visit in its run, from 0", minimum=0),
        Column("arrival_ts", "timestamp", "arrival", nullable=True),
        Column("departure_ts", "timestamp", "departure: start of movement towards the next stop", nullable=True),
        Column("vehicle_id", "string", "vehicle", nullable=True),
        Column("vehicle_consist", "string", "vehicles of the train", nullable=True),
        Column("revenue", "boolean", "the train carries passengers"),
        *ORIGIN,
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "has_a_time", "coalesce(arrival_ts, departure_ts) IS NOT NULL", "A visit has an arrival or a departure."
        ),
        Rule.row("in_order", "arrival_ts <= departure_ts", "A train arrives before it departs."),
    ),
    landing=True,
)
