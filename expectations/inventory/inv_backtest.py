"""Lake: what each method would have recommended for a material in the past, and what came of it."""

from expectations.contract import Column, Rule, Table, whole
from expectations.inventory.methods import COMPARED, CRITICALITIES, CURRENT, JITTERED, SIMULATED

METHODS = (*SIMULATED, JITTERED, *COMPARED, CURRENT)

TABLE = Table(
    pipeline="inventory",
    name="inv_backtest",
    meaning="Back-test by material, method and target: fitted to the months before, judged by those that followed.",
    key=("location_id", "material_id", "method", "target"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("segment", "string", "demand class and criticality, e.g. lumpy/H; - for none"),
        Column("class", "string", "demand class"),
        Column("criticality", "string", "H, M or L", nullable=True, allowed=CRITICALITIES),
        Column("method", "string", "how the reorder point was found; current: the one in use today", allowed=METHODS),
        Column("target", "double", "cycle-service level aimed at", minimum=0, maximum=1),
        Column("windows", "bigint", "lead times that were judged, each fitted anew to the months before it", minimum=1),
        Column("covered", "bigint", "of these, without a shortage", minimum=0),
        Column("months", "bigint", "months that a stock was run with the demand that came", minimum=0),
        Column("demand", "double", "demand in these months", unit="units", minimum=0),
        Column("filled", "double", "of it, met from stock at once", unit="units", minimum=0),
        Column("stockout_months", "bigint", "months in which not all was met", minimum=0),
        Column("mean_stock", "double", "mean stock at the end of a month", unit="units", minimum=0),
        Column("mean_value", "double", "mean_stock at its price; null: no price", nullable=True, minimum=0),
    ),
    replace=whole(),
    rules=(
        Rule.row("covered_of_windows", "covered <= windows", "No more lead times were covered than were judged."),
        Rule.row("filled_of_demand", "filled <= demand + 1e-6", "No more was met than was asked for."),
    ),
    may_be_empty=True,
)
