"""Events: each once, on the day on which it arrived; what cannot be is refused by name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.audience import pixel_events, pixels, segment_adds, segment_events, segments
from spark_jobs.audience import events
from spark_jobs.audience.params import AudienceParams
from tests.audience.steps import published, window_of
from tests.frames import frame, listed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

DAY = date(2024, 3, 12)
MIDNIGHT, DAY_S = 1_710_201_600, 86_400
FOLDER = {"landing_file": "segment_events/2024-03-12/a.parquet"}


def add(event_id: str, **change: Any) -> dict[str, Any]:
    return {"event_id": event_id, "user_id": "u", "segment_id": "s", "ts": MIDNIGHT, "op": "add", **FOLDER, **change}


def adds(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    """The adds of a day as the stage hands them on, `_dropped` marks and all; segment s is known, and `late` from the next day."""
    since = {"s": date(2024, 1, 1), "late": DAY + timedelta(days=1)}
    told = frame(spark, segments.TABLE, [{"segment_id": name, "listed_since": day} for name, day in since.items()])
    none = [frame(spark, table, []) for table in (pixel_events.TABLE, pixels.TABLE)]
    landed = frame(spark, segment_events.TABLE, rows)
    return events.transform(landed, none[0], told, none[1], window=window_of(DAY, DAY), params=AudienceParams())[0]


def refused(spark: SparkSession, row: dict[str, Any]) -> str | None:
    """The rule of the lake's contract that a row breaks."""
    rule = segment_adds.TABLE.first_broken_rule_sql()
    found: str | None = adds(spark, row).selectExpr(f"{rule} AS rule").collect()[0].rule
    return found


def test_an_event_that_landed_twice_counts_once(spark: SparkSession) -> None:
    told = adds(spark, add("a"), add("a", landing_file="segment_events/2024-03-12/b.parquet"), add("b"))
    assert listed(told, "event_id", "_dropped") == [("a", None), ("a", "duplicate"), ("b", None)]


@pytest.mark.parametrize("change", [{"ts": MIDNIGHT - 8 * DAY_S}, {"segment_id": "nobody's"}])
def test_a_copy_that_is_refused_does_not_stand_for_the_event(spark: SparkSession, change: dict[str, Any]) -> None:
    told = adds(spark, add("a", **change), add(" a", landing_file="segment_events/2024-03-12/b.parquet"))
    assert listed(told, "event_id", "_dropped") == [("a", None), ("a", None)]
    assert listed(published(told, segment_adds.TABLE), "segment_id", "ts") == [("s", MIDNIGHT)]


def test_the_same_event_on_two_days_is_an_event_of_each(spark: SparkSession) -> None:
    told = adds(spark, add("a"), add("a", landing_file="segment_events/2024-03-13/a.parquet"))
    assert listed(told, "arrival_day", "_dropped") == [(DAY, None), (date(2024, 3, 13), None)]


def test_spaces_around_ids_do_not_count_and_case_does(spark: SparkSession) -> None:
    told = adds(spark, add("a", user_id=" u\t"), add("b", user_id="U"), add("c", segment_id="s\n\u2003"))
    assert listed(told, "user_id", "segment_id", "known") == [("U", "s", True), ("u", "s", True), ("u", "s", True)]


def test_white_space_of_unicode_around_an_id_makes_no_other_user_and_no_other_event(spark: SparkSession) -> None:
    told = adds(spark, add("a", user_id="nb"), add("b", user_id="nb\u00a0"), add("\ufeffa", user_id="\u2003nb"))
    assert listed(told, "event_id", "user_id", "_dropped") == [
        ("a", "nb", None),
        ("a", "nb", "duplicate"),
        ("b", "nb", None),
    ]


def test_a_removal_is_left_out_by_name(spark: SparkSession) -> None:
    assert listed(adds(spark, add("a", op="remove")), "_dropped") == [("removal",)]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"segment_id": "nobody's"}, "known_segment"),
        ({"segment_id": "late"}, "known_segment"),
        ({"segment_id": "late", "landing_file": "segment_events/2024-03-13/a.parquet"}, None),
        ({"ts": MIDNIGHT - 7 * DAY_S - 1}, "not_too_late"),
        ({"ts": MIDNIGHT + DAY_S}, "not_from_the_future"),
        ({"ts": MIDNIGHT - 7 * DAY_S}, None),
        ({"ts": MIDNIGHT + DAY_S - 1}, None),
    ],
)
def test_an_event_that_cannot_be_is_refused_by_name(
    spark: SparkSession, change: dict[str, Any], rule: str | None
) -> None:
    assert refused(spark, add("a", **change)) == rule


def test_what_is_refused_is_not_published(spark: SparkSession) -> None:
    told = published(adds(spark, add("a"), add("b", segment_id="nobody's")), segment_adds.TABLE)
    assert listed(told, "event_id") == [("a",)]
