"""The day of service that metro's tests are about, and its times."""

from datetime import UTC, date, datetime, timedelta

DAY = date(2024, 3, 12)


def at(clock: str, day: date = DAY) -> datetime:
    """HH:MM[:SS[.fff]] in UTC."""
    hours, minutes, *rest = clock.split(":")
    seconds = float(rest[0]) if rest else 0.0
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=int(hours), minutes=int(minutes), seconds=seconds
    )
