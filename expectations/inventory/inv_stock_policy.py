"""Lake: which materials to keep in stock at all."""

from expectations.contract import Column, Rule, Table, whole

POLICIES = ("stock", "nonstock")

TABLE = Table(
    pipeline="inventory",
    name="inv_stock_policy",
    meaning="Stock or non-stock by location and material.",
    key=("location_id", "material_id"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("cost_stock", "double", "what a year of keeping it costs", nullable=True, minimum=0),
        Column("cost_nonstock", "double", "what a year of ordering on demand costs", nullable=True, minimum=0),
        Column("policy", "string", "recommended; nonstock: order on demand", allowed=POLICIES),
        Column("current_policy", "string", "in use today", nullable=True, allowed=POLICIES),
        Column(
            "rule",
            "string",
            "what decided",
            allowed=("cost", "critical_and_slow", "uncritical_and_slow", "kept", "no_demand"),
        ),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "cheaper_by_cost",
            "rule <> 'cost' OR (policy = 'stock') = (cost_stock <= cost_nonstock)",
            "Where costs decide, the cheaper policy is recommended.",
        ),
    ),
    may_be_empty=True,
)
