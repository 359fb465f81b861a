"""Lake: value in stock against value at risk."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_budget",
    meaning="Value in stock, recommended and at risk by location and criticality; materials with a price only.",
    key=("location_id", "criticality"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("criticality", "string", "H, M or L; - for none", allowed=("H", "M", "L", "-")),
        Column("materials", "bigint", "materials", minimum=1),
        Column("value_in_stock", "double", "stock on hand at its price", minimum=0),
        Column("value_recommended", "double", "mean stock under the recommendation at its price", minimum=0),
        Column("value_at_risk", "double", "demand expected to be short over a lead time, at its price", minimum=0),
        Column("value_excess", "double", "stock and orders above the recommended levels, at their price", minimum=0),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    may_be_empty=True,
)
