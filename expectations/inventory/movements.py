"""Landing: goods movements as an ERP books them, one by one."""

from expectations.contract import Column, Rule, Table, whole

COLUMNS = (
    Column("location_id", "string", "stocking location; _ where there is only one"),
    Column("material_id", "string", "material"),
    Column("document_id", "string", "material document and item; booked twice, it is one movement"),
    Column("posting_date", "date", "day on which it was booked"),
    Column(
        "movement_type",
        "string",
        "issue: to the plant; return: back from it; transfer: between locations, which is no demand",
        allowed=("issue", "return", "transfer"),
    ),
    Column("qty", "double", "units: above 0 for an issue, below 0 for a return"),
    Column("uom", "string", "unit of measure; null: the material's own", nullable=True),
)

TABLE = Table(
    pipeline="inventory",
    name="movements",
    meaning="Goods movements of materials. Where a month has any row here or in monthly_demand, it was observed.",
    key=("document_id",),
    columns=COLUMNS,
    replace=whole(),
    rules=(
        Rule.row(
            "sign_of_type",
            "CASE movement_type WHEN 'issue' THEN qty > 0 WHEN 'return' THEN qty < 0 ELSE true END",
            "An issue has a quantity above 0, a return one below 0.",
        ),
    ),
    landing=True,
)
