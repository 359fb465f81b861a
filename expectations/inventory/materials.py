"""Lake: the materials to recommend a stock level for, each once."""

from expectations.contract import Table, whole
from expectations.inventory import material_master
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="inventory",
    name="materials",
    meaning="Materials by location without repeats.",
    key=("location_id", "material_id"),
    columns=(*material_master.COLUMNS, *ORIGIN),
    replace=whole(),
)
