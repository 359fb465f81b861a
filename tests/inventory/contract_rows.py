"""Rows of inventory's tables that are valid, and what breaks each rule that a contract states itself."""

from datetime import date
from typing import Any

# What makes a random row of a table valid beyond its columns' own statements.
VALID: dict[str, dict[str, Any]] = {
    "monthly_demand": {"month": date(2024, 3, 1)},
    "inv_reorder_points": {"ci_low": 3.0, "reorder_point": 4.0, "ci_high": 5.0, "reason": "Said."},
    "inv_recommendation": {
        "n_periods": 12,
        "n_nonzero": 3,
        "rop_lo": 3.0,
        "rop": 4.0,
        "rop_hi": 5.0,
        "ltd_mean": 1.5,
        "safety_stock": 2.5,
        "status": "computed",
        "reason": "Said.",
    },
}

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    ("monthly_demand", "first_of_month"): {"month": "date_add(month, 1)"},
    ("inv_reorder_points", "point_in_interval"): {"reorder_point": "ci_high + 1D"},
    ("inv_reorder_points", "point_or_reason"): {
        "reorder_point": "CAST(NULL AS DOUBLE)",
        "reason": "CAST(NULL AS STRING)",
    },
    ("inv_recommendation", "nonzero_of_periods"): {"n_nonzero": "n_periods + 1"},
    ("inv_recommendation", "rop_in_interval"): {"rop": "rop_lo - 1D"},
    ("inv_recommendation", "rop_unless_failed"): {"rop": "CAST(NULL AS DOUBLE)"},
    ("inv_recommendation", "failed_with_reason"): {"status": "'failed'", "reason": "CAST(NULL AS STRING)"},
    ("inv_recommendation", "safety_stock_adds_up"): {"safety_stock": "rop - ltd_mean + 1D"},
}
