"""Landing: what the signalling assets measure and report."""

from expectations.contract import Column, Rule, Table, whole
from expectations.metro.provenance import arrival_rules

COLUMNS = (
    Column("reading_id", "string", "identity of the reading"),
    Column("asset_id", "string", "track circuit, signal, point or counter that reports"),
    Column(
        "asset_type",
        "string",
        "kind of asset",
        allowed=("TRACK_CIRCUIT", "SIGNAL", "POINT", "POINT_MOTOR", "AXLE_COUNTER"),
    ),
    Column("reading_ts", "timestamp", "when it was measured"),
    Column("ingest_ts", "timestamp", "when it reached us"),
    Column(
        "metric",
        "string",
        "what was measured",
        allowed=("STATE", "ASPECT", "POSITION", "CURRENT_A", "VOLTAGE_V", "THROW_TIME_MS", "COUNT"),
    ),
    Column("value_num", "double", "A, V, ms or a count, as the metric says", nullable=True, minimum=0),
    Column("value_str", "string", "state, aspect or position", nullable=True),
)

TABLE = Table(
    pipeline="metro",
    name="signal_reading",
    meaning="Readings of signalling assets: states as they change and analogue values at intervals.",
    key=("reading_id",),
    columns=COLUMNS,
    replace=whole(),
    rules=(
        *arrival_rules("reading_ts"),
        Rule.row(
            "value_fits_metric",
            "CASE WHEN metric IN ('STATE', 'ASPECT', 'POSITION')"
            " THEN value_str IS NOT NULL ELSE value_num IS NOT NULL END",
            "A state, aspect or position comes as text, every other metric as a number.",
        ),
    ),
    landing=True,
)
