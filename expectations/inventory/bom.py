"""Landing: bills of materials: which equipment needs which material."""

from expectations.contract import Column, Table, whole

COLUMNS = (
    Column("location_id", "string", "stocking location; _ where there is only one"),
    Column("equipment_id", "string", "equipment"),
    Column("material_id", "string", "material that it is made of"),
    Column("qty", "double", "units of it in one piece of equipment", minimum=0),
    Column(
        "equipment_criticality",
        "string",
        "what its standstill does: H stops the plant, M hampers it, L is felt later",
        allowed=("H", "M", "L"),
    ),
    Column("installed_count", "double", "pieces of this equipment at the location", minimum=0),
)

TABLE = Table(
    pipeline="inventory",
    name="bom",
    meaning="Bills of materials by location.",
    key=("location_id", "equipment_id", "material_id"),
    columns=COLUMNS,
    replace=whole(),
    landing=True,
)
