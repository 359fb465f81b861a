"""How good departures and matching are beside the truth of the simulated days (see `truth`)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

NEAR = pd.Timedelta(30, "s")
COUNTED = ("RUN", "RUN_OTHER_PLATFORM", "CANCELLED", "PART_CANCELLED")
CALL = ["service_date", "trip_id", "stop_sequence"]
VISIT = ["service_date", "trip_id_performed", "trip_stop_sequence"]


def matching(
    visits: pd.DataFrame, truth: Path, since: datetime | None = None, until: datetime | None = None
) -> dict[str, float]:
    """Scores of `stop_visits`: of the true visits that left between two instants (arrived, where a run ends), and of ours
    that are anchored between them.

    | score | meaning |
    |---|---|
    | precision | share of all our visits with a planned call whose call was truly served at that platform and time |
    | recall | share of the true visits with a planned call that are among these |
    | departure_mae_s | mean absolute error of departures, of the true ones that one of ours is near |
    | unseen | share of all true visits that none of ours is near, so that no error tells of them |
    | twice | planned calls that are used again, and visits that are there again |

    At that time, and near, is within NEAR.
    """
    true, ours = _true_visits(truth), _our_visits(visits)
    served, given = true.dropna(subset="trip_id"), ours.dropna(subset="trip_id")
    pairs = given.merge(served, how="left", on=[*CALL, "stop_id"], validate="many_to_one")
    right = (pairs.departure.where(pairs.kind == "departure", pairs.arrival) - pairs.ts).abs() <= NEAR
    near = _nearest(ours, true[_between(true.ts, since, until)])
    error_s = (near.time - near.ts).dt.total_seconds().abs()
    return {
        "precision": right[_between(pairs.anchor_ts, since, until)].mean(),
        "recall": served.true_visit.isin(pairs.true_visit[right])[_between(served.ts, since, until)].mean(),
        "departure_mae_s": error_s[near.kind == "departure"].mean(),
        "unseen": error_s.isna().mean(),
        "twice": int(given.duplicated(CALL).sum() + visits.duplicated(VISIT).sum()),
    }


def _true_visits(truth: Path) -> pd.DataFrame:
    """The true visits with the instant `ts` that finds them again, and its `kind`: nothing departs where a run ends."""
    true = pd.read_parquet(truth / "gt_visit.parquet").rename_axis("true_visit").reset_index()
    ends = true.true_departure_ts.isna()
    true["kind"] = ends.map({True: "arrival", False: "departure"})
    true["ts"] = _instants(true.true_departure_ts.fillna(true.true_arrival_ts))
    return true[["true_visit", *CALL, "stop_id", "kind", "ts"]]


def _our_visits(visits: pd.DataFrame) -> pd.DataFrame:
    """Our visits with their planned call in the truth's words."""
    ours = visits[["service_date", "stop_id"]].assign(
        trip_id=visits.planned_trip_id, stop_sequence=visits.scheduled_stop_sequence.astype("float64")
    )
    times = {"anchor_ts": "anchor_ts", "arrival": "actual_arrival_time", "departure": "actual_departure_time"}
    return ours.assign(**{name: _instants(visits[column]) for name, column in times.items()})


def _nearest(ours: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """True visits, each with the nearest `time` of ours at its platform, if that is near."""
    times = ours.melt("stop_id", ["arrival", "departure"], "kind", "ts").dropna().sort_values("ts")
    times = times.assign(ts=_instants(times.ts), time=_instants(times.ts))
    return pd.merge_asof(
        true.sort_values("ts"), times, on="ts", by=["stop_id", "kind"], direction="nearest", tolerance=NEAR
    )


def _instants(times: pd.Series) -> pd.Series:
    return pd.to_datetime(times, utc=True).astype("datetime64[us, UTC]")


def _between(times: pd.Series, since: datetime | None, until: datetime | None) -> pd.Series:
    return times.between(since or times.min(), until or times.max())


def punctuality(calls: pd.DataFrame, truth: Path) -> tuple[float, float]:
    """The share of planned departures between a minute early and three minutes late: by `planned_calls`, and in truth."""
    true = pd.read_parquet(truth / "gt_call.parquet")
    late_s = (true.true_departure_ts - true.planned_departure_ts).dt.total_seconds()
    counted = calls[calls.status.isin(COUNTED)]
    return counted.deviation_dep_s.between(-60, 180).mean(), late_s.between(-60, 180).mean()
