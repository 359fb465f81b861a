"""Lead times: the law of each material, what the master plans, and the receipts that were observed.

A law is over whole days. ``gamma``: a gamma of the material's mean, rounded to days. ``two_point``: 70 % short, 30 %
twice as long, with the material's mean. Neither exceeds the preset's most days; for raf_like that is 730 (24 months, the
contract's maximum), although the profile goes to 33 months: a lead time above it counts as 730 days.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import gammainc

from simulators.inventory.landing import numbered
from simulators.inventory.preset import Preset, Settings

LAWS = ("gamma", "two_point")
GAMMA, TWO_POINT = range(2)
TWO_POINT_SHARE = 0.3
SHORT_SHARE, LONG_OF_SHORT = 0.7, 2.0
# Shape of the planned means across materials, and range of the shape of one material's gamma.
MEANS_SHAPE, SHAPE_RANGE = 2.0, (3.0, 12.0)
DAYS_A_MONTH = 30.4375
NO_RECEIPTS_SHARE, MORE_RECEIPTS = 0.3, 4.0


@dataclass(frozen=True)
class LeadTimes:
    """``planned_months``: the mean before the cap; ``shape``: of a gamma; ``short_days``, ``long_days``: of a two-point."""

    law: np.ndarray
    planned_months: np.ndarray
    shape: np.ndarray
    short_days: np.ndarray
    long_days: np.ndarray
    most_days: int

    def draw(self, rng: np.random.Generator, materials: np.ndarray) -> np.ndarray:
        """One lead time in days for each index in ``materials``."""
        shape, mean = self.shape[materials], self.planned_months[materials] * DAYS_A_MONTH
        gamma = np.minimum(np.rint(rng.gamma(shape, mean / shape)), self.most_days)
        is_short = rng.random(len(materials)) < SHORT_SHARE
        two_point = np.where(is_short, self.short_days[materials], self.long_days[materials])
        return np.asarray(np.where(self.law[materials] == GAMMA, gamma, two_point), dtype=np.int64)

    def pmf(self, material: int) -> np.ndarray:
        """P(lead time = 0, 1, …, most days) of one material."""
        chances = np.zeros(self.most_days + 1)
        if self.law[material] == TWO_POINT:
            np.add.at(chances, [self.short_days[material], self.long_days[material]], [SHORT_SHARE, 1.0 - SHORT_SHARE])
            return chances
        shape, mean = self.shape[material], self.planned_months[material] * DAYS_A_MONTH
        below = gammainc(shape, (np.arange(self.most_days) + 0.5) / (mean / shape))
        return np.diff(np.concatenate([[0.0], below, [1.0]]))


def draw_lead_times(rng: np.random.Generator, preset: Preset, materials: int) -> LeadTimes:
    """A law for each material; one whose lead time is 0 always arrives on the day."""
    most = round(preset.lead_time_most_days / DAYS_A_MONTH, 1)
    means = rng.gamma(MEANS_SHAPE, preset.lead_time_mean_months / MEANS_SHAPE, materials)
    least = 10.0**-preset.lead_time_decimals
    planned = np.clip(means.round(preset.lead_time_decimals), least, min(most, 24.0))
    at_once = rng.random(materials) < preset.lead_time_zero_share
    planned[at_once] = 0.0
    two_point = at_once | (rng.random(materials) < TWO_POINT_SHARE)
    short = planned * DAYS_A_MONTH / (SHORT_SHARE + (1.0 - SHORT_SHARE) * LONG_OF_SHORT)
    return LeadTimes(
        law=np.where(two_point, TWO_POINT, GAMMA),
        planned_months=planned,
        shape=rng.uniform(*SHAPE_RANGE, materials),
        short_days=np.minimum(np.rint(short), preset.lead_time_most_days).astype(np.int64),
        long_days=np.minimum(np.rint(short * LONG_OF_SHORT), preset.lead_time_most_days).astype(np.int64),
        most_days=preset.lead_time_most_days,
    )


def receipts(settings: Settings, lead_times: LeadTimes, locations: pa.Array, materials: pa.Array) -> pa.Table:
    """Rows of lead_times. The lead time is drawn before the day of its receipt, so that no long one is cut off."""
    rng = settings.stream("receipts")
    count = len(lead_times.law)
    orders = np.where(rng.random(count) < NO_RECEIPTS_SHARE, 0, 1 + rng.poisson(MORE_RECEIPTS, count))
    owner = np.repeat(np.arange(count), orders)
    calendar = settings.calendar()
    first, end = calendar[0].astype("datetime64[D]"), (calendar[-1] + 1).astype("datetime64[D]")
    received = first + rng.integers(0, (end - first).astype(int), len(owner))
    return pa.table(
        {
            "location_id": locations.take(pa.array(owner)),
            "material_id": materials.take(pa.array(owner)),
            "order_id": numbered("PO", len(owner), 8),
            "po_date": received - lead_times.draw(rng, owner),
            "gr_date": received,
        }
    )
