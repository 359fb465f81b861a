"""Thresholds of the audience pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from expectations.audience.membership import MEMBERSHIP_DAYS
from spark_jobs.common import params as common

EXACT, THETA = "exact", "theta"
MODES = (EXACT, THETA)
# Less of a param makes no sense.
_LEAST = {
    "pixel_retention_days": MEMBERSHIP_DAYS,
    "dimension_reach_days": 0,
    "most_segments": 1,
    "most_pixels": 1,
    "min_expected": 0,
    "min_uniques": 0,
    "pair_tasks": 1,
    "min_estimated_side": 0,
    "min_sampled_overlap": 0,
}
# A century, as far back as anything lands: a window extended by much more would begin before the calendar does.
_FARTHEST_DAYS = 36_525


@dataclass(frozen=True)
class AudienceParams:
    """Flat, with units in the names; defaults from the specification unless a comment says otherwise."""

    # The day with which the state of all users begins, ISO; on any other day there must be a state of the day before.
    state_from: str = ""
    # A visit is forgotten when the pixel has not seen the user for so long.
    pixel_retention_days: int = 90
    # Dimensions are made of the files of so many days before the run.
    dimension_reach_days: int = 3650

    # Users with more are bots: left out of all counts, and counted.
    most_segments: int = 5_000
    most_pixels: int = 1_000

    # Below either, an index is hidden by default: it says little.
    min_expected: float = 5.0
    min_uniques: int = 50

    # Tasks that pair segments with pixels. Each hands on its own sums, so more tasks mean more rows to add up.
    pair_tasks: int = 4

    # theta: counts estimated from the users whose hash lies below a threshold, of about 2^lg_k users.
    mode: str = EXACT
    lg_k: int = 14
    # Estimates of segments or pixels with fewer users on either side are refused.
    min_estimated_side: int = 5_000
    # So are overlaps of which the sample holds fewer.
    min_sampled_overlap: int = 30

    def __post_init__(self) -> None:
        if self.state_from:
            date.fromisoformat(self.state_from)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            # NaN is not at least anything, and not below it either.
            if not value >= least:
                raise ValueError(f"{name} is at least {least}, not {value}.")
        if self.dimension_reach_days > _FARTHEST_DAYS:
            raise ValueError(f"dimension_reach_days is at most {_FARTHEST_DAYS}, not {self.dimension_reach_days}.")
        if self.mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}, not {self.mode!r}.")
        if not 4 <= self.lg_k <= 26:
            raise ValueError(f"lg_k lies between 4 and 26, not {self.lg_k}.")


def for_cadence(cadence: str) -> AudienceParams:
    """The params of ``nightly``; raises ``ValueError`` for any other cadence."""
    if cadence != "nightly":
        raise ValueError(f"The pipeline audience has no cadence {cadence!r}: its state moves on by whole days.")
    return AudienceParams()


def with_overrides(params: AudienceParams, overrides: Sequence[str]) -> AudienceParams:
    """Params with ``NAME=VALUE`` put in, e.g. ``min_uniques=20``; raises ``ValueError`` for what makes no sense."""
    return common.with_overrides(params, overrides)
