"""The state of all users: day after day, in one pass, and by plain sets, it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulators.audience import sets
from tests.audience.steps import FIRST, Spans, Steps, listed_state, simulated, window_of
from tests.platform.toy import tiny_queries

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(900)]

DAYS = 40
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty days of few users, with five times the usual share of re-joins, ties, duplicates and late events."""
    size = ("--users", "150", "--segments", "12", "--groups", "3", "--pixels", "8", "--days", str(DAYS))
    return simulated(tmp_path_factory.mktemp("world"), "--seed", "7", "--noise", "5", "--adds", "8", *size)


@pytest.fixture(scope="module")
def steps(spark: SparkSession, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steps]:
    with tiny_queries(spark):
        yield Steps(spark, world, window_of(FIRST, LAST), tmp_path_factory.mktemp("staging"))


@pytest.fixture(scope="module")
def one_pass(steps: Steps) -> dict[str, tuple[Spans, Spans]]:
    return listed_state(steps.state(None, window_of(FIRST, LAST)))


def test_forty_days_one_after_the_other_equal_one_pass_over_all_of_them(
    steps: Steps, one_pass: dict[str, tuple[Spans, Spans]]
) -> None:
    state = None
    for n in range(DAYS):
        day = FIRST + timedelta(days=n)
        state = steps.state(state, window_of(day, day))
    assert state is not None and listed_state(state) == one_pass


def test_one_pass_equals_plain_sets(world: Path, one_pass: dict[str, tuple[Spans, Spans]]) -> None:
    plain = sets.state_on(world, FIRST, LAST)
    users = {user for held in (plain.segments, plain.pixels) for user, spans in held.items() if spans}
    assert len(users) > 100
    assert one_pass == {user: (plain.segments.get(user, {}), plain.pixels.get(user, {})) for user in users}
