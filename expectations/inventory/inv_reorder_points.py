"""Lake: reorder points of each material for a list of service levels."""

from expectations.contract import Column, Rule, Table, whole
from expectations.inventory.methods import COMPARED, NO_METHOD, SIMULATED

TABLE = Table(
    pipeline="inventory",
    name="inv_reorder_points",
    meaning="The smallest stock that covers the demand over a lead time with the target probability, before any floor.",
    key=("location_id", "item", "target"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("item", "string", "material"),
        Column("lead_time_months", "double", "mean lead time that was used", nullable=True, unit="months", minimum=1),
        Column(
            "target",
            "double",
            "cycle-service level: P(demand over the lead time <= reorder_point)",
            minimum=0,
            maximum=1,
        ),
        Column(
            "reorder_point",
            "double",
            "smallest sufficient stock; null: not found",
            nullable=True,
            unit="units",
            minimum=0,
        ),
        Column(
            "ci_low",
            "double",
            "lower end of the 95 % interval of the simulation",
            nullable=True,
            unit="units",
            minimum=0,
        ),
        Column("ci_high", "double", "upper end of that interval", nullable=True, unit="units", minimum=0),
        Column("method", "string", "how the distribution was found", allowed=(*SIMULATED, *COMPARED, NO_METHOD)),
        Column("reason", "string", "why so, where that is not plain; what of its data does not count", nullable=True),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "point_in_interval",
            "ci_low <= reorder_point AND reorder_point <= ci_high",
            "A reorder point lies within its interval.",
        ),
        Rule.row(
            "point_or_reason",
            "(reorder_point IS NOT NULL AND ci_low IS NOT NULL AND ci_high IS NOT NULL) OR reason IS NOT NULL",
            "A material without a reorder point says why.",
        ),
        Rule.none(
            "rising",
            "SELECT item, target, reorder_point FROM (SELECT *, max(reorder_point) OVER (PARTITION BY location_id, item"
            " ORDER BY target ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below FROM {batch})"
            " WHERE reorder_point < below",
            "A higher target never has a lower reorder point.",
        ),
    ),
)
