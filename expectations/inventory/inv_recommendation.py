"""Lake: the stock levels of a material that are recommended, and what they rest on."""

from expectations.contract import WARNING, Column, Rule, Table, whole
from expectations.inventory.methods import CLASSES, COMPARED, CRITICALITIES, NO_METHOD, SIMULATED


def _units(name: str, meaning: str) -> Column:
    return Column(name, "double", meaning, nullable=True, unit="units", minimum=0)


def _number(name: str, meaning: str, **more: object) -> Column:
    return Column(name, "double", meaning, nullable=True, **more)  # type: ignore[arg-type]


TABLE = Table(
    pipeline="inventory",
    name="inv_recommendation",
    meaning="One recommendation by location and material, at the service level of the material's criticality.",
    key=("location_id", "material_id"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("class", "string", "demand class by ADI and CV²", nullable=True, allowed=CLASSES),
        Column("criticality", "string", "H, M or L", nullable=True, allowed=CRITICALITIES),
        Column("n_periods", "bigint", "observed months", minimum=0),
        Column("n_nonzero", "bigint", "of these, months with demand", minimum=0),
        _number("adi", "observed months a month with demand", unit="months", minimum=1),
        _number("cv2", "squared coefficient of variation of the sizes (ddof 1)", minimum=0),
        _number("p01", "P(demand) after a month without", minimum=0, maximum=1),
        _number("p11", "P(demand) after a month with", minimum=0, maximum=1),
        _number("lt_mean", "mean lead time that was used", unit="months", minimum=1),
        _units("ltd_mean", "mean demand over the lead time"),
        _units("ltd_sd", "its standard deviation"),
        _units("ltd_mcse", "standard error of the simulated mean; 0: exact"),
        Column("n_iterations", "bigint", "iterations of the simulation; 0: none", minimum=0),
        Column("service_level", "double", "cycle-service level aimed at", minimum=0, maximum=1),
        _units("rop", "reorder point: smallest sufficient stock"),
        _units("rop_lo", "lower end of its 95 % interval"),
        _units("rop_hi", "upper end of its 95 % interval"),
        Column("safety_stock", "double", "rop less ltd_mean; negative for a low target", nullable=True, unit="units"),
        _number(
            "fill_rate",
            "1 less the units expected short in a cycle / order_qty; null where rop was raised to a floor",
            maximum=1,
        ),
        _units("order_qty", "economic order quantity within what supplier and shelf life allow"),
        _units("max_level", "rop and order_qty together: order up to this"),
        _units("current_min", "reorder point in use today"),
        _units("current_max", "order-up-to level in use today"),
        _number("price", "price of a unit", minimum=0),
        Column("delta_units", "double", "max_level less current_max", nullable=True, unit="units"),
        Column("delta_value", "double", "delta_units at their price", nullable=True),
        _units("shortage_now", "units expected short over a lead time from today's stock and orders"),
        _number("value_at_risk", "shortage_now at its price", minimum=0),
        Column("method", "string", "how the distribution was found", allowed=(*SIMULATED, *COMPARED, NO_METHOD)),
        Column("jitter", "boolean", "sizes that were never seen could be drawn"),
        _number("gpd_xi", "shape of the tail that sizes were drawn from"),
        _number("gpd_beta", "scale of that tail", unit="units", minimum=0),
        Column("status", "string", "none: there was no demand", allowed=("computed", "none", "failed")),
        Column("reason", "string", "why so, where that is not plain; what of its data does not count", nullable=True),
        Column("input_hash", "bigint", "hash of all that it was computed from"),
        Column("as_of", "date", "business day of the run", metadata=True),
        Column("computed_on", "date", "business day of the run that computed it", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.row("nonzero_of_periods", "n_nonzero <= n_periods", "No more months have demand than were observed."),
        Rule.row("rop_in_interval", "rop_lo <= rop AND rop <= rop_hi", "A reorder point lies within its interval."),
        Rule.row(
            "rop_unless_failed",
            "status = 'failed' OR (rop IS NOT NULL AND rop_lo IS NOT NULL AND rop_hi IS NOT NULL)",
            "Every material that did not fail has a reorder point with its interval.",
        ),
        Rule.row("failed_with_reason", "status <> 'failed' OR reason IS NOT NULL", "What failed says why."),
        Rule.row(
            "safety_stock_adds_up",
            "abs(safety_stock - (rop - ltd_mean)) <= 1e-6 * greatest(1, rop)",
            "Safety stock is the reorder point less the mean demand over the lead time.",
        ),
        Rule.row(
            "max_adds_up",
            "abs(max_level - (rop + order_qty)) <= 1e-6 * greatest(1, max_level)",
            "The level to order up to is the reorder point and one order.",
        ),
        Rule.none(
            "few_fail",
            "SELECT * FROM (SELECT avg(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed_share FROM {batch})"
            " WHERE failed_share >= 0.001",
            "Fewer than 1 in 1,000 materials fail.",
            WARNING,
        ),
    ),
)
