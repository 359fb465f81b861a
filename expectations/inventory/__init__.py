"""Contracts of the inventory pipeline: what lands (LANDING) and what the lake holds (LAKE)."""

from expectations.contract import Table
from expectations.inventory import (
    histories,
    inv_recommendation,
    inv_reorder_points,
    material_master,
    materials,
    monthly_demand,
)

LANDING: tuple[Table, ...] = (material_master.TABLE, monthly_demand.TABLE)
LAKE: tuple[Table, ...] = (histories.TABLE, materials.TABLE, inv_recommendation.TABLE, inv_reorder_points.TABLE)
ALL: tuple[Table, ...] = (*LANDING, *LAKE)
