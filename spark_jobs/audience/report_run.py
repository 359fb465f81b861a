"""Sections on the run: what it had before it, and why an index is shown, hidden or withheld."""

from datetime import date

import pandas as pd

from expectations.audience import statuses
from spark_jobs.audience import run_charts
from spark_jobs.audience.params import AudienceParams
from spark_jobs.common.report import Section, nothing

_PARAMS = AudienceParams()
MEANINGS = {
    statuses.OVER: "More common among the visitors than in the group: the whole 95 % interval lies above 100.",
    statuses.UNDER: "Less common: the whole interval lies below 100, or no visitor is in the segment.",
    statuses.NEUTRAL: "The interval holds 100, so chance could have made the difference.",
    statuses.LOW_COUNT: (
        f"Fewer than {_PARAMS.min_expected:g} users were to be expected, or the group has fewer than {_PARAMS.min_uniques} "
        "users at the pixel. It is computed, but hidden by default, because few users index high or low by chance."
    ),
    statuses.TRIVIAL: "The segment is the whole of its group, so its index is 100 whatever happens.",
    statuses.NO_GROUP_VISITORS: (
        "Withheld: no visitor joined any segment of the group before the first visit, so there is nothing to divide by."
    ),
    statuses.UNGROUPED: "Withheld: the segment has no group that it could be compared with.",
    statuses.REFUSED: "Withheld: the run estimated its counts from a sample, and too few of it overlap for an estimate.",
}


def at_a_glance(audit: pd.DataFrame, index: pd.DataFrame, day: date | None) -> Section:
    """How much there was on the day of the index, and what was left out."""
    title = "At a glance"
    of_day = audit[audit["ds"] == day]
    if of_day.empty:
        return nothing(title, "no run has been served yet")
    run = of_day.iloc[0]
    counts = index["status"].value_counts()
    figures: list[tuple[str, object]] = [
        ("Day", str(run["ds"])[:10]),
        ("Users", int(run["users"])),
        ("Live memberships", int(run["segment_entries"])),
        ("Pixels", int(index["pixel_id"].nunique())),
        ("Segments", int(index["segment_id"].nunique())),
        ("Cells (a segment at a pixel)", len(index)),
        *((status.replace("_", " "), int(counts[status])) for status in MEANINGS if status in counts),
        ("Capped users (left out: too many segments or pixels to be people)", int(run["capped_users"])),
        ("Late events (happened before the day on which they came)", int(run["late_events"])),
    ]
    said = [
        f"{name.partition(' (')[0]}: {value:,}" if isinstance(value, int) else str(value) for name, value in figures
    ]
    says = f"{said[0]}. {', '.join(said[1:3])}. {', '.join(said[3:-2])}. {', '.join(said[-2:])}."
    return Section(title, says, None, pd.DataFrame(figures, columns=["figure", "number"]))


def by_status(index: pd.DataFrame) -> Section:
    """Why an index is shown, hidden or withheld, in words."""
    title = "What the statuses mean"
    counts = index["status"].value_counts()
    present = [status for status in MEANINGS if status in counts]
    if not present:
        return nothing(title, "the index has no cells: no pixel was visited, or no segment is live")
    table = pd.DataFrame(
        {
            "status": present,
            "cells": [int(counts[status]) for status in present],
            "share": [float(counts[status]) / len(index) for status in present],
            "meaning": [MEANINGS[status] for status in present],
        }
    )
    says = "\n".join(f"{status.replace('_', ' ').capitalize()}: {MEANINGS[status]}" for status in present)
    return Section(title, says, run_charts.by_status(table), table)
