"""Lake: the stock level at which to order a material again, and what it rests on."""

from expectations.contract import WARNING, Column, Rule, Table, whole

CLASSES = ("smooth", "erratic", "intermittent", "lumpy", "none", "single")

TABLE = Table(
    pipeline="inventory",
    name="inv_recommendation",
    meaning="One recommendation by location and material, at the service level of the material's criticality.",
    key=("location_id", "material_id"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("class", "string", "demand class by ADI and CV²", nullable=True, allowed=CLASSES),
        Column("n_periods", "bigint", "observed months", minimum=0),
        Column("n_nonzero", "bigint", "of these, months with demand", minimum=0),
        Column("adi", "double", "observed months a month with demand", nullable=True, unit="months", minimum=1),
        Column("cv2", "double", "squared coefficient of variation of the sizes (ddof 1)", nullable=True, minimum=0),
        Column("p01", "double", "P(demand) after a month without", nullable=True, minimum=0, maximum=1),
        Column("p11", "double", "P(demand) after a month with", nullable=True, minimum=0, maximum=1),
        Column("lt_mean", "double", "mean lead time that was used", nullable=True, unit="months", minimum=1),
        Column("ltd_mean", "double", "mean demand over the lead time", nullable=True, unit="units", minimum=0),
        Column("ltd_sd", "double", "its standard deviation", nullable=True, unit="units", minimum=0),
        Column(
            "ltd_mcse",
            "double",
            "standard error of the simulated mean; 0: exact",
            nullable=True,
            unit="units",
            minimum=0,
        ),
        Column("service_level", "double", "cycle-service level aimed at", minimum=0, maximum=1),
        Column("rop", "double", "reorder point: smallest sufficient stock", nullable=True, unit="units", minimum=0),
        Column("rop_lo", "double", "lower end of its 95 % interval", nullable=True, unit="units", minimum=0),
        Column("rop_hi", "double", "upper end of its 95 % interval", nullable=True, unit="units", minimum=0),
        Column("safety_stock", "double", "rop less ltd_mean; negative for a low target", nullable=True, unit="units"),
        Column("method", "string", "how the distribution was found", allowed=("bootstrap", "exact", "none")),
        Column("jitter", "boolean", "sizes that were never seen could be drawn"),
        Column("status", "string", "none: there was no demand", allowed=("computed", "none", "failed")),
        Column("reason", "string", "why it was done so, where that is not plain", nullable=True),
        Column("as_of", "date", "business day of the run", metadata=True),
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
        Rule.none(
            "few_fail",
            "SELECT * FROM (SELECT avg(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) AS failed_share FROM {batch})"
            " WHERE failed_share >= 0.001",
            "Fewer than 1 in 1,000 materials fail.",
            WARNING,
        ),
    ),
)
