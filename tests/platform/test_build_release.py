"""From landing to release: what a build writes, what blocks it, and what a reader sees."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import functions as F

from expectations.contract import WARNING, Column, Rule, Table, keys, whole
from spark_jobs.common.lake import WriteDisturbed
from spark_jobs.common.ledger import Ledger, Run
from spark_jobs.common.outcome import Blocked, Settled, TryAgain
from spark_jobs.common.receipt import content_hash
from spark_jobs.common.refused import in_quarantine
from spark_jobs.common.release import release
from spark_jobs.common.stage import FromRun, Landed, Quarantined, Released, Stage, Write
from spark_jobs.common.window import Window
from tests.platform.toy import (
    HOUR,
    ToyParams,
    World,
    clean_events,
    contracts,
    events,
    land,
    spoiled,
    tiny_queries,
    total_events,
)

pytestmark = [pytest.mark.spark, pytest.mark.long]
_numbers = itertools.count()


@pytest.fixture(autouse=True, scope="module")
def _tiny(spark: Any) -> Iterator[None]:
    with tiny_queries(spark):
        yield


@pytest.fixture
def audited(spark: Any, ledger: Ledger, lake_home: Path) -> World:
    """A toy pipeline with suites of Great Expectations."""
    return World(spark, ledger, lake_home, f"audited{next(_numbers)}")


@pytest.fixture
def world(spark: Any, ledger: Ledger, lake_home: Path) -> World:
    """A toy pipeline whose rows are judged by row rules and balance only: quicker, where the suite is not the point."""
    return World(spark, ledger, lake_home, f"toy{next(_numbers)}", suites=False)


def minutes(start: int, end: int) -> Window:
    """A window in minutes of the hour."""
    return Window(HOUR.start + timedelta(minutes=start), HOUR.start + timedelta(minutes=end))


@pytest.fixture
def short(world: World) -> World:
    """The same with its first stage alone."""
    world.stages = (world.clean,)
    return world


# -- what is published -----------------------------------------------------------------------------------------


def test_a_run_publishes_what_its_checkpoints_passed_and_nothing_before(audited: World) -> None:
    land(audited.root, events(10))
    run = audited.open()
    audited.pass_all(run)
    assert audited.released() == []
    assert audited.on_main() == 0
    audited.release(run)
    assert len(audited.released()) == audited.on_main() == 10
    assert audited.total() == [20.0]


def test_every_row_read_is_found_again(world: World) -> None:
    rows = pd.concat([events(30), events(3), events(2, start=HOUR.start + timedelta(hours=3))], ignore_index=True)
    rows.loc[5, "value"] = 101.0
    land(world.root, rows)
    document = world.build(world.clean, world.open())
    assert document["balance"][world.table("clean")] == {
        "published": 29,
        "duplicate": 3,
        "filtered": {"outside_window": 2},
        "quarantined": 1,
        "read": 35,
    }
    assert world.rule(document, "row_balance")["success"]
    kept = [(row.rule, row.reason, row.source_file, row.source_row) for row in world.quarantined(document)]
    assert kept == [("value:maximum", "value is at most 100 A.", "event/2024-03-12/a.parquet", 5)]


def test_the_receipt_says_what_was_read_by_whom_and_how(audited: World) -> None:
    land(audited.root, events(10))
    run = audited.open()
    document = audited.build(audited.clean, run)
    (read,) = document["inputs"]
    assert (read["landing"], read["rows"], read["files"][0]["file"]) == ("event", 10, "event/2024-03-12/a.parquet")
    assert len(read["files"][0]["sha256"]) == 64
    assert document["params"] == {"factor": 1.0}
    assert document["contracts"] == {"clean": contracts(audited.slug)[1].fingerprint()}
    assert (document["tier"], document["attempt"]) == ("settled", 1)
    assert document["window"] == ["2024-03-12T06:00:00+00:00", "2024-03-12T07:00:00+00:00"]
    assert {rule["rule"] for rule in document["rules"]} == {
        "has_rows",
        "unique:event_id",
        "row_balance",
        "written_once",
        "in_scope",
        "quarantine_share:max",
        "quarantine_share:warn",
    }
    audited.ledger.checkpoint(run.run_key, "clean")
    totals = audited.build(audited.totals, run)
    source = document["tables"][audited.table("clean")]
    assert totals["inputs"] == [{"table": audited.table("clean"), "snapshot": source["snapshot"], "stage": "clean"}]


def test_a_rerun_gives_the_same_rows_and_hash_and_its_own_snapshot(world: World) -> None:
    rows = events(40)
    land(world.root, pd.concat([rows, rows.assign(value=3.0)], ignore_index=True))
    documents = [world.build(world.clean, world.open()) for _ in range(2)]
    entries = [document["tables"][world.table("clean")] for document in documents]
    assert entries[0]["content_hash"] == entries[1]["content_hash"]
    assert entries[0]["snapshot"] != entries[1]["snapshot"]
    land(world.root, rows.assign(value=4.0))
    changed = world.build(world.clean, world.open())
    assert changed["tables"][world.table("clean")]["content_hash"] != entries[0]["content_hash"]


@pytest.mark.parametrize(
    ("rows", "same"),
    [
        ([("b", "c"), ("x", None)], True),
        ([(None, "x"), ("b", "c")], False),
        ([("x", ""), ("b", "c")], False),
        ([("x", None), ("c", "b")], False),
    ],
)
def test_the_content_hash_is_of_the_values_in_their_columns_in_any_order(
    spark: Any, rows: list[tuple[str | None, ...]], same: bool
) -> None:
    columns = tuple(Column(name, "string", "", nullable=True) for name in ("one", "two"))
    table = Table("toy", "pair", "Pairs.", (), columns, whole())
    first = [("x", None), ("b", "c")]
    one, other = (content_hash(spark.createDataFrame(each, table.ddl()), table) for each in (first, rows))
    assert (one == other) is same


def test_a_table_whose_creation_was_cut_off_is_built(world: World) -> None:
    world.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS lake.{world.slug}")
    world.spark.sql(f"CREATE TABLE {world.table('clean')} ({contracts(world.slug)[1].ddl()}) USING iceberg")
    land(world.root, events(10))
    world.publish()
    assert world.on_main() == 10


def test_a_rerun_replaces_its_window_and_nothing_else(short: World) -> None:
    land(short.root, events(60))
    short.publish("whole")
    land(short.root, events(60, value=3.0).iloc[10:19])
    short.publish("part", window=minutes(10, 20))
    values = {row.event_id: row.value for row in short.released()}
    assert len(values) == len(short.released()) == 59
    assert [values.get(f"120600-{n}") for n in (9, 10, 18, 19, 20)] == [2.0, 3.0, 3.0, None, 2.0]


def test_a_build_whose_window_has_nothing_left_empties_it(world: World) -> None:
    stage = spoiled(world.clean, lambda rows, *, window, params: (rows.withColumn("_dropped", F.lit("all")),))
    land(world.root, events(10))
    world.publish()
    document = world.build(stage, world.open("again"))
    assert document["balance"][world.table("clean")]["filtered"] == {"all": 10}
    assert document["tables"][world.table("clean")]["rows"] == 0


# -- what blocks -----------------------------------------------------------------------------------------------


def test_a_suite_that_blocks_leaves_every_table_and_reader_as_it_was(audited: World) -> None:
    land(audited.root, events(10))
    audited.publish("good")
    before = {name: audited.lake.heads([audited.table(name)]) for name in ("clean", "totals")}
    run = audited.open("bad")
    audited.build(audited.clean, run)
    assert audited.ledger.checkpoint(run.run_key, "clean").passed
    audited.build(audited.totals, run, ToyParams(factor=1000))
    verdict = audited.ledger.checkpoint(run.run_key, "totals")
    assert (verdict.status, verdict.sentence) == (
        "block",
        f"Stage totals, table {audited.table('totals')}, rule total_limit: "
        "broken is «No day's total exceeds 1,000.» Observed: 20000.0.",
    )
    with pytest.raises(Blocked, match="The checkpoint of totals did not pass"):
        audited.release(run)
    assert {name: audited.lake.heads([audited.table(name)]) for name in before} == before
    assert audited.total() == [20.0]
    assert len(audited.ledger.releases(audited.slug, "settled")) == 1


def test_a_warning_is_told_and_released(audited: World) -> None:
    land(audited.root, events(1, value=0.5))
    run = audited.open()
    audited.build(audited.clean, run)
    audited.ledger.checkpoint(run.run_key, "clean")
    audited.build(audited.totals, run)
    verdict = audited.ledger.checkpoint(run.run_key, "totals")
    assert (verdict.status, "«Totals are above 1.»" in verdict.sentence) == ("warn", True)
    audited.release(run)
    assert audited.total() == [0.5]


def test_zero_rows_block_unless_the_table_is_declared_absent(audited: World) -> None:
    run = audited.open()
    audited.build(audited.clean, run)
    assert "rule has_rows: broken is «clean has rows.»" in audited.ledger.checkpoint(run.run_key, "clean").sentence
    (audited.root / "landing.json").write_text('{"tables": []}')
    document = audited.build(audited.clean, run)
    assert document["not_supplied"] == ["event"]
    assert audited.rule(document, "has_rows")["observed"] == "not_supplied"
    assert audited.ledger.checkpoint(run.run_key, "clean").passed


def test_a_stage_is_not_built_before_its_upstream_has_passed(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    with pytest.raises(Blocked, match="Stage clean has no receipt"):
        world.build(world.totals, run)
    world.build(world.clean, run)
    with pytest.raises(Blocked, match="its checkpoint has not judged the newest receipt"):
        world.build(world.totals, run)


def test_nothing_is_released_when_a_checkpoint_did_not_run(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    world.pass_all(run)
    world.build(world.totals, run)
    with pytest.raises(Blocked, match="The checkpoint of totals did not pass"):
        world.release(run)
    assert world.released() == []


def test_nothing_is_released_when_an_earlier_stage_was_built_anew(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    world.pass_all(run)
    land(world.root, events(10, value=5.0))
    world.build(world.clean, run)
    assert world.ledger.checkpoint(run.run_key, "clean").passed
    with pytest.raises(
        Blocked, match=r"Stage totals has read an older build of clean .*; clear it so that it is built again"
    ):
        world.release(run)
    world.build(world.totals, run)
    world.ledger.checkpoint(run.run_key, "totals")
    world.release(run)
    assert world.total() == [50.0]


def test_nothing_is_released_when_a_contract_changed_since_the_build(short: World) -> None:
    land(short.root, events(10))
    run = short.open()
    short.pass_all(run)
    now = {"clean": "0000", "another": "1111"}
    with pytest.raises(Blocked, match="The contract of clean has changed since stage clean was built; clear it"):
        release(short.spark, short.ledger, run, ("clean",), now)
    now["clean"] = contracts(short.slug, suites=False)[1].fingerprint()
    assert release(short.spark, short.ledger, run, ("clean",), now).run_key == run.run_key


def test_a_branch_that_moved_after_its_receipt_is_not_released(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    world.pass_all(run)
    receipt = world.ledger.receipt(run.run_key, "totals")
    assert receipt is not None
    branch = receipt.document["tables"][world.table("totals")]["branch"]
    world.spark.sql(f"INSERT INTO {world.table('totals')}.branch_{branch} VALUES (DATE '2024-03-12', 7.0)")
    with pytest.raises(WriteDisturbed, match=r"branch run_\w+ ends in \d+, but the receipt proves \d+"):
        world.release(run)
    assert world.ledger.releases(world.slug, "settled") == []
    assert world.on_main("clean") == world.on_main("totals") == 0


def test_a_main_that_another_moved_is_not_overwritten(world: World) -> None:
    land(world.root, events(10))
    world.publish("before")
    run = world.open("after")
    world.pass_all(run)
    world.spark.sql(f"INSERT INTO {world.table('totals')} VALUES (DATE '2020-01-01', 7.0)")
    with pytest.raises(
        WriteDisturbed, match=r"main has moved from \d+ to \d+ since the stage was built; clear the stage"
    ):
        world.release(run)
    assert len(world.ledger.releases(world.slug, "settled")) == 1
    world.pass_all(run)
    world.release(run)
    assert world.total() == [7.0, 20.0]


def test_a_row_outside_of_what_the_run_replaces_blocks(world: World) -> None:
    land(world.root, events(90))
    run = world.open()
    document = world.build(spoiled(world.clean, lambda rows, *, window, params: (rows,)), run)
    assert (world.rule(document, "in_scope")["success"], world.rule(document, "in_scope")["observed"]) == (
        False,
        "30 outside",
    )
    assert "«Every row lies within what the run replaces.»" in world.ledger.checkpoint(run.run_key, "clean").sentence


def test_rows_that_vanish_without_a_reason_break_the_balance(world: World) -> None:
    land(world.root, events(10))
    run = world.open()
    document = world.build(spoiled(world.clean, lambda rows, *, window, params: (rows.limit(7),)), run)
    assert world.rule(document, "row_balance")["observed"] == "read 10, found again 7"
    assert not world.ledger.checkpoint(run.run_key, "clean").passed


def test_a_rule_that_great_expectations_cannot_evaluate_blocks(world: World) -> None:
    land(world.root, events(10))
    event, clean, _ = contracts(world.slug, suites=False)
    broken = Rule.none("odd", "SELECT no_such_column FROM {batch}", "Never mind.", WARNING)
    table = Table(world.slug, "clean", "Events.", clean.key, clean.columns, clean.replace, rules=(broken,))
    stage = Stage(world.slug, "clean", (Landed(event),), (Write(table, balances="event"),), clean_events)
    run = world.open()
    document = world.build(stage, run)
    assert not world.rule(document, "odd")["success"]
    assert "no_such_column" in world.rule(document, "odd")["exception"]
    assert "The rule could not be evaluated:" in world.ledger.checkpoint(run.run_key, "clean").sentence


def test_a_table_that_lacks_a_column_of_its_contract_is_not_altered(world: World) -> None:
    land(world.root, events(10))
    world.build(world.clean, world.open())
    _, clean, _ = contracts(world.slug, suites=False)
    columns = (*clean.columns, Column("note", "string", "", nullable=True))
    wider = Table(world.slug, "clean", "Events.", clean.key, columns, clean.replace)
    with pytest.raises(RuntimeError, match="lacks the column note of its contract: add them first"):
        world.lake.ensure(world.slug, [wider], "settled")


# -- bad rows and files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bad", "status"), [(0, "pass"), (4, "warn"), (15, "warn"), (16, "block")])
def test_quarantine_warns_above_one_percent_and_blocks_above_fifteen(world: World, bad: int, status: str) -> None:
    lines = [f"{n},2024-03-12T06:{n % 60:02d}:00Z," + ("many" if n < bad else "1.0") for n in range(100)]
    folder = world.root / "event" / "2024-03-12"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("event_id,event_ts,value\n" + "\n".join(lines) + "\n")
    run = world.open()
    document = world.build(world.clean, run)
    assert document["balance"][world.table("clean")] == {
        "published": 100 - bad,
        "duplicate": 0,
        "filtered": {},
        "quarantined": bad,
        "read": 100,
    }
    assert world.ledger.checkpoint(run.run_key, "clean").status == status


@pytest.mark.parametrize(("bad", "status"), [(0, "pass"), (15, "warn"), (16, "block")])
def test_what_is_refused_of_a_table_that_no_output_balances_is_judged_too(world: World, bad: int, status: str) -> None:
    rows = events(100)
    rows.loc[rows.index < bad, "value"] = -1.0
    land(world.root, rows)
    run = world.open()
    document = world.build(replace(world.clean, writes=(replace(world.clean.writes[0], balances=None),)), run)
    verdict = world.ledger.checkpoint(run.run_key, "clean")
    assert verdict.status == status
    assert ("rows of event are in quarantine" in verdict.sentence) is (bad > 0)
    assert document["balance"][world.table("clean")]["published"] == 60 - bad


@pytest.mark.parametrize(("lost", "status"), [(0, "pass"), (1, "block")])
def test_landed_rows_are_found_again_beside_those_that_a_stage_adds(world: World, lost: int, status: str) -> None:
    def with_own(landed: Any, *, window: Window, params: Any) -> tuple[Any, ...]:
        (cleaned,) = clean_events(landed, window=window, params=params)
        own = cleaned.where("event_id LIKE '%-1_'").withColumns(
            {"event_id": F.concat(F.lit("own-"), "event_id"), "source_file": F.lit(None).cast("string")}
        )
        return (cleaned.where(f"NOT event_id LIKE '%-{'7' if lost else 'none'}'").unionByName(own),)

    land(world.root, events(20))
    (write,) = world.clean.writes
    stage = replace(world.clean, writes=(replace(write, made="source_file IS NULL"),), transform=with_own)
    run = world.open()
    document = world.build(stage, run)
    found = document["balance"][world.table("clean")]
    assert (found["read"], found["published"], found["made"]) == (20, 30 - lost, 10)
    verdict = world.ledger.checkpoint(run.run_key, "clean")
    assert verdict.status == status
    assert ("Rows read = published + quarantined" in verdict.sentence) is (lost > 0)


def test_a_blocked_stage_names_the_rule_that_most_rows_break_and_its_refused_rows_can_be_seen(world: World) -> None:
    rows = events(10)
    rows.loc[:2, "value"], rows.loc[3, "value"] = 101.0, -1.0
    land(world.root, rows)
    run = world.open()
    world.build(world.clean, run)
    assert "40.0% (4 of 10), most often against «value is at most 100 A.»" in (
        world.ledger.checkpoint(run.run_key, "clean").sentence
    )
    receipt = world.ledger.newest_blocked(world.slug)
    assert receipt is not None
    name, *lines = in_quarantine(world.spark, receipt)
    assert name == f"{world.table('event__quarantine')}:"
    assert [line.split(maxsplit=2) for line in lines[:2]] == [
        ["3", "value:maximum", "value is at most 100 A."],
        ["1", "value:minimum", "value is at least 0 A."],
    ]
    assert lines[2].startswith('  event/2024-03-12/a.parquet row 0: {"event_id":') and len(lines) == 6
    assert world.ledger.newest_blocked("nobody") is None


def test_ten_percent_of_garbage_is_quarantined_with_reasons_and_the_rest_flows(world: World) -> None:
    garbage = [
        "",
        "\udcff\udcfe",
        "a,b",
        "a,b,c,d",
        "x,noon,1",
        "x,2024-03-12T06:00:00Z,1e400",
        "x,,1",
        ",,",
        "\0,\0,\0",
    ]
    good = [f"{n},2024-03-12T06:{n % 60:02d}:00Z,1.0" for n in range(81)]
    lines = [line for n, line in enumerate(good) for line in ([garbage[n // 9], line] if n % 9 == 0 else [line])]
    folder = world.root / "event" / "2024-03-12"
    folder.mkdir(parents=True)
    content = "event_id,event_ts,value\n" + "\n".join(lines) + "\n"
    (folder / "a.csv").write_bytes(content.encode("utf-8", "surrogateescape"))
    run = world.open()
    document = world.build(world.clean, run)
    assert document["balance"][world.table("clean")]["published"] == 81
    assert document["balance"][world.table("clean")]["quarantined"] == len(garbage) - 1
    assert world.rule(document, "row_balance")["success"]
    assert [row.rule for row in world.quarantined(document)] == [
        "row:readable",
        "row:readable",
        "row:readable",
        "event_ts:type",
        "value:number",
        "event_ts:present",
        "event_id:present",
        "event_ts:type",
    ]
    assert world.ledger.checkpoint(run.run_key, "clean").status == "warn"


def test_files_that_were_refused_are_in_quarantine_with_their_reason(world: World) -> None:
    for n in range(8):
        land(world.root, events(5, start=HOUR.start + timedelta(minutes=5 * n)), f"{n}.parquet")
    land(world.root, events(5), "copy.parquet")
    (world.root / "event" / "2024-03-12" / "empty.csv").touch()
    document = world.build(world.clean, world.open())
    assert [(row.rule, row.reason, row.source_file) for row in world.quarantined(document)] == [
        ("file", "The file has the same bytes as event/2024-03-12/0.parquet.", "event/2024-03-12/copy.parquet"),
        ("file", "The file is empty (0 bytes).", "event/2024-03-12/empty.csv"),
    ]
    assert (document["inputs"][0]["rows"], document["tables"][world.table("clean")]["rows"]) == (40, 40)
    assert {name: world.rule(document, name)["severity"] for name in ("files_once", "files_whole")} == {
        "files_once": "warning",
        "files_whole": "warning",
    }


def test_quarantine_is_replaced_by_a_rerun_and_emptied_when_the_file_is_mended(short: World) -> None:
    rows = events(100)
    land(short.root, rows.assign(value=[200.0] * 3 + [1.0] * 97))
    for name in ("one", "two"):
        short.publish(name)
        assert len(short.released("event__quarantine")) == 3
    assert {row.run_key for row in short.released("event__quarantine")} == {short.key("two")}
    land(short.root, rows)
    short.publish("three")
    assert short.released("event__quarantine") == []


def test_quarantine_of_other_files_is_kept(short: World) -> None:
    bad = events(20).assign(value=[200.0] + [1.0] * 19)
    land(short.root, bad, day="2024-03-12")
    short.publish("one")
    later = HOUR.start + timedelta(days=9)
    land(short.root, bad.assign(event_ts=pd.Timestamp(later).as_unit("us")), day="2024-03-21")
    short.publish("two", window=Window(later, later + timedelta(hours=1)))
    files = sorted(row.source_file for row in short.released("event__quarantine"))
    assert files == ["event/2024-03-12/a.parquet", "event/2024-03-21/a.parquet"]


def looking_at_quarantine(world: World, seen: list[list[Any]]) -> Stage:
    """The second stage, which also reads the events that the first one refused, and notes them."""
    event, clean, _ = contracts(world.slug, suites=False)

    def look(cleaned: Any, refused: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        seen.append(sorted(map(tuple, refused.select("_broken_rule", "event_id", "value", "_raw").collect())))
        return total_events(cleaned, window=window, params=params)

    reads = (FromRun(clean, "clean"), Quarantined(event, "clean"))
    return Stage(world.slug, "totals", reads, world.totals.writes, look)


def test_a_later_stage_sees_as_text_what_an_earlier_one_of_its_run_refused(world: World) -> None:
    seen: list[list[Any]] = []
    world.stages = (world.clean, looking_at_quarantine(world, seen))
    good = [f"{n},2024-03-12T06:00:00Z,1.0" for n in range(40)]
    lines = ["event_id,event_ts,value", *good, "x,2024-03-12T06:00:00Z,two", "a,b"]
    land(world.root, events(0), "a.csv").write_text("\n".join(lines) + "\n")
    world.publish()
    raw = '{"event_id":"x","event_ts":"2024-03-12T06:00:00Z","value":"two"}'
    assert seen == [[("row:readable", None, None, "a,b"), ("value:type", "x", "two", raw)]]


def test_a_stage_sees_what_its_own_run_refused_and_not_what_another_did(world: World) -> None:
    seen: list[list[Any]] = []
    world.stages = (world.clean, looking_at_quarantine(world, seen))
    for days, value in ((0, 200.0), (9, 300.0)):
        start = HOUR.start + timedelta(days=days)
        rows = events(20, start=start).assign(value=[value] + [1.0] * 19)
        land(world.root, rows, day=str(start.date()))
        world.publish(str(value), window=Window(start, start + timedelta(hours=1)))
    assert [[row[2] for row in refused] for refused in seen] == [["200.0"], ["300.0"]]
    assert len(world.released("event__quarantine")) == 2


def test_where_nothing_was_refused_there_is_nothing_to_see(world: World) -> None:
    seen: list[list[Any]] = []
    world.stages = (world.clean, looking_at_quarantine(world, seen))
    land(world.root, events(10))
    run = world.publish()
    assert seen == [[]]
    assert world.ledger.receipts(run.run_key)[1].document["inputs"][1] == {
        "table": world.table("event__quarantine"),
        "snapshot": None,
        "stage": "clean",
    }


def test_rows_that_an_output_refuses_are_quarantined_by_window_and_not_doubled(world: World) -> None:
    def halved(cleaned: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        (totals,) = total_events(cleaned, window=window, params=params)
        return (totals.union(totals.selectExpr("day", "CAST('NaN' AS DOUBLE)")),)

    land(world.root, events(10))
    run = world.open()
    world.build(world.clean, run)
    world.ledger.checkpoint(run.run_key, "clean")
    for _ in range(2):
        document = world.build(spoiled(world.totals, halved), run)
        assert document["balance"][world.table("totals")]["quarantined"] == 1
        (row,) = world.quarantined(document, "totals")
        assert (row.rule, row.scope_start, row.source_file) == ("total:number", datetime(2024, 3, 12, 6), None)  # noqa: DTZ001
    assert not world.ledger.checkpoint(run.run_key, "totals").passed


def test_two_stages_that_refuse_rows_of_one_landing_table_keep_both(world: World) -> None:
    event, _, total = contracts(world.slug, suites=False)

    def again(cleaned: Any, raw: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        return total_events(raw, window=window, params=params)

    days = Write(total, scope=lambda w, p: w.business_days("UTC", 0))
    second = Stage(
        world.slug, "totals", (FromRun(contracts(world.slug, suites=False)[1], "clean"), Landed(event)), (days,), again
    )
    land(world.root, events(100).assign(value=[200.0] + [1.0] * 99))
    run = world.open()
    for stage in (world.clean, second):
        world.build(stage, run)
        assert world.ledger.checkpoint(run.run_key, stage.name).passed
    world.release(run)
    assert sorted(row.stage for row in world.released("event__quarantine")) == ["clean", "totals"]


def test_a_file_that_changes_while_it_is_read_fails_the_build_for_now(world: World) -> None:
    def overwrite(rows: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        land(world.root, events(10, value=9.0))
        return clean_events(rows, window=window, params=params)

    land(world.root, events(10))
    run = world.open()
    with pytest.raises(TryAgain, match=r"The landing file event/2024-03-12/a\.parquet changed while it was read"):
        world.build(spoiled(world.clean, overwrite), run)
    assert world.ledger.receipt(run.run_key, "clean") is None
    world.build(world.clean, run)
    assert world.ledger.checkpoint(run.run_key, "clean").passed


# -- attempts --------------------------------------------------------------------------------------------------


def test_an_attempt_that_was_overtaken_writes_no_receipt(world: World) -> None:
    def overtaken(rows: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        world.ledger.begin(run, "clean")
        return clean_events(rows, window=window, params=params)

    land(world.root, events(10))
    run = world.open()
    with pytest.raises(Settled, match="Attempt 1 at clean was superseded"):
        world.build(spoiled(world.clean, overtaken), run)
    assert world.ledger.receipts(run.run_key, also_superseded=True) == []


def test_a_release_repeated_finds_the_first_one_even_after_later_runs(world: World) -> None:
    land(world.root, events(10))
    run = world.open("one")
    world.pass_all(run)
    first = world.release(run)
    assert world.release(run) == first
    world.ledger.close_run(run.run_key)
    world.publish("two", params=ToyParams(2.0))
    assert world.release(run) == first
    assert world.total() == [40.0]
    assert len(world.ledger.releases(world.slug, "settled")) == 2


def cut_off(world: World, run: Run, moved: int) -> None:
    """Do what a release does before it dies: begin, and move ``main`` of the first tables."""
    world.ledger.begin(run, "release")
    tables = {n: e for r in world.ledger.receipts(run.run_key) for n, e in r.document["tables"].items()}
    for name, entry in sorted(tables.items())[:moved]:
        world.lake.fast_forward(name, entry["branch"], entry["snapshot"], entry["base"])
    world.ledger.close_run(run.run_key)


def test_a_release_that_was_cut_off_is_finished_before_another_run_builds(world: World) -> None:
    land(world.root, events(10))
    cut = world.open("cut")
    world.pass_all(cut)
    cut_off(world, cut, moved=1)
    next_day = Window(HOUR.start + timedelta(days=1), HOUR.end + timedelta(days=1))
    land(world.root, events(4, start=next_day.start), "b.parquet", day="2024-03-13")
    world.publish("next", window=next_day)
    assert [release.run_key for release in world.ledger.releases(world.slug, "settled")] == [
        world.key("next"),
        cut.run_key,
    ]
    assert world.total() == [8.0, 20.0]
    assert len(world.released()) == 14


def test_a_release_that_moved_nothing_before_it_died_leaves_no_trace(world: World) -> None:
    land(world.root, events(10))
    cut = world.open("cut")
    world.pass_all(cut)
    cut_off(world, cut, moved=0)
    world.publish("next", params=ToyParams(2.0))
    assert [release.run_key for release in world.ledger.releases(world.slug, "settled")] == [world.key("next")]
    assert world.total() == [40.0]


def test_a_release_that_was_refused_is_not_taken_for_one_that_was_cut_off(world: World) -> None:
    """Its run has a release already: what readers see of it is that one's, and not half of the one that was refused."""
    land(world.root, events(10))
    world.publish("again")
    land(world.root, events(10, value=3.0))
    run = world.open("again")
    world.build(world.clean, run)
    world.ledger.checkpoint(run.run_key, "clean")
    with pytest.raises(Blocked, match="has read an older build"):
        world.release(run)
    world.ledger.close_run(run.run_key)
    world.build(world.clean, world.open("next", window=Window(HOUR.end, HOUR.end + timedelta(hours=1))))
    assert len(world.ledger.releases(world.slug, "settled")) == 1
    assert (sum(row.value for row in world.released()), world.total()) == (20.0, [20.0])
    assert sum(row.value for row in world.spark.table(world.table("clean")).collect()) == 20.0


def test_a_release_that_was_cut_off_is_not_finished_with_what_its_stages_have_not_read(world: World) -> None:
    land(world.root, events(10))
    cut = world.open("cut")
    world.pass_all(cut)
    tables = {n: e for r in world.ledger.receipts(cut.run_key) for n, e in r.document["tables"].items()}
    world.ledger.begin(cut, "release")
    entry = tables[world.table("totals")]
    world.lake.fast_forward(world.table("totals"), entry["branch"], entry["snapshot"], entry["base"])
    land(world.root, events(10, value=3.0))
    world.build(world.clean, cut)
    world.ledger.checkpoint(cut.run_key, "clean")
    world.ledger.close_run(cut.run_key)
    with pytest.raises(WriteDisturbed, match="Stage totals has read an older build of clean"):
        world.build(world.clean, world.open("next"))
    assert world.ledger.releases(world.slug, "settled") == []


def test_a_live_run_that_finishes_its_predecessors_release_has_nothing_left_to_do(world: World) -> None:
    land(world.root, events(10))
    cut = world.open("cut", "live", minutes(0, 5))
    world.pass_all(cut)
    late = world.ledger.open_run(world.slug, "live", world.key("late"), minutes(5, 10))
    assert late.window == minutes(5, 10)
    late = world.ledger.open_run(world.slug, "live", world.key("coalesced"), minutes(0, 10))
    cut_off(world, cut, moved=1)
    with pytest.raises(Settled, match="lies before the end of the newest released one"):
        world.build(world.clean, late)
    world.ledger.close_run(late.run_key)
    assert len(world.released(tier="live")) == 5
    after = world.ledger.open_run(world.slug, "live", world.key("after"), minutes(5, 10))
    assert after.window == minutes(5, 10)


def test_a_cut_off_release_that_was_cleared_since_holds_up_other_runs_with_a_sentence(world: World) -> None:
    land(world.root, events(10))
    cut = world.open("cut")
    world.pass_all(cut)
    cut_off(world, cut, moved=1)
    world.ledger.begin(cut, "totals")
    world.ledger.close_run(cut.run_key)
    with pytest.raises(WriteDisturbed, match="was cut off in the middle of its release and has been cleared since"):
        world.build(world.clean, world.open("next"))
    world.ledger.close_run(world.key("next"))
    world.pass_all(cut)
    world.release(cut)
    world.ledger.close_run(cut.run_key)
    world.build(world.clean, world.open("next"))


# -- live windows and tiers ------------------------------------------------------------------------------------


def test_three_live_windows_equal_one_hour(short: World) -> None:
    land(short.root, events(60))
    for n in range(0, 60, 20):
        short.publish(f"live-{n}", "live", minutes(n, n + 20))
    short.publish("night")
    assert len(short.released()) == 60
    assert sorted(short.released(tier="live")) == sorted(short.released())


def test_the_newest_live_window_is_rebuilt_on_request_and_older_ones_are_not(short: World) -> None:
    land(short.root, events(60))
    short.publish("a", "live", minutes(0, 5))
    short.publish("b", "live", minutes(5, 10))
    land(short.root, events(60, value=3.0))
    short.publish("again", "live", minutes(5, 10))
    values = sorted(row.value for row in short.released(tier="live"))
    assert values == [2.0] * 5 + [3.0] * 5
    with pytest.raises(Settled):
        short.open("older", "live", minutes(0, 5))


def test_a_rebuilt_live_window_reads_the_released_rows_that_it_read_first(world: World) -> None:
    _, clean, total = contracts(world.slug, suites=False)

    def count_known(cleaned: Any, known: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        return (known.agg(F.count("*").cast("double").alias("total")).selectExpr("DATE '2024-03-12' AS day", "total"),)

    days = Write(total, scope=lambda w, p: [date(2024, 3, 12)])
    totals = Stage(world.slug, "totals", (FromRun(clean, "clean"), Released(clean)), (days,), count_known)
    world.stages = (world.clean, totals)
    land(world.root, events(60))
    for name, window, known in (
        ("a", (0, 5), 0.0),
        ("b", (5, 10), 5.0),
        ("again", (5, 10), 5.0),
        ("c", (10, 15), 10.0),
    ):
        world.publish(name, "live", minutes(*window))
        assert (name, world.total("live")) == (name, [known])


def test_live_rows_show_until_their_day_is_settled(world: World) -> None:
    land(world.root, events(10))
    tomorrow = HOUR.start + timedelta(days=1)
    land(world.root, events(4, start=tomorrow), "b.parquet", day="2024-03-13")
    world.publish("live-1", "live", HOUR)
    world.publish("live-2", "live", Window(tomorrow, tomorrow + timedelta(hours=1)))
    assert not world.spark.catalog.tableExists(f"{world.table('totals')}_current")
    world.publish("night", params=ToyParams(10.0))
    view = world.spark.table(f"{world.table('totals')}_current").orderBy("day").collect()
    assert [(row.day, row.total) for row in view] == [(date(2024, 3, 12), 200.0), (date(2024, 3, 13), 8.0)]
    assert world.total("live") == [8.0, 20.0]
    assert not world.spark.catalog.tableExists(f"{world.table('clean')}_current")


# -- maintenance -----------------------------------------------------------------------------------------------


def files(world: World, name: str, tier: str) -> int:
    count: int = world.spark.table(f"{world.table(name, tier)}.files").count()
    return count


def test_after_compaction_of_every_table_the_newest_window_and_a_settled_day_run_again(short: World) -> None:
    land(short.root, events(60).assign(value=[200.0] + [2.0] * 59))
    for n in range(3):
        short.publish(f"live-{n}", "live", minutes(5 * n, 5 * n + 5))
    short.publish("night")
    before = (sorted(short.released(tier="live")), sorted(short.released()))
    assert files(short, "clean", "live") == 3
    for name in ("clean", "event__quarantine"):
        for tier in ("live", "settled"):
            short.lake.compact(short.table(name, tier))
    assert files(short, "clean", "live") == 1
    assert (sorted(short.released(tier="live")), sorted(short.released())) == before
    short.publish("again", "live", minutes(10, 15))
    short.publish("night-again")
    assert (sorted(short.released(tier="live")), sorted(short.released())) == before
    assert short.on_main(tier="live") == 14
    assert len(short.released("event__quarantine")) == 1


def test_compaction_between_build_and_release_is_noticed(short: World) -> None:
    land(short.root, events(60))
    short.publish("one", "live", minutes(0, 5))
    short.publish("two", "live", minutes(5, 10))
    run = short.open("three", "live", minutes(10, 15))
    short.pass_all(run)
    short.lake.compact(short.table("clean", "live"))
    with pytest.raises(WriteDisturbed, match="main has moved"):
        short.release(run)
    short.pass_all(run)
    short.release(run)
    assert len(short.released(tier="live")) == 15


def test_two_scope_keys_are_replaced_together(world: World) -> None:
    _, clean, total = contracts(world.slug, suites=False)
    two = Table(world.slug, "totals", "Totals.", ("day",), total.columns, keys("day"))
    days = [date(2024, 3, 11), date(2024, 3, 12)]

    def both(cleaned: Any, *, window: Window, params: ToyParams) -> tuple[Any, ...]:
        return (
            cleaned.limit(1).selectExpr(
                "explode(sequence(DATE '2024-03-11', DATE '2024-03-12')) AS day", "1.0D AS total"
            ),
        )

    land(world.root, events(10))
    totals = Stage(world.slug, "totals", (FromRun(clean, "clean"),), (Write(two, scope=lambda w, p: days),), both)
    world.stages = (world.clean, totals)
    for name in ("one", "two"):
        world.publish(name)
    assert sorted(row.day for row in world.released("totals")) == days
