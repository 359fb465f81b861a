"""Lake: stock that nobody asks for, and what to do with it."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_rationalise",
    meaning="Slow movers and excess stock by location and material.",
    key=("location_id", "material_id"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("months_since_issue", "bigint", "observed months since the last demand", nullable=True, minimum=0),
        Column("idle", "string", "how long that is, in months", allowed=("under 12", "12", "24", "36", "never")),
        Column("stock_value", "double", "stock on hand at its price", nullable=True, minimum=0),
        Column("cover_years", "double", "stock / mean yearly demand", nullable=True, unit="years", minimum=0),
        Column("excess_units", "double", "stock and orders above max_level", nullable=True, unit="units", minimum=0),
        Column("excess_value", "double", "excess_units at their price", nullable=True, minimum=0),
        Column(
            "action",
            "string",
            "transfer: another location has less than its reorder point",
            allowed=("keep", "reduce", "dispose", "transfer"),
        ),
        Column("transfer_to", "string", "the location with the largest shortage", nullable=True),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    may_be_empty=True,
)
