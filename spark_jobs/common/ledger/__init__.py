"""The ledger: which run answers for which window, who may write, what was proven, and what is released.

It lives in PostgreSQL and needs neither Spark nor Great Expectations, so Airflow's light tasks use it directly.
"""

from spark_jobs.common.ledger.leases import LeaseHeld
from spark_jobs.common.ledger.records import Attempt, Receipt, Release, Run, Verdict
from spark_jobs.common.ledger.store import Ledger

__all__ = ["Attempt", "LeaseHeld", "Ledger", "Receipt", "Release", "Run", "Verdict"]
