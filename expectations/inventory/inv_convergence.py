"""Lake: how a reorder point settles as the simulation goes on, for the materials that matter most."""

from expectations.contract import Column, Rule, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_convergence",
    meaning="Reorder point and interval after more and more iterations, for the materials whose value changes most.",
    key=("location_id", "material_id", "iterations"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("iterations", "bigint", "iterations so far", minimum=1),
        Column("rop", "double", "reorder point", unit="units", minimum=0),
        Column("rop_lo", "double", "lower end of its 95 % interval", unit="units", minimum=0),
        Column("rop_hi", "double", "upper end of its 95 % interval", unit="units", minimum=0),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.row("rop_in_interval", "rop_lo <= rop AND rop <= rop_hi", "A reorder point lies within its interval."),
    ),
    may_be_empty=True,
)
