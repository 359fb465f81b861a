"""The Complete Journey becomes landing tables of audience: every row an event of its day that says where it comes from."""

import argparse
import csv
import hashlib
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.audience import LANDING
from simulators.audience import sets
from spark_jobs.audience import importers

CAMPAIGNS = "user_id,segment_id,group_id,ts\n7,camp:1,campaign:Type A,2016-12-30\n8,camp:2,campaign:Type B,2017-03-01\n"
DEMOGRAPHICS = "user_id,segment_id,group_id\n7,age:65+,age\n"
VISITS = [
    (7, "DELI", pd.Timestamp("2017-01-01 23:02:11"), pd.Timestamp("2017-01-01 23:02:11")),
    (8, "GROCERY", pd.Timestamp("2017-01-02 08:00"), pd.Timestamp("2017-01-02 09:00")),
]
FEBRUARY_1, DAY_S = 1485907200, 86_400


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two households, two campaigns, an attribute, two visits."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "campaign_segment_adds.csv").write_text(CAMPAIGNS)
    (folder / "demographic_segments.csv").write_text(DEMOGRAPHICS)
    columns = dict(zip(("user_id", "pixel_id", "first_ts", "last_ts"), zip(*VISITS, strict=True), strict=True))
    pq.write_table(pa.table(columns), folder / "site_visits_daily.parquet")
    return folder


def load(data: Path, landing: Path) -> Path:
    parser = argparse.ArgumentParser()
    importers.add_arguments(parser)
    args = parser.parse_args(["completejourney", "--data", str(data), "--landing", str(landing)])
    args.handler(args)
    return landing


@pytest.fixture
def landing(data: Path, tmp_path: Path) -> Path:
    return load(data, tmp_path / "landing")


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load(real_data / "audience", tmp_path_factory.mktemp("real"))


def table(landing: Path, name: str) -> pd.DataFrame:
    paths = sorted((landing / name).glob("*/*.parquet"))
    return pd.concat([pd.read_parquet(path).assign(day=path.parent.name) for path in paths], ignore_index=True)


def test_a_campaign_is_added_at_its_start_and_an_attribute_on_the_1st_and_16th_of_every_month(landing):
    adds = table(landing, "segment_events")
    campaigns = adds[adds.source == "campaign"]
    assert campaigns[["event_id", "user_id", "segment_id", "ts"]].values.tolist() == [
        ["campaign-0", "7", "camp:1", 1483056000],
        ["campaign-1", "8", "camp:2", 1488326400],
    ]
    again = adds[adds.source == "demographic"]
    assert len(again) == 24 and set(again.user_id) == {"7"} and set(again.segment_id) == {"age:65+"}
    assert {int(day[8:]) for day in again.day} == {1, 16}
    february = again[again.ts == FEBRUARY_1]
    assert february.event_id.tolist() == ["demographic-0-20170201"] and february.day.tolist() == ["2017-02-01"]


def test_a_row_of_visits_is_an_event_at_its_first_time_and_one_at_its_last_where_that_differs(landing):
    visits = table(landing, "pixel_events")
    assert visits[["event_id", "user_id", "pixel_id", "ts", "advertiser_id"]].values.tolist() == [
        ["visit-0-first", "7", "DELI", 1483311731, "retailer"],
        ["visit-1-first", "8", "GROCERY", 1483344000, "retailer"],
        ["visit-1-last", "8", "GROCERY", 1483347600, "retailer"],
    ]
    assert visits.source_row.tolist() == [0, 1, 1] and set(visits.source_file) == {"site_visits_daily.parquet"}


def test_segments_and_pixels_hold_from_the_first_day_on_and_land_on_it(landing):
    segments, pixels = table(landing, "segment_dim"), table(landing, "pixel_dim")
    groups = dict(zip(segments.segment_id, segments.group_id, strict=True))
    assert groups == {"age:65+": "age", "camp:1": "campaign:Type A", "camp:2": "campaign:Type B"}
    assert set(segments.valid_from) == {date(2016, 12, 30)} and segments.valid_to.isna().all()
    assert pixels.pixel_id.tolist() == ["DELI", "GROCERY"]
    assert set(segments.day) == set(pixels.day) == {"2016-12-30"}


@pytest.mark.parametrize("contract", LANDING, ids=lambda contract: contract.name)
def test_files_have_the_columns_of_their_contract_and_manifests_that_fit(landing, contract):
    assert contract.name in json.loads((landing / "landing.json").read_text())["tables"]
    for path in (landing / contract.name).glob("*/*.parquet"):
        rows = pd.read_parquet(path)
        assert set(rows) == {*contract.column_names, "source_file", "source_row"}
        manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text())
        assert (manifest["rows"], manifest["time_zone"]) == (len(rows), "UTC")
        assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_files_give_the_same_bytes(data, landing, tmp_path):
    again = load(data, tmp_path / "again")
    found = [
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*.*") if p.is_file()} for root in (landing, again)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("demographic_segments.csv", None, r"demographic_segments\.csv cannot be read: .*"),
        (
            "demographic_segments.csv",
            "user_id,segment\n1,a\n",
            r"^demographic_segments.csv lacks the columns segment_id, ",
        ),
        ("demographic_segments.csv", "user_id,segment_id,group_id\n", r"^demographic_segments.csv has no rows\.$"),
        ("campaign_segment_adds.csv", DEMOGRAPHICS, r"^campaign_segment_adds.csv lacks the column ts\.$"),
        (
            "campaign_segment_adds.csv",
            f"{CAMPAIGNS}9,camp:1,campaign:Type A,\n",
            r"has no ts in row 2 \(0 is the first\)",
        ),
        ("campaign_segment_adds.csv", f"{CAMPAIGNS}9,camp:1,campaign:Type A,soon\n", r"cannot be read: .*soon"),
        (
            "demographic_segments.csv",
            f"{DEMOGRAPHICS}9,camp:1,age\n",
            r"^Segments are in more than one group: camp:1\.$",
        ),
        ("site_visits_daily.parquet", "no parquet", r"site_visits_daily\.parquet cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(data, tmp_path, name, text, sentence):
    (data / name).unlink() if text is None else (data / name).write_text(text)
    with pytest.raises(ValueError, match=sentence):
        load(data, tmp_path / "landing")
    assert not (tmp_path / "landing").exists()


def test_every_row_of_the_real_data_is_in_its_events(real, real_data):
    adds, visits = table(real, "segment_events"), table(real, "pixel_events")
    rows = pd.read_parquet(real_data / "audience" / "site_visits_daily.parquet")
    assert len(adds) == 6_589 + 24 * 5_237
    assert len(visits) == 272_290 + int((rows.first_ts != rows.last_ts).sum())
    assert visits.source_row.nunique() == 272_290
    for events in (adds, visits):
        assert events.event_id.is_unique
        assert (pd.to_datetime(events.ts // DAY_S * DAY_S, unit="s").dt.strftime("%Y-%m-%d") == events.day).all()


def test_counts_of_the_landed_real_data_are_the_expected_ones(real, real_data):
    last = date(2017, 6, 30)
    state = sets.state_on(real, date(2016, 11, 14), last, pixel_days=400)
    found = {
        (cell.segment_id, cell.group_id, cell.pixel_id, cell.n_sp, cell.n_gp, cell.n_s, cell.n_g)
        for cell in sets.count(state, sets.groups_on(real, last))
    }
    numbers = ("s_and_p", "g_and_p", "s_total", "g_total")
    with (real_data / "audience" / "expected_index_asof_2017-06-30.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("segment_id", "group_id", "pixel_id")
    expected = {(*(row[name] for name in names), *(int(row[name]) for name in numbers)) for row in rows}
    assert len(expected) == 1039
    assert found == expected
