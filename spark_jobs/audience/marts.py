"""The serving tables of audience: each shows the lake table of its name."""

from expectations import audience as contracts
from spark_jobs import audience
from spark_jobs.common.serve import Mart

MARTS = tuple(Mart(table.name, table, day="ds") for table in contracts.LAKE if table.name in audience.MARTS)
