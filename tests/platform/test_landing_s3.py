"""A landing zone in S3 keeps what one in a folder keeps: whole files, manifests, no change unseen, nothing from elsewhere."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from platform_local.problem import Problem
from spark_jobs.common.landing import Arrival, Landing
from spark_jobs.common.outcome import TryAgain
from tests.platform.s3_standin import BUCKET, Store
from tests.platform.toy import HOUR, contracts, events

EVENT = contracts("toy")[0]
HEADER = "event_id,event_ts,value\n"
LINE = "e1,2024-03-12T06:01:00Z,1.5\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("s3") / "moto.log")
    yield store
    store.end()


@pytest.fixture
def prefix(store, monkeypatch, request) -> str:
    """A zone of the test's own; the store's settings are in the environment."""
    for name, value in store.environ.items():
        monkeypatch.setenv(name, value)
    return request.node.name.partition("[")[0]


def put(store: Store, prefix: str, name: str, content: bytes | str, **manifest: object) -> None:
    content = content.encode() if isinstance(content, str) else content
    store.put(f"{prefix}/event/{name}", content)
    if manifest:
        store.put(f"{prefix}/event/{name}.manifest.json", json.dumps(manifest).encode())


def take(prefix: str, folder: Path, quiet_s: float = 0.0) -> Arrival:
    return Landing(f"s3://{BUCKET}/{prefix}", folder / "staging", quiet_s).take(EVENT, HOUR)


def test_parquet_and_csv_are_taken_under_the_hash_of_their_bytes(store, prefix, tmp_path):
    events(3).to_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    put(store, prefix, "2024-03-12/a.parquet", content)
    put(store, prefix, "2024-03-13/b.csv", HEADER + LINE)
    taken = take(prefix, tmp_path)
    assert [(file.name, file.rows) for file in taken.files] == [
        ("event/2024-03-12/a.parquet", 3),
        ("event/2024-03-13/b.csv", 1),
    ]
    assert taken.files[0].sha256 == hashlib.sha256(content).hexdigest()
    assert [pq.read_metadata(file.staged).num_rows for file in taken.files] == [3, 1]
    taken.require_unchanged()


def test_what_a_manifest_contradicts_is_refused_and_what_it_places_elsewhere_is_not_read(store, prefix, tmp_path):
    put(store, prefix, "2024-03-12/other.csv", HEADER + LINE, sha256="0" * 64)
    put(store, prefix, "2024-03-12/short.csv", HEADER + LINE, rows=2)
    yesterday = {"start": "2024-03-11T06:00:00+00:00", "end": "2024-03-11T07:00:00+00:00"}
    put(store, prefix, "2024-03-12/yesterday.csv", HEADER + LINE.replace("e1", "e2"), **yesterday)
    taken = take(prefix, tmp_path)
    assert taken.files == []
    assert [(file.name, file.reason) for file in taken.refused] == [
        ("event/2024-03-12/other.csv", "has other bytes than its manifest says (sha256 differs)"),
        ("event/2024-03-12/short.csv", "has 1 rows where its manifest says 2"),
    ]


def test_a_table_that_landing_json_does_not_list_is_not_supplied(store, prefix, tmp_path):
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE)
    store.put(f"{prefix}/landing.json", b'{"tables": ["another"]}')
    assert (take(prefix, tmp_path).supplied, take(prefix, tmp_path).files) == (False, [])


@pytest.mark.parametrize("change", ["overwritten", "removed"])
def test_a_file_that_changes_after_it_was_taken_is_noticed(store, prefix, tmp_path, change):
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE)
    taken = take(prefix, tmp_path)
    taken.require_unchanged()
    if change == "overwritten":
        put(store, prefix, "2024-03-12/a.csv", HEADER + LINE.replace("1.5", "2.5"))
    else:
        store.client.delete_object(Bucket=BUCKET, Key=f"{prefix}/event/2024-03-12/a.csv")
    with pytest.raises(TryAgain, match=r"event/2024-03-12/a\.csv changed while it was read"):
        taken.require_unchanged()


def test_a_file_that_changes_between_its_listing_and_its_reading_is_noticed(store, prefix, tmp_path):
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE)
    zone = take(prefix, tmp_path).zone
    (found,) = zone.files("event", HOUR.start.date(), HOUR.end.date())
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE.replace("1.5", "2.5"))
    with pytest.raises(TryAgain, match="changed while it was read"):
        zone.at_hand(found)


def test_a_file_without_a_manifest_that_came_just_now_is_watched_before_it_is_taken(store, prefix, tmp_path):
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE)
    taken = take(prefix, tmp_path, quiet_s=1.0)
    assert ([file.name for file in taken.files], taken.unfinished) == (["event/2024-03-12/a.csv"], [])


def test_odd_keys_are_no_paths(store, prefix, tmp_path):
    """Only a name in a day's folder of the table is a landing file, whatever it looks like; it is staged by its hash."""
    for name in ("2024-03-12/../../../escaped.csv", "2024-03-12/deeper/a.csv", "a.csv", "2024-03-12/..%2f..%2fb.csv"):
        put(store, prefix, name, HEADER + LINE)
    taken = take(prefix, tmp_path)
    assert [file.name for file in taken.files] == ["event/2024-03-12/..%2f..%2fb.csv"]
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "staging"}


def test_the_same_bytes_are_kept_once(store, prefix, tmp_path):
    put(store, prefix, "2024-03-12/a.csv", HEADER + LINE)
    for _ in range(2):
        take(prefix, tmp_path)
    assert sorted(path.suffixes for path in (tmp_path / "staging").iterdir()) == [[".landed", ".csv"], [".parquet"]]


def test_a_wrong_secret_a_missing_bucket_and_a_line_that_is_cut_are_said_in_words(store, prefix, tmp_path, monkeypatch):
    with pytest.raises(Problem, match=r"s3://nowhere/x does not exist: make the bucket"):
        Landing("s3://nowhere/x", tmp_path)
    taken = take(prefix, tmp_path)
    store.line.cut()
    with pytest.raises(TryAgain, match="S3 cannot be reached"):
        taken.zone.read("landing.json")
    store.line.mend()
    assert taken.zone.read("landing.json") is None
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(Problem, match=r"S3 refuses .* \(SignatureDoesNotMatch\): check AWS_ACCESS_KEY_ID"):
        take(prefix, tmp_path)
