"""The marts of audience in PostgreSQL: the view of the published report, and what keeps an index back."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from expectations import arrow
from expectations.audience import statuses
from platform_local.postgres import Cluster
from spark_jobs.audience.marts import MARTS
from spark_jobs.common import serve
from spark_jobs.common.ledger import Ledger, Release
from spark_jobs.common.mart import Mart
from spark_jobs.common.outcome import Blocked
from spark_jobs.common.staging import stage
from spark_jobs.common.window import Window
from tests.mart_readers import MartReaders

pytestmark = pytest.mark.long

DAY = date(2024, 3, 8)
PUBLISHED = [
    *("advertiser_id", "pixel_external_id", "pixel_id", "pixel_name", "pixel_tag_type", "pixel_type", "audience_id"),
    *("audience_name", "audience_path", "matched_users", "audience_index", "time_window", "time_rollup"),
]
PIXELS = [
    {"pixel_id": "home", "pixel_external_id": "7", "advertiser_id": "acme", "pixel_name": "Home", "tag_type": "image"}
]
SEGMENTS = [
    {"segment_id": "young", "segment_name": name, "path": f"Age/{name}", "valid_from": begins, "valid_to": ends}
    for name, begins, ends in (("Teens", date(2024, 1, 1), DAY - timedelta(days=1)), ("Under 25", DAY, None))
]


class Served(MartReaders):
    """Audience's marts, each version with rows of its own."""

    slug = "audience"

    def __init__(self, ledger: Ledger, home: Path) -> None:
        self.ledger, self.cluster, self.number = ledger, Cluster(home / "postgres"), 0

    def publish(self, index: list[dict[str, Any]], **others: list[dict[str, Any]]) -> None:
        self.number += 1
        start = datetime(2024, 3, 8, tzinfo=UTC) + timedelta(days=self.number)
        window = Window(start, start + timedelta(days=1))
        run = self.ledger.open_run(self.slug, "nightly", f"marts/{self.number}", None, window)
        try:
            attempt = self.ledger.begin(run, "serve")
            release = Release(self.number, self.slug, "settled", run.run_key, window, {}, start)
            (swapped, swap), *_ = [(mart, mart.swap) for mart in MARTS if mart.swap]
            rows = table(swapped, index)
            staged = stage(serve.marts_uri(), attempt, swapped, swap, release, [rows], rows.num_rows, "")
            loads = [
                serve.Load(mart, release, "true", table(mart, others.get(mart.name, [])))
                for mart in MARTS
                if not mart.swap
            ]
            serve.publish(serve.marts_uri(), attempt, release, loads, [staged])
        finally:
            self.ledger.close_run(run.run_key)


def table(mart: Mart, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow.schema(mart.table))


def cells(median: float, of_nobody: int) -> list[dict[str, Any]]:
    """Eleven cells that are shown, and low counts of segments that no visitor is in."""
    usual = {"ds": DAY, "advertiser_id": "acme", "pixel_id": "home", "group_id": "age"}
    shown = {"young": -5, **{f"s{off}": off for off in range(-4, 6)}}
    return [
        *(
            {**usual, "segment_id": name, "audience_index": median + off, "status": statuses.OVER}
            for name, off in shown.items()
        ),
        *(
            {**usual, "segment_id": f"nobody{number}", "audience_index": 0.0, "status": statuses.LOW_COUNT}
            for number in range(of_nobody)
        ),
    ]


@pytest.fixture(scope="module")
def served(ledger: Ledger, lake_home: Path) -> Served:
    served = Served(ledger, lake_home)
    served.publish(cells(100.0, of_nobody=12), pixels=PIXELS, segments=SEGMENTS)
    return served


def test_the_view_of_the_published_report_shows_what_is_shown_by_default_under_its_names_of_that_day(
    served: Served,
) -> None:
    with served.connected("bi") as cursor:
        cursor.execute("SELECT * FROM audience.audience_index_pixel WHERE audience_id IN ('young', 'nobody0')")
        assert [column.name for column in cursor.description] == PUBLISHED
        (row,) = (dict(zip(PUBLISHED, values, strict=True)) for values in cursor.fetchall())
    told = {name: row[name] for name in ("pixel_external_id", "pixel_name", "pixel_tag_type", "audience_name")}
    assert told == {
        "pixel_external_id": "7",
        "pixel_name": "Home",
        "pixel_tag_type": "image",
        "audience_name": "Under 25",
    }
    assert (row["audience_path"], row["audience_index"], row["time_rollup"]) == ("Age/Under 25", 95.0, "all")
    assert served.ask("SELECT count(*) FROM audience.audience_index_pixel", "bi") == [(11,)]


def test_an_index_whose_shown_cells_jump_is_kept_back_although_most_cells_are_of_nobody(served: Served) -> None:
    served.publish(cells(100.0, of_nobody=12))
    with pytest.raises(Blocked, match="the median of audience_index is 131 where 100 is published"):
        served.publish(cells(131.0, of_nobody=12))


def test_cells_of_nobody_that_come_or_go_do_not_keep_an_index_back(served: Served) -> None:
    for median, of_nobody in ((100.0, 9), (101.0, 13), (102.0, 9)):
        served.publish(cells(median, of_nobody))
    assert served.ask("SELECT count(*) FROM audience.air_index") == [(20,)]
