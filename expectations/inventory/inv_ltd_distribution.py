"""Lake: the whole distribution of the demand over a lead time, for the materials that matter most."""

from expectations.contract import Column, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_ltd_distribution",
    meaning="Probabilities of the demand over a lead time, for the materials whose value changes most.",
    key=("location_id", "material_id", "units"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("units", "double", "demand over a lead time; the lower edge of a bin", unit="units", minimum=0),
        Column("width", "double", "width of the bin", unit="units", minimum=0),
        Column("probability", "double", "share of the simulated lead times", minimum=0, maximum=1),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    may_be_empty=True,
)
