"""Lake: which equipment needs which material, each pair once."""

from expectations.contract import Table, whole
from expectations.inventory import bom
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="inventory",
    name="installed_parts",
    meaning="Bills of materials without repeats.",
    key=("location_id", "equipment_id", "material_id"),
    columns=(*bom.COLUMNS, *ORIGIN),
    replace=whole(),
    may_be_empty=True,
)
