"""Lake: readings of signalling assets, each once."""

from expectations.contract import Table, window
from expectations.metro import signal_reading
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="metro",
    name="signal_readings",
    meaning="Readings of signalling assets without repeats.",
    key=("reading_id",),
    columns=(*signal_reading.COLUMNS, *ORIGIN),
    replace=window("reading_ts"),
    may_be_empty=True,
)
