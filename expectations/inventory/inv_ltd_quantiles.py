"""Lake: the distribution of the demand over a lead time, by quantiles."""

from expectations.contract import Column, Rule, Table, whole

TABLE = Table(
    pipeline="inventory",
    name="inv_ltd_quantiles",
    meaning="Quantiles of the demand over a lead time by location and material.",
    key=("location_id", "material_id", "q"),
    columns=(
        Column("location_id", "string", "stocking location"),
        Column("material_id", "string", "material"),
        Column("q", "double", "probability of a demand of at most value", minimum=0, maximum=1),
        Column("value", "double", "demand over a lead time", unit="units", minimum=0),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.none(
            "rising",
            "SELECT material_id, q, value FROM (SELECT *, max(value) OVER (PARTITION BY location_id, material_id"
            " ORDER BY q ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below FROM {batch}) WHERE value < below",
            "A higher quantile is never smaller.",
        ),
    ),
    may_be_empty=True,
)
