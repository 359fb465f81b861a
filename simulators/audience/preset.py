"""Presets: how large a world is, and the options of one run."""

import zlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

DAY_S = 86_400
FIRST_DAY = date(2024, 1, 1)
# What the pipeline forgets by default: segments after 30 days, pixels after 90.
SEGMENT_DAYS, PIXEL_DAYS = 30, 90
# More segments or pixels than these make a user a bot.
BOT_SEGMENTS, BOT_PIXELS = 5_000, 1_000
# Most segments or pixels of a world, and most pairs of them: their lifts are held in memory.
ITEMS_MOST, PAIRS_MOST = 100_000, 20_000_000
# Users whose events are drawn together, and events that they are held to.
BATCH_USERS, BATCH_EVENTS = 100_000, 2_500_000


@dataclass(frozen=True)
class Preset:
    """``adds`` and ``visits``: means a user over the whole run."""

    name: str
    users: int
    segments: int
    groups: int
    pixels: int
    days: int
    adds: float
    visits: float


# 12.5 M events: the world of the reference times.
REFERENCE = Preset("reference", 500_000, 2_000, 50, 2_000, 30, 20.0, 5.0)
# Thousands of cells with enough users for an interval, and few of a group's users in each.
SMALL = Preset("small", 20_000, 40, 8, 60, 30, 8.0, 2.0)
PRESETS = {preset.name: preset for preset in (REFERENCE, SMALL)}


@dataclass(frozen=True)
class Settings:
    """One run. ``noise``: factor on the shares of planted noise, 0 = none of it."""

    seed: int
    users: int
    segments: int
    groups: int
    pixels: int
    days: int
    adds: float
    visits: float
    first_day: date = FIRST_DAY
    noise: float = 1.0

    def __post_init__(self) -> None:
        if self.groups > self.segments:
            raise ValueError(f"{self.groups} groups need at least as many segments, not {self.segments}.")
        if self.segments * self.pixels > PAIRS_MOST:
            raise ValueError(f"{self.segments} segments x {self.pixels} pixels are more than {PAIRS_MOST:,} pairs.")
        if self.visits > self.adds:
            raise ValueError("An add leads to one visit at most: --visits may not be above --adds.")

    @property
    def start(self) -> int:
        """00:00 UTC of the first day, epoch seconds."""
        return int(datetime(self.first_day.year, self.first_day.month, self.first_day.day, tzinfo=UTC).timestamp())

    @property
    def span(self) -> int:
        """Seconds of the run."""
        return self.days * DAY_S

    @property
    def calendar(self) -> list[str]:
        """The days of the run, YYYY-MM-DD."""
        return [str(day) for day in np.datetime64(self.first_day, "D") + np.arange(self.days)]

    @property
    def batches(self) -> list[range]:
        """Users that are drawn together."""
        repeated = 1 + max(0, self.days - SEGMENT_DAYS) // 15
        size = max(1_000, min(BATCH_USERS, int(BATCH_EVENTS / (repeated * self.adds + self.visits))))
        return [range(first, min(first + size, self.users)) for first in range(0, self.users, size)]

    def stream(self, noun: str, part: int = 0) -> np.random.Generator:
        """Random numbers of one noun: what is drawn for it never shifts what is drawn for another."""
        return np.random.default_rng([self.seed, zlib.crc32(noun.encode()), part])

    def noisy(self, share: float) -> float:
        """A share that the noise spoils, at most all."""
        return min(share * self.noise, 1.0)
