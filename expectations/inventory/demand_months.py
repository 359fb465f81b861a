"""Lake: units issued of each material in each observed month, each month once."""

from expectations.contract import Table, whole
from expectations.inventory import monthly_demand
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="inventory",
    name="demand_months",
    meaning="Observed months of demand by location and material, without repeats and without padding.",
    key=("location_id", "material_id", "month"),
    columns=(*monthly_demand.COLUMNS, *ORIGIN),
    replace=whole(),
    may_be_empty=True,
)
