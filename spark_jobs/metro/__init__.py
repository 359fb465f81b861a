"""Metro: from the signalling system's events to who ran which trip, when, and how punctual that was.

Names only: the DAGs read this file and must not load Spark with it.
"""

STAGES = ("timetable", "movements", "readings", "visits", "matching", "punctuality")

# Lake tables that a release moves; the live tier has all but those of SETTLED_ONLY.
TABLES = (
    "timetable",
    "movements",
    "clock_offsets",
    "signal_readings",
    "visits",
    "departure_offsets",
    "stop_visits",
    "planned_calls",
    "trips_performed",
    "match_state",
    "kpi_daily",
    "kpi_15min",
    "otp_sensitivity",
)
SETTLED_ONLY = ("clock_offsets", "departure_offsets")

MARTS = ("punctuality_daily", "punctuality_15min", "punctuality_sensitivity", "stop_visits", "planned_calls")
