"""Lake: every visit with the planned call it was, in TIDES columns."""

from expectations.contract import INFO, WARNING, Column, Rule, Table, window
from expectations.provenance import ORIGIN

METHODS = ("RUN_NUMBER", "ASSIGNMENT", "RESIDUAL")
STATUSES = ("SCHEDULED", "EXTRA", "SHORT_TURN", "NON_REVENUE", "UNMATCHED")

_PLAN = (
    Column("planned_trip_id", "string", "planned trip that the visit was matched with", nullable=True),
    Column("scheduled_stop_sequence", "int", "order of the matched call in its planned trip", nullable=True, minimum=0),
    Column("planned_stop_id", "string", "platform of the matched call by plan", nullable=True),
    Column(
        "planned_departure_s", "int", "planned departure since noon minus 12 hours", nullable=True, unit="s", minimum=0
    ),
    Column("schedule_arrival_time", "timestamp", "planned arrival", nullable=True),
    Column("schedule_departure_time", "timestamp", "planned departure", nullable=True),
    Column("timepoint", "boolean", "punctuality is measured at the matched call", nullable=True),
    Column("plan_version", "string", "version of the timetable of the matched call", nullable=True),
)
_MATCH = (
    Column("match_method", "string", "pass in which the pair was found", nullable=True, allowed=METHODS),
    Column("match_cost_s", "double", "cost of the pair", nullable=True, unit="s"),
    Column(
        "deviation_dep_s", "double", "departure after plan; at the end of a trip the arrival", nullable=True, unit="s"
    ),
    Column("on_time", "boolean", "within the first punctuality window of the params", nullable=True),
    Column("status", "string", "what the visit is to the plan", allowed=STATUSES),
    Column("schedule_relationship", "string", "the same in TIDES words", allowed=("Scheduled", "Added", "Missing")),
    Column("headway_s", "double", "since the departure before from the same stop", nullable=True, unit="s", minimum=0),
    Column("planned_headway_s", "double", "the same by plan", nullable=True, unit="s", minimum=0),
    Column("match_revision", "int", "how often the pair has changed after it was first published", minimum=0),
    Column("loaded_at", "timestamp", "end of the run's window", metadata=True),
)

TABLE = Table(
    pipeline="metro",
    name="stop_visits",
    meaning="Visits of trains at stops, each matched with at most one planned call (TIDES stop_visits).",
    key=("service_date", "trip_id_performed", "trip_stop_sequence"),
    columns=(
        Column("service_date", "date", "day of service"),
        Column("trip_id_performed", "string", "the train's run (run_id)"),
        Column("trip_stop_sequence", "int", "order of the visit in its run, from 0", minimum=0),
        Column("run_id", "string", "the train's run, as in visits"),
        Column("line_id", "string", "line that the train showed", nullable=True),
        Column("route_id", "string", "line of the matched trip, else the one that the train showed", nullable=True),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("stop_id", "string", "platform"),
        Column("station_id", "string", "station of the platform"),
        Column("vehicle_id", "string", "leading vehicle", nullable=True),
        Column("vehicle_consist", "string", "vehicles of the train", nullable=True),
        Column("train_number", "string", "run number that the train showed", nullable=True),
        Column("anchor_ts", "timestamp", "raw time at which the train reached the platform; never recomputed"),
        Column("actual_arrival_time", "timestamp", "arrival", nullable=True),
        Column("actual_departure_time", "timestamp", "departure", nullable=True),
        Column("dwell", "int", "standstill at the platform", nullable=True, unit="s", minimum=0),
        Column(
            "time_quality",
            "string",
            "how the times were found",
            allowed=("MEASURED", "CALIBRATED", "INTERPOLATED", "MISSING"),
        ),
        Column("sigma_s", "double", "standard error of the departure", nullable=True, unit="s", minimum=0),
        *_PLAN,
        *_MATCH,
        Column(
            "departure_load",
            "int",
            "passengers on board at departure; comes with passenger counting",
            nullable=True,
            minimum=0,
        ),
        Column("apc_coverage", "double", "share of cars that count passengers", nullable=True, minimum=0, maximum=1),
        *ORIGIN,
    ),
    replace=window("anchor_ts"),
    rules=(
        Rule.row("in_order", "actual_arrival_time <= actual_departure_time", "A train arrives before it departs."),
        Rule.unique(
            "service_date",
            "planned_trip_id",
            "scheduled_stop_sequence",
            sentence="No planned departure is matched with two visits.",
        ),
        Rule.none(
            "whole_pair",
            "SELECT run_id FROM {batch} WHERE (planned_trip_id IS NULL) <> (match_method IS NULL)"
            " OR (planned_trip_id IS NULL) <> (scheduled_stop_sequence IS NULL)",
            "A matched visit names its trip, its call and the method, an unmatched one none of them.",
        ),
        Rule.gx(
            "ExpectColumnValuesToBeBetween",
            "Matched departures lie within 40 minutes of the plan.",
            name="deviation",
            column="deviation_dep_s",
            min_value=-2400,
            max_value=2400,
        ),
        Rule.none(
            "matched_share",
            "SELECT * FROM (SELECT avg(matched) AS share FROM ("
            "SELECT max(CASE WHEN planned_trip_id IS NULL THEN 0 ELSE 1 END) AS matched FROM {batch}"
            " WHERE status <> 'NON_REVENUE' GROUP BY service_date, run_id))"
            " WHERE share < 0.97",
            "At least 97 % of the runs are matched with a trip.",
            WARNING,
        ),
        Rule.none(
            "measured_share",
            "SELECT * FROM (SELECT avg(CASE WHEN time_quality IN ('MEASURED', 'CALIBRATED') THEN 1 ELSE 0 END)"
            " AS share FROM {batch}) WHERE share < 0.95",
            "At least 95 % of the times are measured.",
            INFO,
        ),
    ),
    may_be_empty=True,
)
