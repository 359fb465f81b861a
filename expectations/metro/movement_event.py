"""Landing: what the interlockings say about trains, one message an event."""

from expectations.contract import Column, Table, whole
from expectations.metro.provenance import arrival_rules

EVENT_TYPES = ("OCCUPY", "RELEASE", "STEP", "INTERPOSE", "CANCEL")

COLUMNS = (
    Column("event_id", "string", "identity of the message"),
    Column("source_system", "string", "interlocking that sent it"),
    Column("message_seq", "bigint", "running number of the message within its interlocking", minimum=0),
    Column("event_ts", "timestamp", "when it happened, by the interlocking's clock"),
    Column("ingest_ts", "timestamp", "when it reached us"),
    Column("event_type", "string", "what happened to the section or the train describer", allowed=EVENT_TYPES),
    Column("section_id", "string", "track section where it happened"),
    Column("prev_section_id", "string", "section the train came from", nullable=True),
    Column("next_section_id", "string", "section the train goes to", nullable=True),
    Column("train_describer", "string", "run number in the train describer's berth", nullable=True),
    Column("vehicle_ids", "array<string>", "vehicles of the train, front first", nullable=True),
    Column("line_id", "string", "line that the train runs on", nullable=True),
    Column("destination_code", "string", "where the train is going", nullable=True),
)

TABLE = Table(
    pipeline="metro",
    name="movement_event",
    meaning="Messages of the interlockings about sections that become occupied or free and about train describers.",
    key=("event_id",),
    columns=COLUMNS,
    replace=whole(),
    rules=arrival_rules("event_ts"),
    landing=True,
)
