"""The serving tables of inventory: which lake table each one shows."""

from expectations.inventory import inv_recommendation, inv_reorder_points
from spark_jobs.common.serve import Mart

MARTS = (
    Mart("inv_recommendation", inv_recommendation.TABLE, day="as_of"),
    Mart("inv_reorder_points", inv_reorder_points.TABLE, day="as_of"),
)
