"""The serving tables of metro: which lake table each one shows."""

from expectations.metro import kpi_15min, kpi_daily, otp_sensitivity, planned_calls, stop_visits
from spark_jobs.common.serve import Mart

MARTS = (
    Mart("punctuality_daily", kpi_daily.TABLE),
    Mart("punctuality_15min", kpi_15min.TABLE),
    Mart("punctuality_sensitivity", otp_sensitivity.TABLE),
    Mart("stop_visits", stop_visits.TABLE),
    Mart("planned_calls", planned_calls.TABLE),
)
