"""Contracts of the inventory pipeline: what lands (LANDING) and what the lake holds (LAKE)."""

from expectations.contract import Table
from expectations.inventory import (
    bom,
    demand_months,
    demand_movements,
    histories,
    installed_parts,
    inv_backtest,
    inv_backtest_segments,
    inv_budget,
    inv_convergence,
    inv_ltd_distribution,
    inv_ltd_quantiles,
    inv_rationalise,
    inv_recommendation,
    inv_reorder_points,
    inv_run_audit,
    inv_stock_policy,
    lead_times,
    material_master,
    materials,
    monthly_demand,
    movements,
    receipts,
)

LANDING: tuple[Table, ...] = (
    material_master.TABLE,
    monthly_demand.TABLE,
    movements.TABLE,
    lead_times.TABLE,
    bom.TABLE,
)
LAKE: tuple[Table, ...] = (
    materials.TABLE,
    demand_months.TABLE,
    demand_movements.TABLE,
    receipts.TABLE,
    installed_parts.TABLE,
    histories.TABLE,
    inv_backtest.TABLE,
    inv_backtest_segments.TABLE,
    inv_recommendation.TABLE,
    inv_reorder_points.TABLE,
    inv_ltd_quantiles.TABLE,
    inv_run_audit.TABLE,
    inv_rationalise.TABLE,
    inv_stock_policy.TABLE,
    inv_budget.TABLE,
    inv_ltd_distribution.TABLE,
    inv_convergence.TABLE,
)
ALL: tuple[Table, ...] = (*LANDING, *LAKE)
