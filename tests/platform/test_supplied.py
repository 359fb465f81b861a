"""landing.json: which tables are supplied, where several pipelines share a landing zone."""

from pathlib import Path

import pytest

from expectations.manifest import list_tables, listed
from simulators.metro.landing import TABLES as METRO
from spark_jobs.__main__ import main

AUDIENCE = {"segment_events", "pixel_events", "segment_dim", "pixel_dim"}


def simulate(slug: str, folder: Path, *more: str) -> None:
    places = ["--landing", str(folder / "landing"), "--truth", str(folder / "truth")]
    assert main(["simulate", slug, "--seed", "1", *places, *more]) == 0


def test_pipelines_that_share_a_landing_zone_leave_each_others_tables_supplied(tmp_path: Path) -> None:
    for _ in range(2):
        simulate("metro", tmp_path, "--scale", "0.01")
        simulate("audience", tmp_path, "--preset", "small", "--users", "20", "--days", "1")
    assert listed(tmp_path / "landing") == {*METRO, *AUDIENCE}


@pytest.mark.parametrize("had_listing", [True, False])
def test_a_pipeline_takes_back_what_it_no_longer_supplies_and_nothing_else(tmp_path: Path, had_listing: bool) -> None:
    for name in ("ours", "gone", "theirs"):
        (tmp_path / name).mkdir()
    if had_listing:
        list_tables(tmp_path, ["ours", "gone", "theirs"], of=[])
    list_tables(tmp_path, ["ours"], of=["ours", "gone"])
    assert listed(tmp_path) == {"ours", "theirs"}
