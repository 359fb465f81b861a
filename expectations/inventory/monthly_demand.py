"""Landing: units issued of a material in a month."""

from expectations.contract import Column, Rule, Table, whole

COLUMNS = (
    Column("location_id", "string", "stocking location; _ where there is only one"),
    Column("material_id", "string", "material"),
    Column("month", "date", "first day of the month"),
    Column("qty", "double", "units issued in the month; 0: none were, no row: the month was not observed", minimum=0),
)

TABLE = Table(
    pipeline="inventory",
    name="monthly_demand",
    meaning="Demand by month. A month without a row was not observed; it is never taken for one without demand.",
    key=("location_id", "material_id", "month"),
    columns=COLUMNS,
    replace=whole(),
    rules=(Rule.row("first_of_month", "day(month) = 1", "A month is named by its first day."),),
    landing=True,
)
