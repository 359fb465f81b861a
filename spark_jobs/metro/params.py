"""Thresholds of the metro pipeline, free of cadence: a cadence hands other values to the same fields."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetroParams:
    """Flat, with units in the names; defaults from the specification unless a comment says otherwise."""

    # Matching, pass 1: the same run number and line on both sides.
    run_number_max_dev_s: float = 1200.0
    run_number_min_common_share: float = 0.5

    # Matching, pass 2: assignment of runs to trips.
    # A large skip cost is a trap: one missing train then shifts a whole chain of trains by a headway.
    skip_cost_s: float = 900.0
    early_factor: float = 1.5
    station_mismatch_cost_s: float = 900.0
    # With a linear cost, two late trains cost the same in either order. Trains on one track keep theirs, so among equals
    # the assignment without a crossing wins: a small convex part, this large at max_median_dev_s.
    order_keeping_cost_s: float = 20.0
    same_block_bonus_s: float = 120.0
    max_median_dev_s: float = 2400.0
    min_common_stations: int = 2
    min_common_share: float = 0.3
    # Pieces of one block that follow each other within this time are one trip when trains change line on the way (ring).
    ring_join_gap_s: float = 600.0
    # No pair of a visit and a call lies further apart, whatever the run's median says.
    max_pair_dev_s: float = 2400.0

    # Matching, pass 3: what runs and trips have left over, station by station.
    residual_band_s: float = 1800.0
    residual_skip_cost_s: float = 900.0

    # Live matching.
    match_lookback_min: int = 90
    plan_ahead_min: int = 60
    pin_after_min: int = 30
    pending_for_min: int = 40
    # A run seen within this time may still go on; the same gap breaks a chain of movements.
    open_run_gap_min: int = 20
