"""Dimensions: of each entry what the newest file says, and since when its id has been listed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from expectations.audience import pixel_dim, pixels, segment_dim
from spark_jobs.audience.dimensions import transform
from spark_jobs.audience.params import AudienceParams
from tests.audience.steps import FIRST, window_of
from tests.frames import frame, listed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def entry(day: int, **said: Any) -> dict[str, Any]:
    """Segment s from the first of January on, as a file of a day says it."""
    file = {"landing_file": f"segment_dim/2024-01-{day:02}/a.parquet"}
    return {"segment_id": "s", "valid_from": date(2024, 1, 1), **file, **said}


def test_the_newest_file_says_what_an_entry_is_and_the_oldest_since_when_it_is_listed(spark: SparkSession) -> None:
    told = frame(
        spark, segment_dim.TABLE, [entry(3, group_id="new"), entry(2, group_id="old"), entry(4, segment_id="t")]
    )
    owned = frame(spark, pixel_dim.TABLE, [])
    segments, _ = transform(told, owned, window=window_of(FIRST, date(2024, 1, 5)), params=AudienceParams())
    assert listed(segments, "segment_id", "group_id", "listed_since", "_dropped") == [
        ("s", "new", date(2024, 1, 2), None),
        ("s", "old", date(2024, 1, 2), "duplicate"),
        ("t", None, date(2024, 1, 4), None),
    ]


def test_white_space_around_a_group_or_an_advertiser_makes_no_other_and_a_blank_one_is_none(
    spark: SparkSession,
) -> None:
    groups = {"s": "G", "t": "G\u00a0", "v": " \t", "w": ""}
    told = frame(spark, segment_dim.TABLE, [entry(2, segment_id=name, group_id=said) for name, said in groups.items()])
    owners = {"p": "\tA ", "q": "\u2003"}
    owned = frame(
        spark, pixel_dim.TABLE, [{"pixel_id": p, "pixel_name": p, "advertiser_id": said} for p, said in owners.items()]
    )
    named, owned = transform(told, owned, window=window_of(FIRST, FIRST), params=AudienceParams())
    assert listed(named, "segment_id", "group_id") == [("s", "G"), ("t", "G"), ("v", None), ("w", None)]
    broken = owned.selectExpr("pixel_id", "advertiser_id", f"{pixels.TABLE.first_broken_rule_sql()} AS rule")
    assert listed(broken, "pixel_id", "advertiser_id", "rule") == [
        ("p", "A", None),
        ("q", None, "advertiser_id:present"),
    ]
