"""Lake: every stop of every train at a platform, before it is known which trip the train ran."""

from expectations.contract import Column, Rule, Table, window
from expectations.provenance import ORIGIN

# Of the shortest run that the track allows: what is less is no measuring error.
LEAST_RUN_SHARE = 0.7

TABLE = Table(
    pipeline="metro",
    name="visits",
    meaning="Visits of train runs at platforms, derived from movements or observed by another system.",
    key=("service_date", "run_id", "visit_seq"),
    columns=(
        Column("service_date", "date", "day of service: begins at 04:00 local time"),
        Column("run_id", "string", "one train's run from terminal to terminal"),
        Column("visit_seq", "int", "order of the visit in its run, from 0", minimum=0),
        Column("line_id", "string", "line that the train showed", nullable=True),
        Column("corridor_group", "string", "lines that share trains or track order"),
        Column("direction_id", "int", "direction of travel", minimum=0, maximum=1),
        Column("stop_id", "string", "platform"),
        Column("station_id", "string", "station of the platform"),
        Column("train_number", "string", "run number that the train showed", nullable=True),
        Column("vehicle_id", "string", "leading vehicle", nullable=True),
        Column("vehicle_consist", "string", "vehicles of the train, front first, joined by |", nullable=True),
        Column("revenue", "boolean", "the train carries passengers"),
        Column(
            "vehicle_left_ts", "timestamp", "when the train left its previous stop, on whichever run", nullable=True
        ),
        Column(
            "run_s", "double", "from the departure at the run's previous stop to this arrival", nullable=True, unit="s"
        ),
        Column(
            "min_run_s", "double", "the least that the track between them allows", nullable=True, unit="s", minimum=0
        ),
        Column("arrival_ts", "timestamp", "standstill at the platform", nullable=True),
        Column("departure_ts", "timestamp", "start of movement towards the next stop", nullable=True),
        Column("anchor_ts", "timestamp", "raw time at which the platform's section became occupied; never recomputed"),
        Column(
            "time_quality",
            "string",
            "how the times were found: from geometry, from learnt offsets, between neighbours, or not at all",
            allowed=("MEASURED", "CALIBRATED", "INTERPOLATED", "MISSING"),
        ),
        Column("sigma_s", "double", "standard error of the departure", nullable=True, unit="s", minimum=0),
        Column("at_terminal", "boolean", "trains reverse here, so that the stop may last"),
        *ORIGIN,
    ),
    replace=window("anchor_ts"),
    rules=(
        Rule.row("in_order", "arrival_ts <= departure_ts", "A train arrives before it departs."),
        # What another system observed is taken as it is: rules about dwell are for what we derived.
        Rule.row(
            "dwell",
            "source_file IS NOT NULL OR at_terminal OR NOT revenue"
            " OR unix_millis(departure_ts) - unix_millis(arrival_ts) BETWEEN 5000 AND 1800000",
            "Outside of terminals a derived stop of a train in service lasts 5 to 1,800 s; a shorter one is a pass.",
        ),
        Rule.row(
            "run_time",
            f"source_file IS NOT NULL OR NOT revenue OR run_s >= {LEAST_RUN_SHARE} * min_run_s",
            f"From stop to stop a train in service takes at least {LEAST_RUN_SHARE} of the shortest time that the track allows.",
        ),
        Rule.row("one_place_at_a_time", "arrival_ts >= vehicle_left_ts", "No vehicle is in two places at once."),
    ),
    may_be_empty=True,
)
