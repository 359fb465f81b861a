"""Landing: the materials that are kept in stock somewhere, how they are bought, and what is there of them."""

from expectations.contract import Column, Rule, Table, whole

# What the master says of a material beyond its name; all but the name may be unknown.
FACTS = (
    Column("price", "double", "price of a unit", nullable=True, minimum=0),
    Column("currency", "string", "currency of price and costs", nullable=True),
    Column("uom", "string", "unit of measure that it is kept in", nullable=True),
    Column("mrp_type", "string", "whether it is kept in stock today", nullable=True, allowed=("stock", "nonstock")),
    Column("min_level", "double", "reorder point in use today", nullable=True, unit="units", minimum=0),
    Column("max_level", "double", "order-up-to level in use today", nullable=True, unit="units", minimum=0),
    Column("stock_on_hand", "double", "stock", nullable=True, unit="units", minimum=0),
    Column("on_order", "double", "ordered and not yet received", nullable=True, unit="units", minimum=0),
    Column("min_order_qty", "double", "fewest units that the supplier sends", nullable=True, unit="units", minimum=0),
    Column("shelf_life_months", "double", "how long a unit keeps", nullable=True, unit="months", minimum=0),
    Column("downtime_cost_per_day", "double", "what a day costs on which it is missed", nullable=True, minimum=0),
)

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
    Column(
        "criticality",
        "string",
        "what a shortage does, as the plant judges it: H stops the plant, M hampers it, L is felt later",
        nullable=True,
        allowed=("H", "M", "L"),
    ),
    Column(
        "installed_total",
        "double",
        "pieces of equipment that need it, as the master counts them; the bill of materials stands over it",
        nullable=True,
        minimum=0,
    ),
    *FACTS,
)

TABLE = Table(
    pipeline="inventory",
    name="material_master",
    meaning="Materials by stocking location, with price, planned lead time, criticality, levels and stock.",
    key=("location_id", "material_id"),
    columns=COLUMNS,
    replace=whole(),
    rules=(
        Rule.row(
            "min_below_max", "min_level <= max_level", "The level to order at is not above the one to order up to."
        ),
    ),
    landing=True,
)
