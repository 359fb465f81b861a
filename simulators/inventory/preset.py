"""Presets: the shape of a public spare-parts profile, and the options of one run."""

import zlib
from dataclasses import dataclass

import numpy as np

KINDS = ("intermittent", "lumpy", "never")
CRITICALITIES = ("H", "M", "L", None)
# The last month of every world: the same landing day whatever the number of months.
LAST_MONTH = np.datetime64("2023-12", "M")


@dataclass(frozen=True)
class Preset:
    """``kind_shares`` and ``criticality_shares``: in the order of KINDS and CRITICALITIES, as counts of the profile.

    ``adi_months``: least, most frequent and largest true average months between demands; None: drawn by p01.
    ``lead_time_mean_months``: mean of the materials' own mean lead times before the cap, those at 0 left out.
    """

    name: str
    materials: int
    months: int
    locations: int
    currency: str
    kind_shares: tuple[int, int, int]
    criticality_shares: tuple[int, int, int, int]
    adi_months: tuple[float, float, float] | None
    lead_time_mean_months: float
    lead_time_zero_share: float
    lead_time_most_days: int
    lead_time_decimals: int


REFINERY_LIKE = Preset(
    name="refinery_like",
    materials=7024,
    months=55,
    locations=50,
    currency="USD",
    kind_shares=(5992, 541, 491),
    criticality_shares=(1286, 3921, 443, 1374),
    adi_months=None,
    lead_time_mean_months=2.6,
    lead_time_zero_share=0.0,
    lead_time_most_days=494,
    lead_time_decimals=1,
)
RAF_LIKE = Preset(
    name="raf_like",
    materials=5000,
    months=84,
    locations=1,
    currency="GBP",
    kind_shares=(2597, 2403, 0),
    # The profile names no criticality: a quarter each.
    criticality_shares=(1, 1, 1, 1),
    # Below the profile's 11.1 on average, because a history's ADI, 84 / demands, lies above the true one on average.
    adi_months=(3.8, 8.0, 16.0),
    # With the cap of 24 months and one item in eight at 0 the mean comes to the profile's 8.8.
    lead_time_mean_months=10.4,
    lead_time_zero_share=627 / 5000,
    lead_time_most_days=730,
    lead_time_decimals=0,
)
PRESETS = {preset.name: preset for preset in (REFINERY_LIKE, RAF_LIKE)}


@dataclass(frozen=True)
class Settings:
    """One run. ``noise`` and ``disturbances`` are factors, 0 = none; ``raw_share``: materials that land as movements."""

    seed: int
    preset: Preset
    materials: int
    months: int
    locations: int
    noise: float = 1.0
    disturbances: float = 1.0
    raw_share: float = 0.05

    def stream(self, noun: str) -> np.random.Generator:
        """Random numbers of one noun: what is drawn for it never shifts what is drawn for another."""
        return np.random.default_rng([self.seed, zlib.crc32(noun.encode())])

    def noisy(self, share: float) -> float:
        """A share of rows that the noise spoils, at most all of them."""
        return min(share * self.noise, 1.0)

    def calendar(self) -> np.ndarray:
        """The months of the world, shape (months,), datetime64[M]."""
        return LAST_MONTH - np.arange(self.months)[::-1]


def shares(counts: tuple[int, ...]) -> np.ndarray:
    """Counts of a profile as shares that add up to 1."""
    return np.array(counts) / sum(counts)
