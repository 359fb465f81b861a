"""Lake: receipts of purchase orders, each once."""

from expectations.contract import Table, whole
from expectations.inventory import lead_times
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="inventory",
    name="receipts",
    meaning="Receipts of purchase orders without repeats.",
    key=("location_id", "material_id", "order_id"),
    columns=(*lead_times.COLUMNS, *ORIGIN),
    replace=whole(),
    may_be_empty=True,
)
