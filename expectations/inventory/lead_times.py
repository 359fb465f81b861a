"""Landing: how long orders took to arrive."""

from expectations.contract import Column, Rule, Table, whole

COLUMNS = (
    Column("location_id", "string", "stocking location; _ where there is only one"),
    Column("material_id", "string", "material"),
    Column("order_id", "string", "purchase order and item"),
    Column("po_date", "date", "day of the order"),
    Column("gr_date", "date", "day of the goods receipt"),
)

TABLE = Table(
    pipeline="inventory",
    name="lead_times",
    meaning="Receipts of purchase orders. Where a material has any, its lead time is drawn from them and not planned.",
    key=("location_id", "material_id", "order_id"),
    columns=COLUMNS,
    replace=whole(),
    rules=(
        Rule.row("ordered_first", "gr_date >= po_date", "Goods are received on or after the day of their order."),
        Rule.row("within_two_years", "datediff(gr_date, po_date) <= 730", "Goods arrive within 730 days of the order."),
    ),
    landing=True,
)
