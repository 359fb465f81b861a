"""The serving tables of inventory: each shows the lake table of its name."""

from expectations import inventory as contracts
from spark_jobs import inventory
from spark_jobs.common.serve import Mart

MARTS = tuple(Mart(table.name, table, day="as_of") for table in contracts.LAKE if table.name in inventory.MARTS)
