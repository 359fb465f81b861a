"""Rows of metro's tables that are valid, and what breaks each rule."""

from typing import Any

# What makes a random row of a table valid beyond its columns' own statements.
VALID: dict[str, dict[str, Any]] = {
    "signal_reading": {"metric": "CURRENT_A", "value_num": 2.5, "value_str": None},
    "signal_readings": {"metric": "CURRENT_A", "value_num": 2.5, "value_str": None},
    "infra_section": {"length_m": 140, "stop_mark_m": 115.0},
    "stop_times": {"arrival_time": "08:00:00", "departure_time": "25:25:00"},
    "movements": {"section_known": True},
    "visits": {"run_s": 70.0, "min_run_s": 60.0},
    "kpi_daily": {"planned": 10, "run": 8, "cancelled": 2, "on_time": 7},
    "kpi_15min": {"planned": 10, "run": 8, "cancelled": 2, "on_time": 7},
    "otp_sensitivity": {"planned": 10, "on_time": 7},
}

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    ("movement_event", "not_from_the_future"): {"event_ts": "ingest_ts + INTERVAL 6 SECONDS"},
    ("movement_event", "not_too_late"): {"event_ts": "ingest_ts - INTERVAL 8 DAYS"},
    ("signal_reading", "not_from_the_future"): {"reading_ts": "ingest_ts + INTERVAL 6 SECONDS"},
    ("signal_reading", "not_too_late"): {"reading_ts": "ingest_ts - INTERVAL 8 DAYS"},
    ("signal_reading", "value_fits_metric"): {"metric": "'STATE'"},
    ("infra_section", "stop_mark_inside"): {"stop_mark_m": "length_m + 1D"},
    ("infra_section", "platform_has_stop_mark"): {"stop_mark_m": "CAST(NULL AS DOUBLE)"},
    ("infra_section", "validity_in_order"): {"valid_to": "date_sub(valid_from, 1)"},
    ("stop_times", "arrival_is_clock"): {"arrival_time": "'8 o''clock'"},
    ("stop_times", "departure_is_clock"): {"departure_time": "'08:61:00'"},
    ("calendar", "dates_in_order"): {"end_date": "date_sub(start_date, 1)"},
    ("observed_visit", "has_a_time"): {
        "arrival_ts": "CAST(NULL AS TIMESTAMP)",
        "departure_ts": "CAST(NULL AS TIMESTAMP)",
    },
    ("observed_visit", "in_order"): {"departure_ts": "arrival_ts - INTERVAL 1 SECOND"},
    ("timetable", "arrival_first"): {"planned_arrival_ts": "planned_departure_ts + INTERVAL 1 SECOND"},
    ("movements", "known_section"): {"section_known": "false"},
    ("visits", "in_order"): {"departure_ts": "arrival_ts - INTERVAL 1 SECOND"},
    ("visits", "dwell"): {
        "departure_ts": "arrival_ts + INTERVAL 4 SECONDS",
        "source_file": "CAST(NULL AS STRING)",
        "at_terminal": "false",
        "revenue": "true",
    },
    ("visits", "run_time"): {"run_s": "41.9D", "source_file": "CAST(NULL AS STRING)", "revenue": "true"},
    ("visits", "one_place_at_a_time"): {"vehicle_left_ts": "arrival_ts + INTERVAL 1 SECOND"},
    ("stop_visits", "in_order"): {"actual_departure_time": "actual_arrival_time - INTERVAL 1 SECOND"},
    ("trips_performed", "in_order"): {"actual_trip_end": "actual_trip_start - INTERVAL 1 SECOND", "visits": "2"},
    ("kpi_daily", "on_time_of_run"): {"on_time": "run + 1"},
    ("kpi_daily", "planned_adds_up"): {"planned": "planned + 1"},
    ("kpi_15min", "on_time_of_run"): {"on_time": "run + 1"},
    ("kpi_15min", "planned_adds_up"): {"planned": "planned + 1"},
    ("otp_sensitivity", "on_time_of_planned"): {"on_time": "planned + 1"},
}

# Rows that, each of them there twice, break every rule of a table's suite at once, its row count apart; not named: any row does.
SCOPES: dict[str, tuple[dict[str, Any], ...]] = {
    "timetable": (
        {"trip_id": "t", "stop_sequence": 1, "planned_departure_s": 600},
        {"trip_id": "t", "stop_sequence": 2, "planned_departure_s": 500},
    ),
    "movements": ({"ingest_ts": "2024-03-12T09:00:00Z"},),
    "stop_visits": (
        {
            "planned_trip_id": "t",
            "scheduled_stop_sequence": 1,
            "deviation_dep_s": 2500.0,
            "match_method": None,
            "time_quality": "MISSING",
        },
        # A run that is matched with nothing.
        {
            "planned_trip_id": None,
            "scheduled_stop_sequence": None,
            "match_method": None,
            "status": "EXTRA",
            "time_quality": "MISSING",
        },
    ),
    "planned_calls": (
        {"run_id": "r", "visit_seq": 1, "status": "CANCELLED", "deviation_dep_s": 2500.0},
        {"run_id": "r", "visit_seq": 1, "status": "RUN", "deviation_dep_s": 0.0},
    ),
}
