"""Serving: the marts change in one transaction, and readers see the whole old release or the whole new one."""

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pytest

from expectations.contract import SPANS, TYPES, Column, Table, keys
from platform_local.postgres import Cluster
from spark_jobs.common import serve as serving
from spark_jobs.common import swap
from spark_jobs.common.ledger import Ledger, Release
from spark_jobs.common.mart import POSTGRES
from spark_jobs.common.outcome import Blocked, Settled
from spark_jobs.common.window import Window
from tests.mart_readers import MartReaders
from tests.platform.toy import HOUR, World, events, land, marts, swapped, tiny_queries
from tests.waiting import wait_for

pytestmark = [pytest.mark.spark, pytest.mark.long]
_numbers = itertools.count()
TUESDAY, WEDNESDAY = date(2024, 3, 12), date(2024, 3, 13)
NEXT = Window(HOUR.start + timedelta(days=1), HOUR.end + timedelta(days=1))


@pytest.fixture(autouse=True, scope="module")
def _tiny(spark: Any) -> Iterator[None]:
    with tiny_queries(spark):
        yield


class Shop(MartReaders, World):
    """A toy pipeline with two days landed, and the people who read its marts."""

    def __init__(self, spark: Any, ledger: Ledger, home: Path) -> None:
        super().__init__(spark, ledger, home, f"shop{next(_numbers)}", suites=False)
        self.cluster = Cluster(home / "postgres")
        self.land(2.0)

    def land(self, value: float) -> None:
        land(self.root, events(10, value=value))
        land(self.root, events(3, start=NEXT.start, value=value), "b.parquet", day="2024-03-13")

    def shown(self, role: str = "marts") -> tuple[list[Any], int, Any]:
        """Totals, number of events and their sum, in one statement: one moment."""
        query = (
            "SELECT (SELECT array_agg(total ORDER BY day) FROM {s}.daily), "
            "(SELECT count(*) FROM {s}.events), (SELECT sum(value) FROM {s}.events)"
        )
        return tuple(self.ask(query, role)[0])  # type: ignore[return-value]

    def stock(self, name: str = "first", cadence: str = "nightly", window: Window = HOUR) -> None:
        """Build, release and serve a run."""
        self.serve(self.publish(name, cadence, window))
        self.ledger.close_run(self.key(name))


@pytest.fixture
def shop(spark: Any, ledger: Ledger, lake_home: Path) -> Shop:
    return Shop(spark, ledger, lake_home)


@pytest.fixture
def swapping(shop: Shop) -> Shop:
    """Its events are published by swap: they are those of the newest day alone."""
    shop.marts = swapped(shop.slug)
    return shop


@contextmanager
def in_background(work: Any) -> Iterator[list[Any]]:
    """Run ``work`` in a thread; its result or error is in the list when the block has ended."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield outcome
    thread.join()


def test_the_marts_hold_what_the_release_holds_and_name_it(shop: Shop) -> None:
    run = shop.publish()
    assert shop.serve(run) == {"daily": 1, "events": 10}
    assert shop.shown() == ([20.0], 10, 20.0)
    (release,) = shop.ledger.releases(shop.slug, "settled")
    assert shop.ask(
        "SELECT DISTINCT tier, release_id FROM {s}.daily UNION SELECT tier, release_id FROM {s}.events"
    ) == [("settled", release.release_id)]
    lake = sorted((row.event_id, row.event_ts.replace(tzinfo=UTC), row.value) for row in shop.released())
    assert sorted(shop.ask("SELECT event_id, event_ts, value FROM {s}.events")) == lake
    assert shop.ask("SELECT tier, release_id FROM {s}.served") == [("settled", release.release_id)]


def test_serving_twice_is_serving_once(shop: Shop) -> None:
    run = shop.publish()
    assert shop.serve(run) == shop.serve(run)
    assert shop.shown() == ([20.0], 10, 20.0)


def test_a_day_built_anew_replaces_its_rows_and_no_other_day(shop: Shop) -> None:
    shop.stock("tuesday")
    shop.stock("wednesday", window=NEXT)
    shop.land(3.0)
    shop.stock("tuesday-again")
    assert shop.shown() == ([30.0, 6.0], 13, 36.0)


def test_a_run_without_a_release_serves_nothing(shop: Shop) -> None:
    with pytest.raises(Blocked, match="has no release: there is nothing to serve"):
        shop.serve(shop.open())


def test_a_release_that_was_never_served_is_caught_up_by_the_next(shop: Shop) -> None:
    first, second = (shop.publish(name, "live", window) for name, window in (("a", HOUR), ("b", NEXT)))
    assert shop.serve(second) == {"daily": 2, "events": 13}
    assert shop.shown() == ([20.0, 6.0], 13, 26.0)
    shop.ledger.close_run(second.run_key)
    with pytest.raises(Settled, match=r"A newer release of shop\d+ \(live\) is served already"):
        shop.serve(first)
    assert shop.shown() == ([20.0, 6.0], 13, 26.0)


def test_both_tiers_share_a_mart_and_its_current_view_prefers_settled_days(shop: Shop) -> None:
    shop.stock("live-tue", "live", HOUR)
    shop.stock("live-wed", "live", NEXT)
    shop.land(3.0)
    shop.stock("night-tue", "nightly", HOUR)
    assert shop.ask("SELECT tier, day, total FROM {s}.daily ORDER BY 1, 2") == [
        ("live", TUESDAY, 20.0),
        ("live", WEDNESDAY, 6.0),
        ("settled", TUESDAY, 30.0),
    ]
    current = "SELECT tier, day, total FROM {s}.daily_current ORDER BY day"
    assert shop.ask(current) == [("settled", TUESDAY, 30.0), ("live", WEDNESDAY, 6.0)]
    shop.stock("night-wed", "nightly", NEXT)
    assert shop.ask(current) == [("settled", TUESDAY, 30.0), ("settled", WEDNESDAY, 9.0)]


def test_the_read_role_reads_marts_and_views_and_writes_nothing(shop: Shop) -> None:
    shop.stock()
    assert shop.shown("bi") == ([20.0], 10, 20.0)
    assert shop.ask("SELECT total FROM {s}.daily_current", "bi") == [(20.0,)]
    for statement in (
        "DELETE FROM {s}.daily",
        "INSERT INTO {s}.daily SELECT * FROM {s}.daily",
        "UPDATE {s}.served SET release_id = 0",
        "DROP VIEW {s}.daily_current",
        "CREATE TABLE {s}.mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "TRUNCATE {s}.events",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            shop.ask(statement, "bi")
    assert shop.shown() == ([20.0], 10, 20.0)


PAUSE = """
CREATE FUNCTION {s}.pause() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
CREATE TRIGGER pause BEFORE INSERT ON {s}.events FOR EACH STATEMENT EXECUTE FUNCTION {s}.pause()
"""


def test_readers_see_the_whole_old_release_until_the_whole_new_one_is_there(shop: Shop) -> None:
    shop.stock("old")
    shop.land(3.0)
    run = shop.publish("new")
    with shop.connected() as holder, shop.connected() as watcher:
        holder.execute(PAUSE.format(s=shop.slug))
        holder.execute("SELECT pg_advisory_lock(4711)")
        with in_background(lambda: shop.serve(run)) as outcome:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

            def paused() -> bool:
                watcher.execute(waiting)
                return bool(watcher.fetchone()[0])

            wait_for(paused)
            between = shop.shown("bi")
            holder.execute("SELECT pg_advisory_unlock(4711)")
    assert between == ([20.0], 10, 20.0)
    assert outcome == [{"daily": 1, "events": 10}]
    assert shop.shown("bi") == ([30.0], 10, 30.0)


def test_a_mart_that_is_locked_is_tried_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_LOCK_TIMEOUT", "300ms")
    shop.stock("old")
    shop.land(3.0)
    run = shop.publish("new")
    with shop.connected() as holder:
        holder.execute(f"BEGIN; LOCK TABLE {shop.slug}.events IN ACCESS EXCLUSIVE MODE")
        with in_background(lambda: shop.serve(run)) as outcome:
            time.sleep(1.0)
            holder.execute("COMMIT")
    assert outcome == [{"daily": 1, "events": 10}]
    assert shop.shown() == ([30.0], 10, 30.0)


def test_a_mart_that_stays_locked_fails_the_step_and_changes_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_LOCK_TIMEOUT", "300ms")
    monkeypatch.setattr(swap, "RETRIES", 1)
    shop.stock("old")
    shop.land(3.0)
    run = shop.publish("new")
    with shop.connected() as holder:
        holder.execute(f"BEGIN; LOCK TABLE {shop.slug}.events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            shop.serve(run)
        holder.execute("COMMIT")
    assert shop.shown() == ([20.0], 10, 20.0)
    assert shop.serve(run) == {"daily": 1, "events": 10}


def test_a_mart_that_lost_a_row_on_the_way_is_not_committed(shop: Shop) -> None:
    shop.stock("old")
    shop.land(3.0)
    run = shop.publish("new")
    losing = (
        "CREATE FUNCTION {s}.lose() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.event_id LIKE '%-7' THEN RETURN NULL; END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER lose BEFORE INSERT ON {s}.events FOR EACH ROW EXECUTE FUNCTION {s}.lose(); SELECT 1"
    )
    shop.ask(losing)
    with pytest.raises(
        RuntimeError, match="Mart events holds 9 rows of this scope where the lake holds 10; nothing was"
    ):
        shop.serve(run)
    assert shop.shown() == ([20.0], 10, 20.0)


def test_an_attempt_that_slept_until_a_later_one_had_served_changes_nothing(shop: Shop) -> None:
    shop.stock("old")
    run = shop.publish("new")
    slept = shop.ledger.begin(run, "serve")
    shop.serve(run)
    (release, *_) = shop.ledger.releases(shop.slug, "settled")
    old = pa.table({"day": [TUESDAY], "total": [1.0]})
    with pytest.raises(Settled, match=r"A later attempt has served the settled tier of shop\d+ meanwhile"):
        serving.publish(serving.marts_uri(), slept, release, [serving.Load(marts(shop.slug)[0], release, "true", old)])
    assert shop.shown() == ([20.0], 10, 20.0)


def test_every_column_type_arrives_in_postgresql_as_it_was(shop: Shop) -> None:
    columns = tuple(Column(f"c{n}", kind, "", nullable=kind != "date") for n, kind in enumerate(POSTGRES))
    table = Table(shop.slug, "wide", "All types.", (), columns, keys("c6"))
    assert set(TYPES) - set(POSTGRES) == {SPANS} and columns[6].type == "date"
    values = [
        "o'ne\\",
        1,
        2**40,
        0.1,
        True,
        datetime(2024, 3, 12, 6, 0, 0, 250000, tzinfo=UTC),
        TUESDAY,
        ["a", None, 'b"'],
        [0.1, None, 1e300],
    ]
    nothing = [None, None, None, None, None, None, WEDNESDAY, None, None]
    types = [pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us", "UTC"), pa.date32()]
    types += [pa.list_(pa.string()), pa.list_(pa.float64())]
    arrays = [pa.array(pair, kind) for pair, kind in zip(zip(values, nothing, strict=True), types, strict=True)]
    rows = pa.table(arrays, names=[column.name for column in columns])
    run = shop.open()
    attempt = shop.ledger.begin(run, "serve")
    release = Release(1, shop.slug, "settled", run.run_key, run.window, {}, HOUR.start)
    mart = serving.Mart("wide", table, day="c6")
    load = serving.Load(mart, release, "true", rows)
    assert serving.publish(serving.marts_uri(), attempt, release, [load]) == {"wide": 2}
    listed = ", ".join(column.name for column in columns)
    assert shop.ask(f"SELECT {listed} FROM {{s}}.wide ORDER BY c6") == [tuple(values), tuple(nothing)]


def test_a_serving_database_that_is_not_named_is_an_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = shop.publish()
    monkeypatch.delitem(os.environ, "SIGNALBOX_MARTS_URL")
    with pytest.raises(ValueError, match="SIGNALBOX_MARTS_URL is not set; it names the serving database"):
        shop.serve(run)


def test_a_swapped_mart_holds_what_the_newest_run_wrote_however_many_batches_that_takes(
    swapping: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_ROWS_AT_ONCE", 3)
    swapping.stock("tuesday")
    assert swapping.shown("bi") == ([20.0], 10, 20.0)
    swapping.marts = tuple(
        replace(mart, swap=mart.swap and replace(mart.swap, min_rows_share=0.3)) for mart in swapping.marts
    )
    swapping.stock("wednesday", window=NEXT)
    assert swapping.shown("bi") == ([20.0, 6.0], 3, 6.0)
    lake = {row.event_id for row in swapping.released() if row.event_id.startswith("13")}
    assert {event for (event,) in swapping.ask("SELECT event_id FROM {s}.events_current", "bi")} == lake
    assert swapping.ask("SELECT DISTINCT run_id FROM {s}.events") == [(swapping.key("wednesday"),)]


def test_a_refused_version_keeps_the_other_marts_of_its_release_back_until_it_is_forced(swapping: Shop) -> None:
    swapping.stock("old")
    swapping.land(3.0)
    run = swapping.publish("new")
    with pytest.raises(Blocked, match="the median of value is 3 where 2 is published"):
        swapping.serve(run)
    assert swapping.shown() == ([20.0], 10, 20.0)
    assert swapping.serve(run, "a new meter") == {"daily": 1, "events": 10}
    assert swapping.shown() == ([30.0], 10, 30.0)


def test_a_day_that_is_run_again_leaves_a_swapped_mart_at_the_newer_day(
    swapping: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    land(swapping.root, events(10, start=NEXT.start, value=2.0), "b.parquet", day="2024-03-13")
    swapping.stock("tuesday")
    swapping.stock("wednesday", window=NEXT)
    land(swapping.root, events(10, value=3.0))
    swapping.stock("tuesday-again")
    assert swapping.shown() == ([30.0, 20.0], 10, 20.0)
    assert swapping.ask("SELECT DISTINCT run_id FROM {s}.events") == [(swapping.key("wednesday"),)]
    assert "events is left as it is: release " in caplog.text
    swapping.stock("wednesday-again", window=NEXT)
    assert swapping.ask("SELECT DISTINCT run_id FROM {s}.events") == [(swapping.key("wednesday-again"),)]


def test_a_newer_day_that_was_never_served_comes_to_a_swapped_mart_with_an_older_days_run(swapping: Shop) -> None:
    wednesday = swapping.publish("wednesday", window=NEXT)
    swapping.stock("tuesday")
    assert swapping.shown() == ([20.0, 6.0], 3, 6.0)
    assert swapping.ask("SELECT DISTINCT run_id FROM {s}.events") == [(wednesday.run_key,)]
    assert swapping.serve(wednesday) == {"daily": 1, "events": 3}
