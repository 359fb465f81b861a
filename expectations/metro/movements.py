"""Lake: movement messages, each once, with the interlocking's clock put right."""

from expectations.contract import WARNING, Column, Rule, Table, window
from expectations.metro import movement_event
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="metro",
    name="movements",
    meaning="Movement messages without repeats, with the time corrected for the clock of the interlocking.",
    key=("event_id",),
    columns=(
        *movement_event.COLUMNS,
        Column("corrected_ts", "timestamp", "event_ts less the clock offset of the interlocking"),
        Column("stuck", "boolean", "the section stayed occupied too long while trains went on beyond it"),
        Column("section_known", "boolean", "the register of sections has the section on that day"),
        *ORIGIN,
    ),
    replace=window("event_ts"),
    rules=(
        Rule.row("known_section", "section_known", "The register of sections has the section."),
        Rule.none(
            "lag_p95",
            "SELECT * FROM (SELECT percentile_approx(unix_millis(ingest_ts) - unix_millis(event_ts), 0.95) / 1000"
            " AS lag_p95_s FROM {batch}) WHERE lag_p95_s >= 600",
            "95 % of the messages reach us within 10 minutes.",
            WARNING,
        ),
    ),
    may_be_empty=True,
)
