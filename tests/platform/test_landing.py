"""Landing files: which are taken, which are refused and why, and that their rows come out in the contract's types."""

import csv
import hashlib
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations.contract import Column, Table, whole
from spark_jobs.common import landing
from spark_jobs.common.arrival import read_arrival, valid_rows
from spark_jobs.common.audit import arrival_rules
from spark_jobs.common.csv_texts import read_csv_texts
from spark_jobs.common.landing import Arrival, Landing
from spark_jobs.common.outcome import TryAgain
from spark_jobs.common.window import Window
from tests.platform.toy import HOUR, contracts, events, land

EVENT = contracts("toy")[0]
HEADER = "event_id,event_ts,value\n"
LINE = "e{0},2024-03-12T06:{0:02d}:00Z,1.5\n"


def text(*lines: str, header: str = HEADER) -> str:
    return header + "".join(lines)


def put(root: Path, content: str | bytes, name: str = "a.csv", day: str = "2024-03-12", **manifest: Any) -> Path:
    """A landing file of exactly these bytes."""
    folder = root / "event" / day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if manifest:
        path.with_name(name + ".manifest.json").write_text(json.dumps(manifest))
    return path


def take(root: Path, window: Window = HOUR, table: Table = EVENT, quiet_s: float = 0.0) -> Arrival:
    return Landing(root, root / ".staging", quiet_s).take(table, window)


def reasons(arrival: Arrival) -> list[str]:
    assert arrival.files == []
    return [file.reason for file in arrival.refused]


# -- files that cannot be trusted ------------------------------------------------------------------------------

PARQUET = b"PAR1"
BAD: list[tuple[str, str, str | bytes, str]] = [
    ("an empty file", "a.parquet", b"", "is empty (0 bytes)"),
    ("an empty CSV", "a.csv", b"", "is empty (0 bytes)"),
    ("no Parquet at all", "a.parquet", b"hello, I am a text\n", "cannot be read: "),
    (
        "a CSV that ends in mid-line",
        "a.csv",
        text(LINE.format(1))[:-9],
        "ends in the middle of a line, and no manifest",
    ),
    (
        "another delimiter",
        "a.csv",
        text(LINE.format(1)).replace(",", ";"),
        "lacks the columns event_id, event_ts, value",
    ),
    ("UTF-16", "a.csv", text(LINE.format(1)).encode("utf-16") + b"\n", "lacks the columns event_id, event_ts, value"),
    (
        "a quote that is never closed",
        "a.csv",
        text('"e1,2024\n', *map(LINE.format, range(9))),
        "cannot be read: has a quote",
    ),
    (
        "a quote in the last column that is never closed",
        "a.csv",
        text(LINE.format(0), 'e1,2024-03-12T06:01:00Z,"1\n', *map(LINE.format, range(9))),
        "cannot be read: has a quote that is never closed, in or before row 1",
    ),
    (
        "the same behind a line that is no row",
        "a.csv",
        text("e0\n", 'e1,2024-03-12T06:01:00Z,"1\n', *map(LINE.format, range(9))),
        "cannot be read: has a quote that is never closed, in or before row 1",
    ),
    (
        "a quote in the header that is never closed",
        "a.csv",
        text(*map(LINE.format, range(9)), header='event_id,event_ts,value,"more\n'),
        "cannot be read: has a quote that is never closed, in or before row 0",
    ),
    ("a column is missing", "a.csv", "event_id,event_ts\nx,2024-03-12T06:00:00Z\n", "lacks the column value"),
    ("a column in other case", "a.csv", text(LINE.format(1)).replace("value", "VALUE"), "lacks the column value"),
    (
        "a header that takes in more than Python's longest field",
        "a.csv",
        '"' + "x\n" * 100_000,
        "cannot be read: has a quote that is never closed, in or before row 0",
    ),
    (
        "a name that Spark gives a column of its own",
        "a.csv",
        text(header="event_id,event_ts,value,_metadata\n"),
        "has a column _metadata, as Spark names its own",
    ),
    (
        "a column twice",
        "a.csv",
        "event_id,event_ts,value,Value\na,b,c,d\n",
        "names a column more than once: Value, value",
    ),
]


@pytest.mark.parametrize(("name", "content", "reason"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_file_that_cannot_be_trusted_is_left_out_with_its_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    put(tmp_path, content, name)
    (found,) = reasons(take(tmp_path))
    assert found.startswith(reason)


def test_a_field_that_is_too_long_refuses_its_file(tmp_path: Path) -> None:
    put(tmp_path, text(LINE.format(1)))
    longest = csv.field_size_limit(5)
    try:
        assert reasons(take(tmp_path)) == ["cannot be read: field larger than field limit (5)"]
    finally:
        csv.field_size_limit(longest)


@pytest.mark.parametrize(
    ("content", "last"),
    [
        ('e0,2024-03-12T06:00:00Z,"1\n2"\n', "1\n2"),
        ('e0,2024-03-12T06:00:00Z,"1""\n"\n', '1"\n'),
        ('e0,2024-03-12T06:00:00Z,"1"2\n', "12"),
        ('e0,2024-03-12T06:00:00Z,1"\n', '1"'),
        ('e0,2024-03-12T06:00:00Z,"1"', "1"),
    ],
)
def test_a_quote_that_is_closed_or_is_none_is_no_reason(tmp_path: Path, content: str, last: str) -> None:
    for before in ("", "x\n"):
        rows = read_csv_texts(put(tmp_path, text(before, content)))
        assert rows["value"][-1].as_py() == last


@pytest.mark.parametrize("after", ["", "x\n"], ids=["all rows", "a line that is no row"])
@pytest.mark.parametrize("empty", ["\n", "\r\n\n"])
def test_behind_empty_lines_every_field_is_text_too(tmp_path: Path, empty: str, after: str) -> None:
    rows = read_csv_texts(put(tmp_path, text("007,1e400,1\n", after, header=empty + HEADER)))
    assert rows.schema.names[:3] == HEADER.strip().split(",")
    assert [rows[name][0].as_py() for name in rows.schema.names[:4]] == ["007", "1e400", "1", 0]


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_parquet_file_is_left_out(tmp_path: Path, keep: float) -> None:
    path = land(tmp_path, events(500))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    assert reasons(take(tmp_path))[0].startswith("cannot be read: ")


def test_a_parquet_file_with_a_broken_page_is_left_out_before_spark_meets_it(tmp_path: Path) -> None:
    path = land(tmp_path, events(500))
    bytes_ = bytearray(path.read_bytes())
    bytes_[40:400] = b"\xff" * 360
    path.write_bytes(bytes(bytes_))
    pq.read_metadata(path)
    assert reasons(take(tmp_path))[0].startswith("cannot be read: ")


MANIFESTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("all as it says", {"rows": 1, "sha256": "=", "time_zone": "Europe/Berlin"}, None),
    ("null says nothing", {"rows": None, "sha256": None, "time_zone": None, "start": None, "end": None}, None),
    ("other bytes", {"sha256": "0" * 64}, "has other bytes than its manifest says (sha256 differs)"),
    ("fewer rows", {"rows": 2}, "has 1 rows where its manifest says 2"),
    (
        "an unknown time zone",
        {"time_zone": "Mars/Olympus"},
        "names the unknown time zone 'Mars/Olympus' in its manifest",
    ),
    (
        "a path for a time zone",
        {"time_zone": "/etc/passwd"},
        "names the unknown time zone '/etc/passwd' in its manifest",
    ),
    ("times without offset", {"start": "2024-03-12T06:00", "end": "2024-03-12T07:00"}, "cannot be read: can't compare"),
    ("no times at all", {"start": 5, "end": 6}, "cannot be read: fromisoformat: argument must be str"),
]


@pytest.mark.parametrize(("said", "reason"), [case[1:] for case in MANIFESTS], ids=[case[0] for case in MANIFESTS])
def test_a_manifest_is_held_against_its_file(tmp_path: Path, said: dict[str, Any], reason: str | None) -> None:
    content = text(LINE.format(1))
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    put(tmp_path, content, **{key: sha256 if value == "=" else value for key, value in said.items()})
    arrival = take(tmp_path)
    assert [file.reason.startswith(reason or "-") for file in arrival.refused] == ([True] if reason else [])
    assert arrival.rows == (0 if reason else 1)


@pytest.mark.parametrize("said", ["{", "[1]", '"x"', "[" * 100_000], ids=["cut off", "a list", "a text", "too deep"])
def test_a_manifest_that_is_none_refuses_its_file(tmp_path: Path, said: str) -> None:
    path = put(tmp_path, text(LINE.format(1)))
    path.with_name("a.csv.manifest.json").write_text(said)
    assert reasons(take(tmp_path))[0].startswith("cannot be read: ")


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("value", pa.array([{"a": 1.0}]), "has value as struct<a: double> where the contract says double"),
        ("value", pa.array([[1.0]]), "has value as list<"),
        ("value", pa.array([1], pa.time64("us")), "has value as time64[us] where the contract says double"),
        ("event_ts", pa.array([datetime(2024, 3, 12)]), "has times without an offset in event_ts and no manifest"),  # noqa: DTZ001
    ],
    ids=["a struct", "a list", "what Spark cannot read", "naive times"],
)
def test_a_column_of_another_kind_is_a_breaking_change(tmp_path: Path, column: str, values: Any, reason: str) -> None:
    columns = {
        "event_id": pa.array(["a"]),
        "event_ts": pa.array([HOUR.start]),
        "value": pa.array([1.0]),
        column: values,
    }
    (tmp_path / "event" / "2024-03-12").mkdir(parents=True)
    pq.write_table(pa.table(columns), tmp_path / "event" / "2024-03-12" / "a.parquet")
    assert reasons(take(tmp_path))[0].startswith(reason)


def test_a_file_whose_name_is_not_utf8_is_left_out_under_a_name_that_can_be_printed(tmp_path: Path) -> None:
    put(tmp_path, text(LINE.format(1)), os.fsdecode(b"caf\xe9.csv"))
    (refused,) = take(tmp_path).refused
    assert refused.name == "event/2024-03-12/caf\N{REPLACEMENT CHARACTER}.csv"
    assert refused.reason == "has a name that is not UTF-8"


def test_a_file_of_thousands_of_columns_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, ",".join(f"c{n}" for n in range(2000)) + "\n")
    assert reasons(take(tmp_path)) == ["has 2,000 columns"]


def test_the_same_bytes_under_two_names_are_read_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        put(tmp_path, text(LINE.format(1)), name)
    put(tmp_path, text(LINE.format(1)), "a.csv", day="2024-03-13")
    arrival = take(tmp_path)
    assert [file.name for file in arrival.files] == ["event/2024-03-12/a.csv"]
    assert [(file.name, file.reason) for file in arrival.refused] == [
        ("event/2024-03-12/b.csv", "has the same bytes as event/2024-03-12/a.csv"),
        ("event/2024-03-13/a.csv", "has the same bytes as event/2024-03-12/a.csv"),
    ]
    (rule,) = arrival_rules(arrival)
    assert (rule["rule"], rule["severity"], rule["success"]) == ("files_once", "warning", False)


def test_by_arrival_a_day_that_brings_what_a_day_before_brought_brings_it_anew(tmp_path: Path) -> None:
    for day, lines in (("2024-03-11", 1), ("2024-03-12", 2), ("2024-03-13", 1)):
        put(tmp_path, text(*[LINE.format(n) for n in range(lines)]), "a.csv", day=day)
    put(tmp_path, text(LINE.format(0)), "b.csv", day="2024-03-13")
    window = Window.parse("2024-03-11T00:00:00+00:00", "2024-03-14T00:00:00+00:00")
    arrival = Landing(tmp_path, tmp_path / "staging").take(EVENT, window, by_arrival=True)
    assert [file.name for file in arrival.files] == [f"event/2024-03-{day}/a.csv" for day in (11, 12, 13)]
    assert [file.name for file in arrival.refused] == ["event/2024-03-13/b.csv"]


@pytest.mark.parametrize(
    ("by_arrival", "supplied", "told"), [(True, True, ["files_arrived"]), (True, False, []), (False, True, [])]
)
def test_a_feed_of_which_nothing_arrived_on_its_days_is_told(
    tmp_path: Path, by_arrival: bool, supplied: bool, told: list[str]
) -> None:
    put(tmp_path, text(LINE.format(1)), day="2024-03-14")
    (tmp_path / "landing.json").write_text(json.dumps({"tables": ["event"] if supplied else []}))
    window = Window.parse("2024-03-11T00:00:00+00:00", "2024-03-12T00:00:00+00:00")
    found = arrival_rules(Landing(tmp_path, tmp_path / "staging").take(EVENT, window, by_arrival=by_arrival))
    assert [(rule["rule"], rule["severity"]) for rule in found] == [(rule, "warning") for rule in told]
    assert all(rule["observed"] == "none in the folders from 2024-03-11 to 2024-03-11" for rule in found)


@pytest.mark.parametrize(("bad", "severity"), [(1, "warning"), (2, "critical")])
def test_broken_files_warn_and_above_fifteen_percent_block(tmp_path: Path, bad: int, severity: str) -> None:
    for n in range(10):
        put(tmp_path, b"" if n < bad else text(LINE.format(n)), f"{n}.csv")
    (rule,) = arrival_rules(take(tmp_path))
    assert (rule["rule"], rule["severity"], rule["evaluated"]) == ("files_whole", severity, 10)
    assert rule["observed"].startswith("event/2024-03-12/0.csv is empty (0 bytes)")


def test_an_unknown_column_is_read_over_with_a_warning(tmp_path: Path) -> None:
    put(tmp_path, "event_id,event_ts,value,new `one`.x\na,2024-03-12T06:00:00Z,1,z\n")
    arrival = take(tmp_path)
    assert arrival.unknown_columns == ["new `one`.x"]
    assert [(rule["rule"], rule["severity"], rule["observed"]) for rule in arrival_rules(arrival)] == [
        ("known_columns", "warning", "new `one`.x")
    ]


# -- which files are looked at ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "taken"),
    [
        ("05:00", "05:59:59.999", False),
        ("05:00", "06:00", True),
        ("06:59:59", "08:00", True),
        ("07:00", "08:00", False),
        ("05:00", "08:00", True),
    ],
)
def test_a_manifests_times_say_whether_a_file_is_needed(tmp_path: Path, start: str, end: str, taken: bool) -> None:
    put(tmp_path, text(LINE.format(1)), start=f"2024-03-12T{start}+00:00", end=f"2024-03-12T{end}+00:00")
    arrival = take(tmp_path)
    assert (len(arrival.files), arrival.refused) == (int(taken), [])


def test_folders_far_from_the_window_are_not_looked_at(tmp_path: Path) -> None:
    days = ("2024-03-10", "2024-03-11", "2024-03-19", "2024-03-20", "tmp")
    for n, day in enumerate(days):
        put(tmp_path, text(LINE.format(n)), day=day)
    assert [file.name.split("/")[1] for file in take(tmp_path).files] == ["2024-03-11", "2024-03-19"]


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(text(LINE.format(1)))
    root = tmp_path / "landing"
    folder = put(root, text(LINE.format(2))).parent
    (folder / "b.csv").symlink_to(secret)
    (folder / "c.csv").symlink_to(tmp_path / "nowhere.csv")
    (folder / "d.parquet").mkdir()
    (root / "event" / "2024-03-13").symlink_to(tmp_path)
    arrival = take(root)
    assert [file.name for file in arrival.files] == ["event/2024-03-12/a.csv"]
    assert {file.name.removeprefix("event/"): file.reason for file in arrival.refused} == dict.fromkeys(
        ("2024-03-12/b.csv", "2024-03-12/c.csv", "2024-03-12/d.parquet", "2024-03-13/secret.csv"),
        "is not a plain file below the landing folder",
    )


def test_a_table_that_is_a_link_out_of_the_landing_folder_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", text(LINE.format(1)))
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "event").symlink_to(tmp_path / "elsewhere" / "event")
    assert reasons(take(tmp_path / "landing")) == ["is not a plain file below the landing folder"]


def test_a_table_that_is_not_supplied_is_told_from_one_without_files(tmp_path: Path) -> None:
    put(tmp_path, text(LINE.format(1)))
    assert take(tmp_path).supplied
    (tmp_path / "landing.json").write_text('{"tables": ["other"]}')
    arrival = take(tmp_path)
    assert (arrival.supplied, arrival.files, arrival.refused) == (False, [], [])
    (tmp_path / "landing.json").write_text('{"tables": ["event"]}')
    assert take(tmp_path).supplied


@pytest.mark.parametrize(
    "listing", ["{", "[]", '{"tables": "event"}', '{"tables": [1]}', '{"tables": {"event": 1}}', '{"tables": 5}', "{}"]
)
def test_a_broken_landing_json_is_an_error_and_not_an_absence(tmp_path: Path, listing: str) -> None:
    (tmp_path / "landing.json").write_text(listing)
    with pytest.raises(ValueError, match=r'landing\.json is not of the form \{"tables": \["…"\]\}; mend or remove it'):
        take(tmp_path)


def test_a_landing_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; name an existing one with --landing"):
        take(tmp_path / "nowhere")


# -- files that change -----------------------------------------------------------------------------------------


def test_a_young_file_without_manifest_is_taken_once_it_is_quiet(tmp_path: Path) -> None:
    put(tmp_path, text(LINE.format(1)))
    began = time.monotonic()
    assert take(tmp_path, quiet_s=0.3).rows == 1
    assert time.monotonic() - began >= 0.3


def test_a_file_that_goes_on_growing_is_left_for_later_with_a_warning(tmp_path: Path) -> None:
    path, done = put(tmp_path, text(LINE.format(1))), threading.Event()

    def write() -> None:
        while not done.wait(0.02):
            with path.open("a") as stream:
                stream.write(LINE.format(2))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        arrival = take(tmp_path, quiet_s=0.3)
    finally:
        done.set()
        writer.join()
    assert (arrival.files, arrival.refused, arrival.unfinished) == ([], [], ["event/2024-03-12/a.csv"])
    assert [(rule["rule"], rule["severity"]) for rule in arrival_rules(arrival)] == [("files_finished", "warning")]


@pytest.mark.parametrize("manifest", [True, False], ids=["a manifest", "age"])
def test_a_file_with_a_manifest_or_an_old_one_is_taken_at_once(tmp_path: Path, manifest: bool) -> None:
    path = put(tmp_path, text(LINE.format(1)), **({"rows": 1} if manifest else {}))
    if not manifest:
        os.utime(path, (time.time() - 60, time.time() - 60))
    began = time.monotonic()
    assert take(tmp_path, quiet_s=5).rows == 1
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize("change", ["overwritten in place", "replaced", "removed"])
def test_a_file_that_changes_after_its_inspection_is_noticed(tmp_path: Path, name: str, change: str) -> None:
    path = land(tmp_path, events(3), name)
    arrival = take(tmp_path)
    arrival.require_unchanged()
    if change == "overwritten in place":
        bytes_ = path.read_bytes()
        path.write_bytes(bytes_[:10] + b"x" + bytes_[11:])
    elif change == "replaced":
        path.rename(tmp_path / "old")
        land(tmp_path, events(4), name)
    else:
        path.unlink()
    with pytest.raises(TryAgain, match=rf"The landing file event/2024-03-12/{name} changed while it was read"):
        arrival.require_unchanged()


def test_a_csv_that_changes_before_it_is_converted_is_not_taken_for_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, text(LINE.format(1)))

    def overwritten_first(name: Path) -> pa.Table:
        path.write_text(text(LINE.format(2)))
        return read_csv_texts(name)

    with monkeypatch.context() as patch:
        patch.setattr(landing, "read_csv_texts", overwritten_first)
        with pytest.raises(TryAgain, match=r"a\.csv changed while it was read"):
            take(tmp_path)
    assert list((tmp_path / ".staging").iterdir()) == []
    path.write_text(text(LINE.format(1)))
    (file,) = take(tmp_path).files
    assert pq.read_table(file.staged)["event_id"].to_pylist() == ["e1"]


def test_what_was_staged_for_runs_of_days_ago_is_removed(tmp_path: Path) -> None:
    put(tmp_path, text(LINE.format(1)))
    take(tmp_path)
    (old,) = (tmp_path / ".staging").iterdir()
    os.utime(old, (time.time() - 3 * 86400, time.time() - 3 * 86400))
    put(tmp_path, text(LINE.format(2)))
    take(tmp_path)
    assert not old.exists()
    assert len(list((tmp_path / ".staging").iterdir())) == 1


def test_what_another_stage_renames_meanwhile_disturbs_nobody(tmp_path: Path) -> None:
    staging = tmp_path / ".staging"
    staging.mkdir()
    ended = threading.Event()

    def stage_without_end() -> None:
        while not ended.is_set():
            for n in range(20):
                (staging / f"{n}.part").touch()
            for n in range(20):
                (staging / f"{n}.part").rename(staging / f"{n}.parquet")

    with ThreadPoolExecutor(1) as beside:
        other = beside.submit(stage_without_end)
        try:
            for _ in range(300):
                assert take(tmp_path).refused == []
        finally:
            ended.set()
    assert other.exception() is None


# -- rows ------------------------------------------------------------------------------------------------------

WIDE = Table(
    "toy",
    "event",
    "Everything.",
    ("id",),
    (
        Column("id", "string", ""),
        Column("ts", "timestamp", "", nullable=True),
        Column("n", "int", "", nullable=True),
        Column("x", "double", "", nullable=True),
        Column("yes", "boolean", "", nullable=True),
        Column("day", "date", "", nullable=True),
        Column("tags", "array<string>", "", nullable=True),
        Column("note", "string", "", nullable=True),
    ),
    whole(),
    landing=True,
)


def rows_of(spark: Any, root: Path, table: Table = WIDE) -> list[Any]:
    return read_arrival(spark, take(root, table=table)).orderBy("_file", "_row").collect()


@pytest.mark.spark
def test_csv_and_parquet_give_the_same_rows(spark: Any, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b", 'é, "quoted"\nand long'],
            "ts": pd.to_datetime(["2024-03-12T06:00:00.5Z", None, "2024-03-12T08:00:00.0Z"]),
            "n": pd.array([1, None, -3], dtype="Int32"),
            "x": [0.1, None, 1e10],
            "yes": pd.array([True, None, False], dtype="boolean"),
            "day": [date(2024, 3, 12), None, date(2024, 2, 29)],
        }
    )
    land(tmp_path / "parquet", frame.assign(tags=[["p", "q"], None, []]), "a.parquet")
    land(tmp_path / "csv", frame.assign(tags=['["p","q"]', None, "[]"]), "a.csv")
    both = []
    for name in ("parquet", "csv"):
        found = read_arrival(spark, take(tmp_path / name, table=WIDE)).orderBy("_row")
        assert found.where("_broken_rule IS NOT NULL").collect() == []
        both.append([tuple(row) for row in found.select(*WIDE.column_names, "source_row").collect()])
    assert both[0] == both[1]
    assert [row[0] for row in both[0]] == ["a", "b", 'é, "quoted"\nand long']
    assert both[0][0][1] == datetime(2024, 3, 12, 6, 0, 0, 500000)  # noqa: DTZ001 -- Spark hands out UTC without saying so
    assert both[0][1][1:7] == (None, None, None, None, None, None)


@pytest.mark.spark
def test_each_bad_value_is_named_with_its_rule_and_place(spark: Any, tmp_path: Path) -> None:
    lines = [
        ("a,2024-03-12T06:00:00+01:00,1,1.5,true,2024-03-12,", None),
        ("b,2024-03-12T06:00:00,1,1,true,2024-03-12,", "ts:type"),
        ("c,2024-03-12,1,1,true,2024-03-12,", "ts:type"),
        ("d,yesterday,1,1,true,2024-03-12,", "ts:type"),
        ("e,,1.5,1,true,2024-03-12,", "n:type"),
        ("f,,99999999999,1,true,2024-03-12,", "n:type"),
        ("g,,1,1e400,true,2024-03-12,", "x:number"),
        ("h,,1,NaN,true,2024-03-12,", "x:number"),
        ("i,,1,NULL,true,2024-03-12,", "x:type"),
        ("j,,1,1,perhaps,2024-03-12,", "yes:type"),
        ("k,,1,1,true,2024-02-30,", "day:type"),
        ("l,,1,1,true,2024-03-12,[", "tags:type"),
        (",,1,1,true,2024-03-12,", "id:present"),
        ("m,,1,1,true", "row:readable"),
        ("n,,1,1,true,2024-03-12,,,", "row:readable"),
        ("\udcff,,1,1,true,2024-03-12,", "row:readable"),
        ("o\0,,1,1,true,2024-03-12,", "id:text"),
        ("NULL,,,,,,", None),
    ]
    content = "id,ts,n,x,yes,day,tags\n" + "".join(f"{line}\n" for line, _ in lines)
    put(tmp_path, content.encode("utf-8", "surrogateescape"))
    found = rows_of(spark, tmp_path)
    assert [(row["id"], row._broken_rule, row._row) for row in found] == [
        (None if rule in ("row:readable", "id:present") else line.split(",")[0], rule, place)
        for place, (line, rule) in enumerate(lines)
    ]
    assert {row._file for row in found} == {"event/2024-03-12/a.csv"}
    assert found[13]._raw == "m,,1,1,true"
    assert found[15]._raw == "\N{REPLACEMENT CHARACTER},,1,1,true,2024-03-12,"
    assert json.loads(found[4]._raw) == {"id": "e", "n": "1.5", "x": "1", "yes": "true", "day": "2024-03-12"}
    kept = valid_rows(read_arrival(spark, take(tmp_path, table=WIDE)))
    assert sorted(row["id"] for row in kept.collect()) == ["NULL", "a"]
    assert set(kept.columns) == {*WIDE.column_names, "source_file", "source_row", "landing_file"}


@pytest.mark.spark
def test_a_number_with_a_fraction_is_no_whole_number_in_parquet_either(spark: Any, tmp_path: Path) -> None:
    land(tmp_path, pd.DataFrame({"id": ["a", "b", "c", "d"], "n": [3.0, 3.7, None, 1e12]}))
    assert [(row.n, row._broken_rule) for row in rows_of(spark, tmp_path)] == [
        (3, None),
        (None, "n:type"),
        (None, None),
        (None, "n:type"),
    ]


KINDS: list[tuple[str, pa.Array, list[Any]]] = [
    ("n", pa.array([Decimal("12.5"), Decimal("12.0")]), [None, 12]),
    ("n", pa.array([HOUR.start] * 2), [None, None]),
    ("n", pa.array([date(2024, 3, 12)] * 2), [None, None]),
    ("n", pa.array(["7", "7.5"]).dictionary_encode(), [7, None]),
    ("x", pa.array(["12d", "0x1p3"]), [None, None]),
    ("x", pa.array(["1.5e1", ".5"]), [15.0, 0.5]),
    ("x", pa.array([b"1", b"2"]), [None, None]),
    ("yes", pa.array([0, 1]), [None, None]),
    ("ts", pa.array([1710223200000, 1710223200]), [None, None]),
    ("ts", pa.array(["06:00:00Z", "T06:00:00"]), [None, None]),
    ("ts", pa.array([" 2024-03-12T06:00:00Z", "2024-03-12"]), [datetime(2024, 3, 12, 6), datetime(2024, 3, 11, 23)]),  # noqa: DTZ001
    ("ts", pa.array([date(2024, 3, 12)] * 2), [datetime(2024, 3, 11, 23)] * 2),  # noqa: DTZ001
    ("ts", pa.array([True, False]), [None, None]),
    ("day", pa.array([19794, 19795]), [None, None]),
]


@pytest.mark.spark
def test_what_is_no_value_of_the_contracts_type_is_not_made_into_one(spark: Any, tmp_path: Path) -> None:
    folder = tmp_path / "event" / "2024-03-12"
    folder.mkdir(parents=True)
    for n, (column, values, _) in enumerate(KINDS):
        pq.write_table(pa.table({"id": ["a", "b"], column: values}), folder / f"{n:02}.parquet")
        (folder / f"{n:02}.parquet.manifest.json").write_text('{"time_zone": "Europe/Berlin"}')
    found = rows_of(spark, tmp_path)
    wanted = [(column, value, None if value is not None else f"{column}:type") for column, _, w in KINDS for value in w]
    assert [(column, row[column], row._broken_rule) for (column, *_), row in zip(wanted, found, strict=True)] == wanted


@pytest.mark.spark
def test_an_unknown_column_that_spark_cannot_read_is_read_over_with_a_warning(spark: Any, tmp_path: Path) -> None:
    moment = datetime(2024, 3, 12)  # noqa: DTZ001
    more = {
        "clock": pa.array([1], pa.time64("us")),
        "half": pa.array([1.0], pa.float32()).cast(pa.float16()),
        "huge": pa.array([Decimal(1)], pa.decimal256(50, 2)),
        "inner": pa.array([{"a": [moment]}], pa.struct([("a", pa.list_(pa.timestamp("ns")))])),
        "name": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16))),
    }
    known = {"id": ["a"], "x": [1.5], "ts": pa.array([moment], pa.timestamp("ns", "UTC")), "also": [{"b": 1}]}
    path = land(tmp_path, events(1))
    pq.write_table(pa.table(more | known), path)
    arrival = take(tmp_path, table=WIDE)
    assert arrival.unknown_columns == ["also", *more]
    (row,) = rows_of(spark, tmp_path)
    assert (row["id"], row.x, row.ts, row._broken_rule) == ("a", 1.5, moment, None)
    assert json.loads(row._raw) == {"id": "a", "x": "1.5", "ts": "2024-03-12 00:00:00", "also": "{1}"}


@pytest.mark.spark
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_local_times_are_converted_by_the_manifests_zone(spark: Any, tmp_path: Path, name: str) -> None:
    local = ["2024-03-09 23:30:00", "2024-03-10 01:59:59", "2024-03-10 03:00:00", "2024-11-03 12:00:00"]
    utc = ["2024-03-10 04:30:00", "2024-03-10 06:59:59", "2024-03-10 07:00:00", "2024-11-03 17:00:00"]
    frame = pd.DataFrame({"id": list("abcd"), "ts": local if name == "a.csv" else pd.to_datetime(local)})
    land(tmp_path, frame, name, manifest={"time_zone": "America/New_York"})
    assert [str(row.ts) for row in rows_of(spark, tmp_path)] == utc


@pytest.mark.spark
def test_an_offset_in_the_text_beats_the_manifests_zone(spark: Any, tmp_path: Path) -> None:
    put(tmp_path, "id,ts\na,2024-03-12T06:00:00Z\nb,2024-03-12 06:00:00-0500\n", time_zone="Asia/Tokyo")
    assert [row.ts.hour for row in rows_of(spark, tmp_path)] == [6, 11]


@pytest.mark.spark
def test_nanoseconds_are_read_as_microseconds(spark: Any, tmp_path: Path) -> None:
    stamps = pd.to_datetime(["2024-03-12T06:00:00.123456789Z"]).as_unit("ns")
    land(tmp_path, pd.DataFrame({"id": ["a"], "ts": stamps}))
    assert rows_of(spark, tmp_path)[0].ts.microsecond == 123456


ODD_NAMES = [
    "o'clock.parquet",
    "two words.parquet",
    "100%41.parquet",
    "[a]{b}*?.parquet",
    "back\\slash.csv",
    "ü$(x);--.csv",
]


@pytest.mark.spark
def test_odd_file_names_are_names(spark: Any, tmp_path: Path) -> None:
    root = tmp_path / "a [landing] 'folder'"
    for n, name in enumerate(ODD_NAMES):
        land(root, events(n + 1), name)
    frame = read_arrival(spark, Landing(root, tmp_path / "staging").take(EVENT, HOUR))
    counts = {row._file: row["count"] for row in frame.groupBy("_file").count().collect()}
    assert counts == {f"event/2024-03-12/{name}": n + 1 for n, name in enumerate(ODD_NAMES)}


@pytest.mark.spark
def test_odd_column_names_are_read_over(spark: Any, tmp_path: Path) -> None:
    land(tmp_path, events(2).assign(**{"a`b": 1, "c.d": 2, "e'f": 3, "g h": 4}))
    rows = rows_of(spark, tmp_path, EVENT)
    assert [row._broken_rule for row in rows] == [None, None]
    assert json.loads(rows[0]._raw)["a`b"] == "1"


@pytest.mark.spark
def test_files_of_the_same_name_on_two_days_keep_their_own_rows(spark: Any, tmp_path: Path) -> None:
    land(tmp_path, events(2), day="2024-03-12")
    land(tmp_path, events(3, start=HOUR.start + timedelta(minutes=30)), day="2024-03-13")
    land(tmp_path, events(4, start=HOUR.start + timedelta(minutes=40)), "b.csv", day="2024-03-13")
    found = [(row.source_file, row.source_row) for row in rows_of(spark, tmp_path, EVENT)]
    assert found == [
        *(("event/2024-03-12/a.parquet", n) for n in range(2)),
        *(("event/2024-03-13/a.parquet", n) for n in range(3)),
        *(("event/2024-03-13/b.csv", n) for n in range(4)),
    ]


@pytest.mark.spark
def test_by_arrival_the_same_bytes_on_two_days_are_rows_of_both(spark: Any, tmp_path: Path) -> None:
    days = ("2024-03-12", "2024-03-13")
    for day in days:
        land(tmp_path, events(2), day=day)
        put(tmp_path, text(LINE.format(1)), "b.csv", day=day)
    window = Window.parse("2024-03-12T00:00:00+00:00", "2024-03-14T00:00:00+00:00")
    arrival = Landing(tmp_path, tmp_path / ".staging").take(EVENT, window, by_arrival=True)
    found = [row.source_file for row in read_arrival(spark, arrival).orderBy("_file", "_row").collect()]
    assert found == [f"event/{day}/{name}" for day in days for name in ("a.parquet", "a.parquet", "b.csv")]


@pytest.mark.spark
def test_an_importers_origin_is_kept_and_the_landing_file_known(spark: Any, tmp_path: Path) -> None:
    land(tmp_path, events(2).assign(source_file="original.csv", source_row=[7, 9]))
    rows = rows_of(spark, tmp_path, EVENT)
    assert [(row.source_file, row.source_row, row._file, row._row) for row in rows] == [
        ("original.csv", 7, "event/2024-03-12/a.parquet", 0),
        ("original.csv", 9, "event/2024-03-12/a.parquet", 1),
    ]


@pytest.mark.spark
def test_an_origin_that_cannot_be_read_is_none(spark: Any, tmp_path: Path) -> None:
    land(tmp_path, events(3).assign(source_file=["o.csv", "o.csv", None], source_row=["x", "7", "8"]))
    found = [(row.source_file, row.source_row, row._broken_rule) for row in rows_of(spark, tmp_path, EVENT)]
    landed = "event/2024-03-12/a.parquet"
    assert found == [(landed, 0, None), ("o.csv", 7, None), (landed, 2, None)]


@pytest.mark.spark
def test_no_files_are_no_rows_in_the_contracts_types(spark: Any, tmp_path: Path) -> None:
    frame = read_arrival(spark, take(tmp_path, table=WIDE))
    assert frame.count() == 0
    assert dict(frame.dtypes)["ts"] == "timestamp"
    assert set(valid_rows(frame).columns) == {*WIDE.column_names, "source_file", "source_row", "landing_file"}


def test_the_window_of_these_tests_is_in_utc() -> None:
    assert HOUR.start.tzinfo == UTC
