"""Lake: the back-test by segment, and the method that it picks."""

from expectations.contract import WARNING, Column, Rule, Table, whole
from expectations.inventory.inv_backtest import METHODS

TABLE = Table(
    pipeline="inventory",
    name="inv_backtest_segments",
    meaning="Target against achieved service by segment, method and target.",
    key=("segment", "method", "target"),
    columns=(
        Column("segment", "string", "demand class and criticality, e.g. lumpy/H; - for none"),
        Column("method", "string", "how the reorder point was found", allowed=METHODS),
        Column("target", "double", "cycle-service level aimed at", minimum=0, maximum=1),
        Column("materials", "bigint", "materials of the segment that were judged", minimum=1),
        Column("windows", "bigint", "lead times that were judged", minimum=1),
        Column("achieved_cycle", "double", "share of these without a shortage", minimum=0, maximum=1),
        Column("achieved_lo", "double", "lower end of its 95 % interval (Wilson)", minimum=0, maximum=1),
        Column("achieved_hi", "double", "upper end of that interval", minimum=0, maximum=1),
        Column("overshoot", "double", "achieved_cycle less target", minimum=-1, maximum=1),
        Column("achieved_fill", "double", "share of the demand met at once", nullable=True, minimum=0, maximum=1),
        Column("stockouts", "bigint", "months in which not all was met", minimum=0),
        Column("holding_units", "double", "mean stock, summed over the materials", unit="units", minimum=0),
        Column("holding_value", "double", "its value, where prices are known", nullable=True, minimum=0),
        Column("picked", "boolean", "the method to use for this segment and target"),
        Column("as_of", "date", "business day of the run", metadata=True),
    ),
    replace=whole(),
    rules=(
        Rule.row(
            "within_interval",
            "achieved_lo <= achieved_cycle + 1e-9 AND achieved_cycle <= achieved_hi + 1e-9",
            "An achieved service lies within its interval.",
        ),
        Rule.none(
            "one_pick",
            "SELECT segment, target FROM {batch} GROUP BY segment, target"
            " HAVING sum(CASE WHEN picked THEN 1 ELSE 0 END) <> 1",
            "One method is picked for each segment and target.",
        ),
        Rule.none(
            "targets_met",
            "SELECT * FROM (SELECT avg(CASE WHEN achieved_hi >= target THEN 1 ELSE 0 END) AS share FROM {batch}"
            " WHERE picked) WHERE share < 0.93",
            "In at least 93 % of the segments the achieved service, or its interval, reaches the target.",
            WARNING,
        ),
    ),
    may_be_empty=True,
)
