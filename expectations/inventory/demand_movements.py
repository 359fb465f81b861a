"""Lake: goods movements, each document once, in the unit that the material is kept in."""

from expectations.contract import Column, Rule, Table, whole
from expectations.inventory import movements
from expectations.provenance import ORIGIN

TABLE = Table(
    pipeline="inventory",
    name="demand_movements",
    meaning="Issues, returns and transfers without repeats.",
    key=("document_id",),
    columns=(
        *movements.COLUMNS,
        Column("material_uom", "string", "unit that the material is kept in", nullable=True),
        Column("bookings", "bigint", "rows of its file that book it; however many, it counts once", minimum=1),
        *ORIGIN,
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "same_unit",
            "uom = material_uom",
            "A movement is booked in the unit that the material is kept in; nobody can add pieces to metres.",
        ),
    ),
    may_be_empty=True,
)
