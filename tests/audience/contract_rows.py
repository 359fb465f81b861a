"""Rows of audience's tables that are valid, and what breaks each rule."""

from datetime import date
from typing import Any

DAY = date(2024, 3, 12)
MIDNIGHT = 1_710_201_600  # where DAY begins
SPAN = {"min": MIDNIGHT, "max": MIDNIGHT + 60}
ARRIVED = {"arrival_day": DAY, "ts": MIDNIGHT, "known": True}
INDEX = {
    **{"matched_users": 60, "group_users": 100, "segment_users": 200, "group_total": 400, "expected": 50.0},
    **{"audience_index": 120.0, "ci_low": 100.5, "ci_high": 140.0, "status": "over"},
    **{"is_approx": False, "matched_low": None, "matched_high": None},
}

# What makes a random row of a table valid beyond its columns' own statements.
VALID: dict[str, dict[str, Any]] = {
    "segment_events": {"ts": MIDNIGHT},
    "pixel_events": {"ts": MIDNIGHT},
    "segment_adds": ARRIVED,
    "pixel_visits": ARRIVED,
    "udb": {"updated_ds": DAY, "segments": {"s": SPAN}, "pixels": {"p": SPAN}},
    "air_index": INDEX,
    "air_run_audit": {"ordered_pairs": 1, "unordered_pairs": 2},
}

BACKWARDS = "map('s', named_struct('min', 2L, 'max', 1L))"
EMPTY = "CAST(map() AS map<string,struct<min:bigint,max:bigint>>)"
EVENT_BREAKS = {
    "event_not_empty": {"event_id": "'\\u2003'"},
    "user_not_empty": {"user_id": "' \\t\\u00a0'"},
    "seconds_not_milliseconds": {"ts": f"{MIDNIGHT}000L"},
}
ARRIVAL_BREAKS = {
    "not_too_late": {"ts": "ts - 7 * 86400L - 1"},
    "not_from_the_future": {"ts": "ts + 86400L"},
}

# For each rule that a contract states itself: what to change in a valid row to break it.
BREAKS: dict[tuple[str, str], dict[str, str]] = {
    **{(table, rule): change for table in ("segment_events", "pixel_events") for rule, change in EVENT_BREAKS.items()},
    **{(table, rule): change for table in ("segment_adds", "pixel_visits") for rule, change in ARRIVAL_BREAKS.items()},
    **{(table, "valid_in_order"): {"valid_to": "date_sub(valid_from, 1)"} for table in ("segment_dim", "segments")},
    **{(table, "segment_trimmed"): {"segment_id": "'s\\t'"} for table in ("segment_dim", "segments")},
    **{(table, "pixel_trimmed"): {"pixel_id": "''"} for table in ("pixel_dim", "pixels")},
    ("segment_adds", "known_segment"): {"known": "false"},
    ("pixel_visits", "known_pixel"): {"known": "false"},
    ("user_days", "spans_in_order"): {"segments": BACKWARDS},
    ("udb", "spans_in_order"): {"pixels": BACKWARDS},
    ("udb", "live_segments_only"): {"updated_ds": "date_add(updated_ds, 30)"},
    ("udb", "not_empty"): {"segments": EMPTY, "pixels": EMPTY},
    ("air_index", "counts_nested"): {"group_users": "59L"},
    ("air_index", "index_unless_withheld"): {"status": "'ungrouped'"},
    ("air_index", "interval_in_order"): {"ci_high": "ci_low - 1"},
    ("air_index", "index_adds_up"): {"audience_index": "121D"},
    ("air_index", "bounds_of_estimates"): {"is_approx": "true"},
    ("air_run_audit", "pairs_nested"): {"unordered_pairs": "0L"},
}

# Rows that, each of them there twice, break every rule of a table's suite at once, its row count apart; not named: any row does.
SCOPES: dict[str, tuple[dict[str, Any], ...]] = {
    # An entry without an end, and another of the same first day.
    "segments": ({"valid_to": None},),
    "udb": ({"user_id": "u"}, {"user_id": "U"}),
    # Two segments of one user each cannot make a group of ten.
    "air_index": ({"group_id": "G", "segment_users": 1, "group_total": 10, "is_approx": False},),
    "air_run_audit": ({"users": 7, "users_before": 10},),
}
