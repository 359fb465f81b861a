"""Inventory: from the demand of each material to the stock level at which to order again, and what to do about the stock.

Names only: the DAG reads this file and must not load Spark with it.
"""

STAGES = ("ingest", "histories", "backtest", "recommendations", "review")

# What planners and BI tools read: each is a table of the lake under the same name.
MARTS = (
    "inv_recommendation",
    "inv_reorder_points",
    "inv_ltd_quantiles",
    "inv_backtest_segments",
    "inv_rationalise",
    "inv_stock_policy",
    "inv_budget",
    "inv_ltd_distribution",
    "inv_convergence",
    "inv_run_audit",
)

# Lake tables that a release moves. Recommendations are made at night only, so the live tier has none of them.
TABLES = (
    "materials",
    "demand_months",
    "demand_movements",
    "receipts",
    "installed_parts",
    "histories",
    "inv_backtest",
    *MARTS,
)
SETTLED_ONLY = TABLES
