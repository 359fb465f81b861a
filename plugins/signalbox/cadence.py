"""The two cadences: what differs between the live and the nightly DAG of a pipeline, and nothing else does."""

from dataclasses import dataclass
from datetime import timedelta

from airflow.sdk import CronDataIntervalTimetable


@dataclass(frozen=True)
class BusinessDay:
    """When a pipeline's day begins, in local time. Days of 23 and 25 hours follow from the time zone."""

    hour: int
    timezone: str

    @property
    def timetable(self) -> CronDataIntervalTimetable:
        return CronDataIntervalTimetable(f"0 {self.hour} * * *", timezone=self.timezone)


@dataclass(frozen=True)
class Cadence:
    """How often a pipeline runs and how much patience it gets."""

    name: str
    tier: str
    table_suffix: str
    run_limit: timedelta
    task_limit: timedelta
    retries: int
    retry_delay: timedelta
    pool: str
    priority: int
    engine_setting: str
    late_files_wait: timedelta | None

    def timetable(self, day: BusinessDay) -> CronDataIntervalTimetable:
        """Never a bare cron string: that would give data intervals of zero length."""
        return day.timetable if self.late_files_wait else CronDataIntervalTimetable("*/5 * * * *", timezone="UTC")


# Retries outlast a lease that a killed writer left behind (90 s).
LIVE = Cadence(
    name="live",
    tier="live",
    table_suffix="_live",
    run_limit=timedelta(minutes=20),
    task_limit=timedelta(minutes=8),
    retries=4,
    retry_delay=timedelta(seconds=30),
    pool="live",
    priority=100,
    engine_setting="SIGNALBOX_ENGINE_LIVE",
    late_files_wait=None,
)

NIGHTLY = Cadence(
    name="nightly",
    tier="settled",
    table_suffix="",
    run_limit=timedelta(hours=6),
    task_limit=timedelta(hours=2),
    retries=3,
    retry_delay=timedelta(minutes=1),
    pool="nightly",
    priority=10,
    engine_setting="SIGNALBOX_ENGINE_NIGHTLY",
    late_files_wait=timedelta(minutes=30),
)
