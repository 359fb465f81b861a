"""Time and chance: seconds of a service day to instants, and one independent random stream per part of the simulator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

OSLO = ZoneInfo("Europe/Oslo")
DAY_CUT_S = 4 * 3600
STREAMS = (
    "platform", "clock", "disruption", "dynamics", "number", "expand", "stuck", "noise", "reading", "door", "asset",
)  # fmt: skip


@dataclass(frozen=True)
class ServiceDay:
    """A service date with its anchor, noon minus 12 h local, from which all seconds are counted."""

    date: date

    @classmethod
    def at(cls, moment: datetime) -> ServiceDay:
        """The service day that an instant lies in."""
        day = cls(moment.astimezone(OSLO).date())
        return day if moment >= day.start else cls(day.date - timedelta(days=1))

    @property
    def anchor(self) -> datetime:
        return datetime.combine(self.date, time(12), OSLO).astimezone(UTC) - timedelta(hours=12)

    @property
    def start(self) -> datetime:
        """04:00 local, in UTC."""
        return self.anchor + timedelta(seconds=DAY_CUT_S)

    @property
    def end(self) -> datetime:
        return ServiceDay(self.date + timedelta(days=1)).start

    @property
    def end_s(self) -> float:
        """Seconds from the anchor to the end of the day (28 h, or an hour more or less where the clock changes)."""
        return (self.end - self.anchor).total_seconds()

    @property
    def planned(self) -> datetime:
        """When the day's timetable is published: noon of the day before, in UTC."""
        return self.anchor - timedelta(hours=12)

    @property
    def compact(self) -> str:
        return self.date.strftime("%Y%m%d")

    def micros(self, seconds: np.ndarray | float) -> np.ndarray:
        """Epoch microseconds (int64), rounded to the millisecond."""
        anchor_ms = int(self.anchor.timestamp()) * 1000
        micros: np.ndarray = (np.rint(np.asarray(seconds, dtype=float) * 1000).astype(np.int64) + anchor_ms) * 1000
        return micros

    def instant(self, seconds: float) -> datetime:
        return self.anchor + timedelta(milliseconds=round(seconds * 1000))


def stream(seed: int, name: str, day: date | None = None) -> np.random.Generator:
    """The random stream of a part; without a day it is the same on all days (platforms, clocks)."""
    return np.random.default_rng([seed, STREAMS.index(name), day.toordinal() if day else 0])
