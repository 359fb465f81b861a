"""Landing: the materials that are kept in stock somewhere, and how long they take to arrive."""

from expectations.contract import Column, Table, whole

COLUMNS = (
    Column("location_id", "string", "stocking location; _ where there is only one"),
    Column("material_id", "string", "material"),
    Column(
        "lead_time_months",
        "double",
        "planned time from order to receipt; null: not known",
        nullable=True,
        unit="months",
        minimum=0,
        # 730 days.
        maximum=24,
    ),
    Column("price", "double", "price of a unit", nullable=True, minimum=0),
    Column(
        "criticality",
        "string",
        "what a shortage does: H stops the plant, M hampers it, L is felt later",
        nullable=True,
        allowed=("H", "M", "L"),
    ),
)

TABLE = Table(
    pipeline="inventory",
    name="material_master",
    meaning="Materials by stocking location, with price, planned lead time and criticality.",
    key=("location_id", "material_id"),
    columns=COLUMNS,
    replace=whole(),
    landing=True,
)
