"""How good departures and matching are beside the truth of the simulated days (see `truth`)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

NEAR = pd.Timedelta(30, "s")
COUNTED = ("RUN", "RUN_OTHER_PLATFORM", "CANCELLED", "PART_CANCELLED")


def matching(
    visits: pd.DataFrame, truth: Path, since: datetime | None = None, until: datetime | None = None
) -> dict[str, float]:
    """Precision and recall of the pairs in `stop_visits`, mean absolute error of the departures in seconds, and planned
    departures used twice; of the visits that truly left between two instants.

    Visits are found again in the truth by platform and nearest departure (arrival where a run ends).
    """
    true = pd.read_parquet(truth / "gt_visit.parquet").drop(columns=["service_date", "planned_departure_ts"])
    true["key"] = true.true_departure_ts.fillna(true.true_arrival_ts)
    inside = true.key.between(since or true.key.min(), until or true.key.max())
    ours = visits.rename(columns={"run_id": "our_run", "status": "our_status"})
    departure, arrival = (pd.to_datetime(ours[f"actual_{kind}_time"], utc=True) for kind in ("departure", "arrival"))
    ours = ours.assign(actual_departure_time=departure)
    ends = true.true_departure_ts.isna()
    both = pd.concat(
        pd.merge_asof(
            true[inside & chosen].sort_values("key").astype({"key": "datetime64[us, UTC]"}),
            ours.assign(key=time.astype("datetime64[us, UTC]")).dropna(subset=["key"]).sort_values("key"),
            on="key",
            by="stop_id",
            direction="nearest",
            tolerance=NEAR,
        )
        for time, chosen in ((departure, ~ends), (arrival, ends))
    )
    given, has_trip = both.planned_trip_id.notna(), both.trip_id.notna()
    right = given & (both.planned_trip_id == both.trip_id) & (both.scheduled_stop_sequence == both.stop_sequence)
    error = both.actual_departure_time - both.true_departure_ts
    pairs = visits.dropna(subset=["planned_trip_id"])
    return {
        "precision": right.sum() / given.sum(),
        "recall": right.sum() / has_trip.sum(),
        "departure_mae_s": error.dt.total_seconds().abs().mean(),
        "twice": int(pairs.duplicated(["service_date", "planned_trip_id", "scheduled_stop_sequence"]).sum()),
    }


def punctuality(calls: pd.DataFrame, truth: Path) -> tuple[float, float]:
    """The share of planned departures between a minute early and three minutes late: by `planned_calls`, and in truth."""
    true = pd.read_parquet(truth / "gt_call.parquet")
    late_s = (true.true_departure_ts - true.planned_departure_ts).dt.total_seconds()
    counted = calls[calls.status.isin(COUNTED)]
    return counted.deviation_dep_s.between(-60, 180).mean(), late_s.between(-60, 180).mean()
