"""One-to-one matching: literal runs and trips in, who ran what out.

A line of four stations A B C D, 120 s apart. `at("07:00")` is the time at the first station; a run is written as its
name, its start and, where it matters, its stations; a trip likewise. `pairs` lists run -> trip.
"""

import numpy as np
import pandas as pd
import pytest

from spark_jobs.metro.assignment import MATCH_DTYPES, DuplicateMatchError, guard, match_group
from spark_jobs.metro.params import MetroParams
from spark_jobs.metro.residual import monotone_alignment

PARAMS = MetroParams()
DAY = "2024-02-07"
VISIT_COLUMNS = [
    "run_id",
    "visit_seq",
    "line_id",
    "stop_id",
    "station_id",
    "train_number",
    "vehicle_id",
    "revenue",
    "departure_ts",
    "arrival_ts",
    "anchor_ts",
]
CALL_COLUMNS = [
    "trip_id",
    "stop_sequence",
    "route_id",
    "stop_id",
    "station_id",
    "planned_departure_ts",
    "stop_role",
    "run_number",
    "block_id",
    "change",
]
NO_PINS = pd.DataFrame(columns=["run_id", "trip_id", "method"], dtype=object)


def at(clock: str) -> pd.Timestamp:
    return pd.Timestamp(f"{DAY} {clock}")


def run(name, start, stations="ABCD", *, line="1", number=None, vehicle=None, revenue=True, first_s=0, platform="1"):
    """Visits of one run, the first of them `first_s` after its start."""
    rows = []
    for seq, station in enumerate(stations):
        seen = at(start) + pd.Timedelta(seconds=first_s + 120 * seq)
        rows.append((name, seq, line, station + platform, station, number, vehicle, revenue, seen, seen, seen))
    return pd.DataFrame(rows, columns=VISIT_COLUMNS)


def trip(name, start, stations="ABCD", *, route="1", number=None, block=None, change=None):
    """Planned calls of one trip."""
    rows = []
    for seq, station in enumerate(stations):
        planned = at(start) + pd.Timedelta(seconds=120 * seq)
        role = "ORIGIN" if seq == 0 else "TERMINAL" if seq == len(stations) - 1 else "INTERMEDIATE"
        rows.append((name, seq + 1, route, station + "1", station, planned, role, number, block, change))
    return pd.DataFrame(rows, columns=CALL_COLUMNS)


def rows(*frames, columns=VISIT_COLUMNS):
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def pin(run_id, trip_id, method="ASSIGNMENT"):
    return pd.DataFrame([(run_id, trip_id, method)], columns=["run_id", "trip_id", "method"])


def solve(runs, trips, pins=NO_PINS, now=None):
    actual, planned = rows(*runs), rows(*trips, columns=CALL_COLUMNS)
    return match_group(actual, planned, pins, PARAMS, None if now is None else at(now))


def pairs(matches):
    """run -> trip for runs whose visits all went to one trip; a tuple of trips otherwise."""
    given = matches.dropna(subset=["run_id", "trip_id"]).groupby("run_id").trip_id.unique()
    return {run_id: trips[0] if len(trips) == 1 else tuple(trips) for run_id, trips in given.items()}


def methods(matches):
    return set(matches.match_method.dropna())


def planned_status(matches, trip_id):
    return matches[matches.trip_id == trip_id].sort_values("stop_sequence").planned_status.tolist()


def actual_status(matches, run_id):
    return matches[matches.run_id == run_id].actual_status.tolist()


def departing(*clocks):
    return [trip(f"t{clock}", clock) for clock in clocks]


def test_trains_on_time_run_their_own_trips():
    matches = solve([run("r1", "07:00"), run("r2", "07:10")], departing("07:00", "07:10"))
    assert pairs(matches) == {"r1": "t07:00", "r2": "t07:10"}
    assert planned_status(matches, "t07:00") == ["RUN"] * 4
    assert actual_status(matches, "r1") == ["SCHEDULED"] * 4


def test_a_train_late_by_more_than_a_headway_keeps_its_trip_and_so_do_those_it_holds_up():
    runs = [run("r1", "07:13"), run("r2", "07:16"), run("r3", "07:20")]
    matches = solve(runs, departing("07:00", "07:10", "07:20"))
    assert pairs(matches) == {"r1": "t07:00", "r2": "t07:10", "r3": "t07:20"}


def test_two_late_trains_that_could_be_either_keep_their_order():
    matches = solve([run("r1", "16:38"), run("r2", "16:42")], departing("16:29", "16:37"))
    assert pairs(matches) == {"r1": "t16:29", "r2": "t16:37"}


def test_two_trains_that_swapped_their_order_are_told_apart_by_their_numbers():
    runs = [run("second", "07:10", number="12"), run("first", "07:14", number="11")]
    trips = [trip("t1", "07:00", number="11"), trip("t2", "07:10", number="12")]
    matches = solve(runs, trips)
    assert pairs(matches) == {"first": "t1", "second": "t2"}
    assert methods(matches) == {"RUN_NUMBER"}


def test_a_cancelled_train_in_mid_peak_does_not_shift_the_chain():
    clocks = [f"07:{minute:02d}" for minute in range(0, 60, 6)]
    runs = [run(f"r{clock}", clock, first_s=40) for clock in clocks if clock != "07:24"]
    matches = solve(runs, departing(*clocks))
    assert pairs(matches) == {f"r{clock}": f"t{clock}" for clock in clocks if clock != "07:24"}
    assert planned_status(matches, "t07:24") == ["CANCELLED"] * 4


def test_an_extra_train_between_two_planned_ones_gets_no_trip():
    matches = solve([run("r1", "07:00"), run("extra", "07:04"), run("r2", "07:10")], departing("07:00", "07:10"))
    assert pairs(matches) == {"r1": "t07:00", "r2": "t07:10"}
    assert actual_status(matches, "extra") == ["EXTRA"] * 4


def test_a_train_that_turns_short_is_a_short_turn_and_the_rest_of_its_trip_part_cancelled():
    matches = solve([run("r1", "07:00", "AB")], departing("07:00"))
    assert actual_status(matches, "r1") == ["SHORT_TURN", "SHORT_TURN"]
    assert planned_status(matches, "t07:00") == ["RUN", "RUN", "PART_CANCELLED", "PART_CANCELLED"]


def test_a_trip_that_starts_on_the_way_is_part_cancelled_before():
    matches = solve([run("r1", "07:04", "CD")], departing("07:00"))
    assert planned_status(matches, "t07:00") == ["PART_CANCELLED", "PART_CANCELLED", "RUN", "RUN"]


def test_a_single_call_missing_at_the_end_is_not_observed_rather_than_a_short_turn():
    matches = solve([run("r1", "07:00", "ABC")], departing("07:00"))
    assert planned_status(matches, "t07:00") == ["RUN", "RUN", "RUN", "NOT_OBSERVED"]
    assert actual_status(matches, "r1") == ["SCHEDULED"] * 3


def test_a_replacement_train_takes_the_calls_that_a_truncated_run_left():
    matches = solve([run("r1", "07:00", "AB"), run("r2", "07:12", "CD")], departing("07:00"))
    assert pairs(matches) == {"r1": "t07:00", "r2": "t07:00"}
    assert matches[matches.run_id == "r2"].match_method.tolist() == ["RESIDUAL", "RESIDUAL"]
    assert planned_status(matches, "t07:00") == ["RUN"] * 4


def test_a_platform_change_is_still_the_same_call():
    matches = solve([run("r1", "07:00", platform="2")], departing("07:00"))
    assert planned_status(matches, "t07:00") == ["RUN_OTHER_PLATFORM"] * 4


def test_a_skipped_station_is_part_cancelled_and_not_offered_to_another_run():
    skips = run("r1", "07:00").query("station_id != 'B'")
    matches = solve([skips, run("extra", "07:05"), run("r2", "07:10")], departing("07:00", "07:10"))
    assert planned_status(matches, "t07:00") == ["RUN", "PART_CANCELLED", "RUN", "RUN"]
    assert actual_status(matches, "extra") == ["EXTRA"] * 4


def test_a_station_that_saw_no_train_all_day_is_a_gap_in_the_data():
    clocks = ["07:00", "07:10", "07:20", "07:30", "07:40"]
    runs = [run(f"r{clock}", clock).query("station_id != 'B'") for clock in clocks]
    assert planned_status(solve(runs, departing(*clocks)), "t07:20") == ["RUN", "NOT_OBSERVED", "RUN", "RUN"]


def test_a_call_within_a_section_outage_is_not_observed():
    skips = run("r1", "07:00").query("station_id != 'B'")
    matches = solve([skips], [trip("t1", "07:00").assign(outage=[False, True, False, False])])
    assert planned_status(matches, "t1") == ["RUN", "NOT_OBSERVED", "RUN", "RUN"]


def test_a_number_that_two_runs_show_is_left_to_the_assignment():
    runs = [run("r1", "07:00", number="11"), run("r2", "07:10", number="11")]
    trips = [trip("t1", "07:00", number="11"), trip("t2", "07:10", number="12")]
    matches = solve(runs, trips)
    assert pairs(matches) == {"r1": "t1", "r2": "t2"}
    assert methods(matches) == {"ASSIGNMENT"}


def test_a_run_without_a_number_is_assigned_by_its_times():
    runs = [run("r1", "07:00"), run("r2", "07:10", number="12")]
    matches = solve(runs, [trip("t1", "07:00", number="11"), trip("t2", "07:10", number="12")])
    assert pairs(matches) == {"r1": "t1", "r2": "t2"}
    assert methods(matches) == {"ASSIGNMENT", "RUN_NUMBER"}


def test_a_number_far_from_its_trip_is_not_believed():
    runs = [run("r1", "07:00", number="19")]
    matches = solve(runs, [trip("t1", "07:00", number="11"), trip("t9", "09:00", number="19")])
    assert pairs(matches) == {"r1": "t1"}


def test_a_run_renumbered_on_the_way_is_assigned_by_its_times():
    renumbered = run("r1", "07:00", number="11").assign(train_number=["11", "11", "12", "12"])
    trips = [trip("t1", "07:00", number="11"), trip("t2", "07:10", number="12")]
    matches = solve([renumbered, run("r2", "07:10")], trips)
    assert pairs(matches) == {"r1": "t1", "r2": "t2"}


def test_a_train_that_changes_line_on_the_ring_runs_both_pieces_of_its_block():
    ring = run("r1", "07:00", "ABCDDEFG", line="4").assign(line_id=list("44445555"))
    trips = [trip("t4", "07:00", "ABCD", route="4", block="b1"), trip("t5", "07:08", "DEFG", route="5", block="b1")]
    matches = solve([ring], trips)
    assert pairs(matches) == {"r1": ("t4", "t5")}
    assert planned_status(matches, "t4") + planned_status(matches, "t5") == ["RUN"] * 8


def test_a_run_on_one_branch_never_gets_a_trip_of_the_other():
    trips = [trip("t1", "07:00", "ABC"), trip("t2", "06:55", "ABX", route="2")]
    matches = solve([run("r1", "07:00", "ABX", line="2")], trips)
    assert pairs(matches) == {"r1": "t2"}


def test_a_vehicle_that_goes_on_in_its_block_decides_between_equals():
    runs = [run("before", "06:00", vehicle="v2"), run("r1", "07:05", vehicle="v2"), run("r2", "07:05", vehicle="v3")]
    trips = [trip("t0", "06:00", block="b2"), trip("t1", "07:04", block="b1"), trip("t2", "07:06", block="b2")]
    assert pairs(solve(runs, trips)) == {"before": "t0", "r1": "t2", "r2": "t1"}


def test_a_train_out_of_service_takes_no_trip():
    matches = solve([run("ghost", "07:00", revenue=False)], departing("07:00"))
    assert actual_status(matches, "ghost") == ["NON_REVENUE"] * 4
    assert planned_status(matches, "t07:00") == ["CANCELLED"] * 4


def test_a_trip_that_the_plan_withdrew_is_not_given_to_the_next_train():
    matches = solve([run("r1", "07:04")], [trip("t1", "07:00", change="CANCEL")])
    assert pairs(matches) == {}
    assert actual_status(matches, "r1") == ["EXTRA"] * 4


def test_a_withdrawn_trip_that_ran_under_its_own_number_did_run():
    matches = solve([run("r1", "07:00", number="11")], [trip("t1", "07:00", number="11", change="CANCEL")])
    assert planned_status(matches, "t1") == ["RUN"] * 4


def test_a_repeated_row_of_a_run_at_a_station_takes_no_second_call():
    twice = run("r1", "07:00", "ABBCD")
    matches = solve([twice, run("r2", "07:10")], departing("07:00", "07:10"))
    assert planned_status(matches, "t07:00") == ["RUN"] * 4
    assert actual_status(matches, "r1").count("UNMATCHED") == 1


def test_a_stop_more_than_40_minutes_off_its_call_is_no_pair():
    stuck = run("r1", "07:00")
    stuck.loc[3, ["departure_ts", "arrival_ts", "anchor_ts"]] = at("08:00")
    matches = solve([stuck], departing("07:00"))
    assert matches.dropna(subset=["run_id", "trip_id"]).visit_seq.tolist() == [0, 1, 2]


def test_live_a_trip_without_a_train_is_pending_until_40_minutes_of_silence():
    trips = departing("07:00", "07:40", "08:10")
    statuses = {name: planned_status(solve([], trips, now="07:50"), name)[0] for name in ("t07:00", "t07:40", "t08:10")}
    assert statuses == {"t07:00": "CANCELLED", "t07:40": "PENDING", "t08:10": "PENDING"}


def test_live_a_change_of_plan_cancels_at_once():
    matches = solve([], [trip("t1", "07:40", change="CANCEL")], now="07:50")
    assert planned_status(matches, "t1") == ["CANCELLED"] * 4


def test_live_a_run_on_its_way_is_compared_with_what_it_can_have_run_so_far():
    matches = solve([run("r1", "07:00")], departing("07:00"), now="07:03")
    assert matches[matches.run_id == "r1"].trip_id.tolist() == ["t07:00", "t07:00", None, None]
    assert planned_status(matches, "t07:00") == ["RUN", "RUN", "PENDING", "PENDING"]
    assert matches.match_cost_s.max() == 0
    assert actual_status(matches, "r1") == ["SCHEDULED", "SCHEDULED", "UNMATCHED", "UNMATCHED"]


def test_live_a_train_without_a_trip_is_unmatched_before_it_is_extra():
    trips = departing("09:30")
    young, old = (actual_status(solve([run("r1", "07:00")], trips, now=now), "r1")[0] for now in ("07:20", "08:00"))
    assert (young, old) == ("UNMATCHED", "EXTRA")


def test_live_a_pinned_pair_stays_although_another_is_cheaper_now():
    runs, trips = [run("r1", "07:10")], departing("07:00", "07:10")
    assert pairs(solve(runs, trips, now="07:50")) == {"r1": "t07:10"}
    matches = solve(runs, trips, pins=pin("r1", "t07:00", "RUN_NUMBER"), now="07:50")
    assert pairs(matches) == {"r1": "t07:00"}
    assert methods(matches) == {"RUN_NUMBER"}


def test_live_a_change_of_plan_lets_go_of_a_pin():
    trips = [trip("t1", "07:00", change="CANCEL"), trip("t2", "07:10")]
    assert pairs(solve([run("r1", "07:10")], trips, pins=pin("r1", "t1"), now="07:50")) == {"r1": "t2"}


def test_two_pins_on_one_trip_share_no_call():
    pins = pd.concat([pin("r1", "t07:00"), pin("r2", "t07:00", "RESIDUAL")])
    matches = solve([run("r1", "07:00", "AB"), run("r2", "07:04", "BCD")], departing("07:00"), pins=pins, now="07:50")
    assert pairs(matches) == {"r1": "t07:00", "r2": "t07:00"}
    assert planned_status(matches, "t07:00") == ["RUN"] * 4


def test_a_pin_of_a_run_or_trip_that_is_out_of_sight_is_ignored():
    assert pairs(solve([run("r1", "07:00")], departing("07:00"), pins=pin("gone", "t07:00"))) == {"r1": "t07:00"}


def test_no_train_at_all_cancels_every_trip():
    matches = solve([], departing("07:00"))
    assert planned_status(matches, "t07:00") == ["CANCELLED"] * 4
    assert matches.run_id.isna().all()


def test_no_plan_at_all_makes_every_train_extra():
    assert actual_status(solve([run("r1", "07:00")], []), "r1") == ["EXTRA"] * 4


@pytest.mark.parametrize(("runs", "trips"), [([], []), ([run("r1", "07:00")], []), ([], departing("07:00"))])
def test_an_empty_side_keeps_columns_and_types(runs, trips):
    matches = solve(runs, trips)
    assert {column: str(kind) for column, kind in matches.dtypes.items()} == MATCH_DTYPES


def test_aware_and_naive_times_give_the_same_result():
    actual, planned = run("r1", "07:00"), trip("t1", "07:00")
    aware = actual.assign(**{c: actual[c].dt.tz_localize("UTC") for c in ("departure_ts", "arrival_ts", "anchor_ts")})
    result = match_group(aware, planned, NO_PINS, PARAMS, pd.Timestamp(f"{DAY} 07:30", tz="UTC"))
    pd.testing.assert_frame_equal(result, match_group(actual, planned, NO_PINS, PARAMS, at("07:30")))


def test_the_order_of_the_rows_handed_in_does_not_matter():
    runs = [run(f"r{n}", f"07:{3 * n:02d}", first_s=50 * n % 90) for n in range(12)]
    trips = departing(*(f"07:{4 * n:02d}" for n in range(10)))
    actual, planned = rows(*runs), rows(*trips)
    shuffled = (actual.sample(frac=1, random_state=1), planned.sample(frac=1, random_state=2))
    expected = match_group(actual, planned, NO_PINS, PARAMS, None)
    pd.testing.assert_frame_equal(match_group(*shuffled, NO_PINS, PARAMS, None), expected)


def test_the_guard_names_a_planned_call_that_two_visits_got():
    matches = solve([run("r1", "07:00")], departing("07:00"))
    again = matches.assign(run_id="r2")
    with pytest.raises(DuplicateMatchError, match=r"repeat a planned call.*t07:00"):
        guard(pd.concat([matches, again]), visits=8, calls=4)


def test_the_guard_misses_nothing_that_got_lost():
    with pytest.raises(DuplicateMatchError, match="4 visits went in and 3 came out"):
        guard(solve([run("r1", "07:00")], departing("07:00")).iloc[1:], visits=4, calls=4)


def test_a_visit_that_comes_in_twice_fails_the_run():
    with pytest.raises(DuplicateMatchError, match="repeat a visit"):
        solve([run("r1", "07:00"), run("r1", "07:00")], departing("07:00"))


def test_the_alignment_never_crosses_and_leaves_out_what_costs_more_than_skipping():
    cost = [[100.0, 50.0, 5000.0], [40.0, 90.0, 5000.0]]
    assert monotone_alignment(pd.DataFrame(cost).to_numpy(), skip_cost=900.0) == [(0, 0), (1, 1)]


def test_a_residual_pairing_is_the_cheapest_also_among_hundreds_of_calls():
    cost = np.full((1, 400), np.inf)
    cost[0, 398:] = 100, 103
    assert monotone_alignment(cost, skip_cost=900.0) == [(0, 398)]
