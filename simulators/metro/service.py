"""The service of a day: train runs, incidents and plan changes as records."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Run:
    """One train run; `path` holds the platform sections it serves, `sequence` their planned stop_sequence."""

    run_id: str
    kind: str  # SCHEDULED | SHORT_TURN | EXTRA | NON_REVENUE
    line: str
    direction: int
    path: list[int]
    planned: list[float]
    sequence: list[int]
    trip: int | None = None
    feeder: int | None = None
    follower: int | None = None
    origin_delay_s: float = 0.0
    units: tuple[str, ...] = ()
    describer: str | None = None
    late_describer: str | None = None  # the corrected number, from call `corrected_at` on
    corrected_at: int = 9_999
    number_quality: str = "OK"  # OK | MISSING | WRONG
    arrival: list[float] = field(default_factory=list)
    departure: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)  # seconds waited before each platform
    turnback: list[int | None] = field(default_factory=lambda: [None, None])  # track used before and after


@dataclass(frozen=True)
class Incident:
    """No train leaves `platform` in [start_s, end_s)."""

    incident_id: str
    platform: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class PlanChange:
    trip_id: str
    stop_sequence: int | None
    change: str
    ts_s: float
    reason_code: str


@dataclass
class Service:
    """A day as it is going to be run, before any train moves."""

    runs: list[Run]
    incidents: list[Incident]
    changes: list[PlanChange]
    call_status: dict[tuple[int, int], str]  # (trip index, stop_sequence) -> status other than RUN
