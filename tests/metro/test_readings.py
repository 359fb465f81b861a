"""Readings: each once, cheaply."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from expectations.metro import signal_reading
from spark_jobs.common.window import Window
from spark_jobs.metro.params import LIVE
from spark_jobs.metro.readings import transform
from tests.frames import frame, listed
from tests.metro.clock import at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

FIVE_MINUTES = Window(at("07:00"), at("07:05"))


def reading(name: str, clock: str, **more: Any) -> dict[str, Any]:
    measured = at(clock)
    common = {
        "reading_id": name,
        "asset_id": "TC1",
        "asset_type": "TRACK_CIRCUIT",
        "metric": "VOLTAGE_V",
        "value_num": 2.0,
    }
    return common | {"reading_ts": measured, "ingest_ts": measured + timedelta(seconds=4)} | more


def test_of_readings_sent_again_the_first_to_arrive_is_kept(spark: SparkSession) -> None:
    rows = [
        reading("r1", "06:50", ingest_ts=at("06:59")),
        reading("r1", "06:50"),
        reading("r1", "06:50"),
        reading("r2", "06:50"),
        reading("r3", "06:51"),
    ]
    marked = transform(frame(spark, signal_reading.TABLE, rows), window=FIVE_MINUTES, params=LIVE)[0]
    assert listed(marked, "source_row", "reading_id", "_dropped") == [
        (0, "r1", "duplicate"),
        (1, "r1", None),
        (2, "r1", "duplicate"),
        (3, "r2", None),
        (4, "r3", None),
    ]


def test_a_copy_outside_of_the_window_does_not_push_out_the_one_inside(spark: SparkSession) -> None:
    rows = [reading("r1", "05:00"), reading("r1", "06:50"), reading("r2", "07:04:59")]
    marked = transform(frame(spark, signal_reading.TABLE, rows), window=FIVE_MINUTES, params=LIVE)[0]
    assert listed(marked, "source_row", "_dropped") == [(0, "outside_window"), (1, None), (2, "not_yet_arrived")]
