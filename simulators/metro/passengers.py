"""Door events of the trains: one door of a train, opened and closed at each stop, by the train's own (right) clock."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulators.metro.service import Run

EQUIPPED_SHARE, MISSED = 0.92, 0.03


def door_events(runs: list[Run], calls: pd.DataFrame, rng: np.random.Generator, noise: float) -> pd.DataFrame:
    """Columns t, ingest, vehicle, opened (bool), in order of arrival; ghosts open no door.

    The last door closes less than a second before the train starts. At the last stop it stays open until then too.
    """
    units = sorted({r.units[0] for r in runs if r.units})
    equipped = {u for u, draw in zip(units, rng.random(len(units)).tolist(), strict=True) if draw < EQUIPPED_SHARE}
    has_door = [bool(r.units) and r.units[0] in equipped and r.kind != "NON_REVENUE" for r in runs]
    rows = calls[np.array(has_door)[calls["run"].to_numpy()]]
    vehicle = np.array([r.units[0] if r.units else "" for r in runs])[rows["run"].to_numpy()]
    opened = rows["arrival"].to_numpy() + rng.uniform(1.0, 3.0, len(rows))
    closed = rows["departure"].to_numpy() - rng.uniform(0.0, 1.0, len(rows))
    events = pd.DataFrame(
        {
            "t": np.concatenate([opened, closed]),
            "vehicle": np.concatenate([vehicle, vehicle]),
            "opened": np.repeat([True, False], len(rows)),
        }
    )
    events["ingest"] = events["t"] + rng.uniform(15, 45, len(events))
    events = events[rng.random(len(events)) >= MISSED * noise]
    return events.sort_values("ingest", kind="stable", ignore_index=True)
