"""Audience: from segment and pixel events to the index that compares a site's visitors with the population.

Names only: the DAG reads this file and must not load Spark with it.
"""

STAGES = ("dimensions", "events", "days", "udb", "index")

# What the report and BI tools read: each is a table of the lake under the same name.
# The first is swapped in whole.
MARTS = ("air_index", "air_trend", "air_run_audit", "segments", "pixels")

# The table that each day goes on from as the day before left it.
STATE = "udb"

# Lake tables that a release moves. The index is made at night only, so the live tier has none of them.
TABLES = ("segment_adds", "pixel_visits", "user_days", "udb", *MARTS)
SETTLED_ONLY = TABLES
