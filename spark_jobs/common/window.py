"""The window: the half-open interval of time that a run answers for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Window:
    """``[start, end)`` in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("A window's times need an offset, e.g. 2024-03-12T04:00:00+01:00.")
        if self.start >= self.end:
            raise ValueError(
                f"A window ends after it starts, but {self.start.isoformat()} is not before {self.end.isoformat()}."
            )
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @classmethod
    def parse(cls, start: str, end: str) -> "Window":
        """From ISO times with offset; times without one are refused."""
        return cls(_instant(start), _instant(end))

    def extended(self, before: timedelta = timedelta(0), after: timedelta = timedelta(0)) -> "Window":
        """The window with its ends moved outwards."""
        return Window(self.start - before, self.end + after)

    def business_days(self, timezone: str, cut_hour: int) -> list[date]:
        """The business days that the window touches, where a day starts at ``cut_hour`` local time."""
        zone, shift = ZoneInfo(timezone), timedelta(hours=cut_hour)
        first = (self.start.astimezone(zone).replace(tzinfo=None) - shift).date()
        last = ((self.end - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None) - shift).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    @property
    def last_day(self) -> date:
        """The UTC day that the window ends with."""
        return (self.end - timedelta(microseconds=1)).date()

    def starts_on(self, day: str) -> bool:
        """Whether its first UTC day is this one (ISO); no text is no day."""
        return bool(day) and date.fromisoformat(day) == self.start.date()

    @property
    def is_whole_days(self) -> bool:
        """Whether it goes from midnight to midnight, UTC."""
        midnight = datetime.min.time()
        return self.start.time() == midnight and self.end.time() == midnight

    def by_day(self) -> list["Window"]:
        """The window cut at each midnight UTC."""
        midnights = [datetime.combine(day, datetime.min.time(), UTC) for day in self.business_days("UTC", 0)[1:]]
        cuts = [self.start, *midnights, self.end]
        return [Window(start, end) for start, end in pairwise(cuts)]

    def business_day_start(self, timezone: str, cut_hour: int) -> datetime:
        """The instant at which the business day of the window's start began."""
        day = self.business_days(timezone, cut_hour)[0]
        return datetime(day.year, day.month, day.day, cut_hour, tzinfo=ZoneInfo(timezone)).astimezone(UTC)

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%d %H:%M:%S}Z, {self.end:%Y-%m-%d %H:%M:%S}Z)"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an ISO time such as 2024-03-12T04:00:00+01:00.") from error
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write it with one, e.g. {text}+01:00.")
    return instant
