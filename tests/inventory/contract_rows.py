"""Rows of inventory's tables that are valid, and what breaks each rule."""

from datetime import date
from typing import Any

RANGE = {"rop_lo": 3.0, "rop": 4.0, "rop_hi": 5.0}
SAID = {"reason": "Said."}

# What makes a random row of a table valid beyond its columns' own statements.
VALID: dict[str, dict[str, Any]] = {
    "material_master": {"min_level": 2.0, "max_level": 5.0},
    "materials": {"min_level": 2.0, "max_level": 5.0},
    "monthly_demand": {"month": date(2024, 3, 1)},
    "demand_months": {"month": date(2024, 3, 1)},
    "movements": {"movement_type": "issue", "qty": 2.0, "uom": "EA"},
    "demand_movements": {"movement_type": "issue", "qty": 2.0, "uom": "EA", "material_uom": "EA"},
    "histories": {"quantities": [0.0, 2.0], "lead_times": [1.5], "has_master": True, "currency": "EUR"},
    "inv_reorder_points": {"ci_low": 3.0, "reorder_point": 4.0, "ci_high": 5.0} | SAID,
    "inv_recommendation": {"n_periods": 12, "n_nonzero": 3, "ltd_mean": 1.5, "safety_stock": 2.5, "status": "computed"}
    | {"order_qty": 6.0, "max_level": 10.0}
    | RANGE
    | SAID,
    "inv_backtest": {"windows": 4, "covered": 3, "demand": 9.0, "filled": 8.0},
    "inv_backtest_segments": {
        "target": 0.7,
        "achieved_lo": 0.6,
        "achieved_cycle": 0.7,
        "achieved_hi": 0.8,
        "picked": True,
    },
    "inv_stock_policy": {"rule": "cost", "policy": "stock", "cost_stock": 1.0, "cost_nonstock": 2.0},
    "inv_convergence": RANGE,
}

SAME: dict[str, Any] = {"location_id": "L", "material_id": "M"}
NO_NUMBER, NO_TEXT = "CAST(NULL AS DOUBLE)", "CAST(NULL AS STRING)"

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    ("material_master", "min_below_max"): {"min_level": "max_level + 1D"},
    ("monthly_demand", "first_of_month"): {"month": "date_add(month, 1)"},
    ("movements", "sign_of_type"): {"qty": "-qty"},
    ("demand_movements", "same_unit"): {"uom": "'KG'"},
    ("lead_times", "ordered_first"): {"gr_date": "date_sub(po_date, 1)"},
    ("lead_times", "within_two_years"): {"gr_date": "date_add(po_date, 731)"},
    ("histories", "demand_not_negative"): {"quantities": "array(1D, -1D)"},
    ("histories", "lead_times_in_range"): {"lead_times": "array(1D, 25D)"},
    ("inv_reorder_points", "point_in_interval"): {"reorder_point": "ci_high + 1D"},
    ("inv_reorder_points", "point_or_reason"): {"reorder_point": NO_NUMBER, "reason": NO_TEXT},
    ("inv_recommendation", "nonzero_of_periods"): {"n_nonzero": "n_periods + 1"},
    ("inv_recommendation", "rop_in_interval"): {"rop": "rop_lo - 1D"},
    ("inv_recommendation", "rop_unless_failed"): {"rop": NO_NUMBER},
    ("inv_recommendation", "failed_with_reason"): {"status": "'failed'", "reason": NO_TEXT},
    ("inv_recommendation", "safety_stock_adds_up"): {"safety_stock": "rop - ltd_mean + 1D"},
    ("inv_recommendation", "max_adds_up"): {"max_level": "rop + order_qty + 1D"},
    ("inv_backtest", "covered_of_windows"): {"covered": "windows + 1"},
    ("inv_backtest", "filled_of_demand"): {"filled": "demand + 1D"},
    ("inv_backtest_segments", "within_interval"): {"achieved_hi": "achieved_cycle - 0.01D"},
    ("inv_stock_policy", "cheaper_by_cost"): {"policy": "'nonstock'"},
    ("inv_convergence", "rop_in_interval"): {"rop": "rop_hi + 1D"},
}

# Rows that, each of them there twice, break every rule of a table's suite at once, its row count apart; not named: any row does.
SCOPES: dict[str, tuple[dict[str, Any], ...]] = {
    "histories": (SAME | {"price": 0.0}, SAME | {"has_master": False, "currency": "NOK"}),
    # Twice the same segment, both picked, neither near its target.
    "inv_backtest_segments": ({"segment": "lumpy/H", "method": "exact", "target": 0.9},),
    "inv_recommendation": (SAME | {"status": "failed"}, SAME),
    "inv_reorder_points": (
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 5.0},
        {"location_id": "L", "item": "M", "target": 0.9, "reorder_point": 4.0},
    ),
    "inv_ltd_quantiles": (SAME | {"q": 0.9, "value": 5.0}, SAME | {"q": 0.9, "value": 4.0}),
}
