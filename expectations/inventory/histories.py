"""Lake: all that is known of a material, in one row: what its recommendation is computed from."""

from expectations.contract import WARNING, Column, Rule, Table, whole
from expectations.inventory import material_master

TABLE = Table(
    pipeline="inventory",
    name="histories",
    meaning="One row a material: its observed months in order of time, its lead times, how critical it is, and its stock.",
    key=("location_id", "material_id"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("has_master", "boolean", "whether the material master knows it"),
        Column("first_month", "date", "first observed month", nullable=True),
        Column("last_month", "date", "last observed month", nullable=True),
        Column("quantities", "array<double>", "units of each observed month, in order of time; returns taken off"),
        Column("missing_months", "bigint", "months between first and last that were not observed", minimum=0),
        Column("months_since_issue", "bigint", "observed months since the last demand", nullable=True, minimum=0),
        Column("returns_clipped", "double", "units returned for which no issue was found", unit="units", minimum=0),
        Column("left_out", "string", "what landed of its demand and does not count, by kind", nullable=True),
        Column(
            "lead_times", "array<double>", "lead times of its receipts, else the planned one, else none", unit="months"
        ),
        Column("criticality", "string", "H, M or L", nullable=True, allowed=("H", "M", "L")),
        Column("criticality_score", "double", "score behind it, where it has one", nullable=True, minimum=0, maximum=1),
        Column("criticality_source", "string", "who says so", allowed=("plant", "score", "none")),
        Column("installed_total", "double", "pieces of equipment that need it", nullable=True, minimum=0),
        *material_master.FACTS,
        Column("input_hash", "bigint", "hash of all that its recommendation is computed from"),
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "demand_not_negative", "forall(quantities, q -> q >= 0)", "No month has a demand below 0 after returns."
        ),
        Rule.row(
            "lead_times_in_range",
            "forall(lead_times, m -> m >= 0 AND m <= 24)",
            "A lead time lies between 0 and 24 months (730 days).",
        ),
        Rule.none(
            "priced",
            "SELECT location_id, material_id FROM {batch} WHERE price = 0",
            "No material has a price of 0.",
            WARNING,
        ),
        Rule.none(
            "one_currency",
            "SELECT * FROM (SELECT count(DISTINCT currency) AS currencies FROM {batch}) WHERE currencies > 1",
            "All prices are in one currency: sums of values add them up.",
            WARNING,
        ),
        Rule.none(
            "mastered",
            "SELECT * FROM (SELECT avg(CASE WHEN has_master THEN 1 ELSE 0 END) AS share FROM {batch}"
            " WHERE size(quantities) > 0) WHERE share < 0.95",
            "At least 95 % of the materials with demand are in the material master.",
        ),
    ),
)
