"""Inventory: from the monthly demand of each material to the stock level at which to order again.

Names only: the DAG reads this file and must not load Spark with it.
"""

STAGES = ("histories", "recommendations")

# Lake tables that a release moves. Recommendations are made at night only, so the live tier has none of them.
TABLES = ("histories", "materials", "inv_recommendation", "inv_reorder_points")
SETTLED_ONLY = TABLES

MARTS = ("inv_recommendation", "inv_reorder_points")
