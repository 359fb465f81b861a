"""When entries lapse: to the second, segments after thirty days and pixels when a run says, day by day and in one pass alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from expectations.audience import pixel_visits, segment_adds
from expectations.audience import udb as contract
from expectations.audience.membership import DAY_S
from spark_jobs.audience import days, udb
from spark_jobs.audience.params import AudienceParams
from tests.audience.steps import FIRST, Spans, listed_state, window_of
from tests.frames import frame
from tests.platform.toy import tiny_queries

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long]

MIDNIGHT = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
PARAMS = AudienceParams(pixel_retention_days=40)
# The segment `edge` and the pixel `edge` are told at the first second of the first day, `before` one second earlier; all
# of them once more on the 31st day, or the 41st, whose end they reach.
AGAIN = {"segment": 30 * DAY_S, "pixel": 40 * DAY_S}
TOLD = {"edge": MIDNIGHT, "before": MIDNIGHT - 1}


def day(number: int) -> date:
    """The day with this number, counted from 1."""
    return FIRST + timedelta(days=number - 1)


@pytest.fixture(scope="module")
def told(spark: SparkSession) -> Iterator[tuple[DataFrame, DataFrame]]:
    """Adds and visits of two users: one of whom nothing is told again, and one of whom everything is."""
    with tiny_queries(spark):
        yield tuple(
            frame(spark, module.TABLE, list(_events(kind))).localCheckpoint()
            for kind, module in (("segment", segment_adds), ("pixel", pixel_visits))
        )


def _events(kind: str) -> Iterator[dict[str, object]]:
    known = {"arrival_day": FIRST, "known": True}
    for name, ts in TOLD.items():
        for user in ("once", "twice"):
            yield known | {"event_id": f"{user}-{name}", "user_id": user, f"{kind}_id": name, "ts": ts}
        again = MIDNIGHT + AGAIN[kind]
        arrived = day(AGAIN[kind] // DAY_S + 1)
        of_second = {"event_id": f"again-{name}", "user_id": "twice", f"{kind}_id": name, "ts": again}
        yield known | of_second | {"arrival_day": arrived}


States = dict[int, dict[str, tuple[Spans, Spans]]]


def states(told: tuple[DataFrame, DataFrame], *spans: tuple[int, int]) -> States:
    """The state at the end of each span of days, made of the state before it."""
    before: DataFrame = told[0].sparkSession.createDataFrame([], contract.TABLE.ddl())
    found = {}
    for first, last in spans:
        window = window_of(day(first), day(last))
        (now,) = days.transform(*told, window=window, params=PARAMS)
        (after,) = udb.transform(now, before, window=window, params=PARAMS)
        before = after.localCheckpoint()
        found[last] = listed_state(before)
    return found


@pytest.fixture(scope="module")
def in_one_pass(told: tuple[DataFrame, DataFrame]) -> States:
    return {last: states(told, (1, last))[last] for last in (29, 30, 31, 40, 41)}


@pytest.fixture(scope="module")
def day_by_day(told: tuple[DataFrame, DataFrame]) -> States:
    """From the 29th day on, when something may lapse for the first time."""
    return states(told, (1, 28), *((n, n) for n in range(29, 42)))


EDGE, BEFORE = ({name: (ts, ts)} for name, ts in TOLD.items())


def again(kind: str) -> Spans:
    """The entries of one who is told again: `edge` has not lapsed by then and goes on, `before` has and begins anew."""
    ts = MIDNIGHT + AGAIN[kind]
    return {"edge": (MIDNIGHT, ts), "before": (ts, ts)}


@pytest.mark.parametrize("made", ["in_one_pass", "day_by_day"])
@pytest.mark.parametrize(
    ("last", "once", "twice"),
    [
        (29, (EDGE | BEFORE, EDGE | BEFORE), (EDGE | BEFORE, EDGE | BEFORE)),
        (30, (EDGE, EDGE | BEFORE), (EDGE, EDGE | BEFORE)),
        (31, ({}, EDGE | BEFORE), (again("segment"), EDGE | BEFORE)),
        (40, ({}, EDGE), (again("segment"), EDGE)),
        (41, None, (again("segment"), again("pixel"))),
    ],
)
def test_an_entry_lives_until_a_day_ends_more_than_its_time_after_it_was_told(
    request: pytest.FixtureRequest,
    made: str,
    last: int,
    once: tuple[Spans, Spans] | None,
    twice: tuple[Spans, Spans],
) -> None:
    assert request.getfixturevalue(made)[last] == {"twice": twice} | ({"once": once} if once else {})
