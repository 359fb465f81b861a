"""Marts that are published by swap: readers never fail and see one run at a time; views, grants and the log stay right."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pytest

from expectations.contract import Column, Table, whole
from platform_local.postgres import Cluster
from spark_jobs.common import rollback, serve, swap
from spark_jobs.common.ledger import Attempt, Ledger, Release
from spark_jobs.common.mart import Mart, Swap
from spark_jobs.common.outcome import Blocked, Settled, TryAgain
from spark_jobs.common.report.frames import MissingTable, served
from spark_jobs.common.staging import Staged, stage
from spark_jobs.common.window import Window
from tests.mart_readers import MartReaders

pytestmark = pytest.mark.long
_numbers = itertools.count()
DAY = datetime(2024, 3, 12, tzinfo=UTC)
NOT_PUBLISHED = r"Mart scores is not published: it has 4 rows, less than 50% of the 10 that are published\."


class Board(MartReaders):
    """A pipeline of one mart, ``scores``, whose rows come as Arrow tables; each release is a run of its own."""

    def __init__(self, ledger: Ledger, home: Path) -> None:
        self.slug, self.ledger, self.cluster = f"board{next(_numbers)}", ledger, Cluster(home / "postgres")
        columns = (
            Column("day", "date", "day"),
            Column("name", "string", "who"),
            Column("score", "double", "how many", nullable=True),
            Column("tags", "array<string>", "which", nullable=True),
        )
        table = Table(self.slug, "scores", "Scores.", ("name",), columns, whole())
        self.swap = Swap(log="score_log", index=("score", "name"), watched="score")
        self.mart = Mart("scores", table, day="day", swap=self.swap)
        self.uri = serve.marts_uri()
        self._releases = itertools.count(1)

    def rows(self, count: int = 10, score: float | None = 1.0) -> pa.Table:
        names = [f"n{number}" for number in range(count)]
        days, tags = pa.array([DAY.date()] * count, pa.date32()), [["a", None], None] * count
        scores = pa.array([score] * count, pa.float64())
        return pa.table(
            {"day": days, "name": names, "score": scores, "tags": pa.array(tags[:count], pa.list_(pa.string()))}
        )

    def begin(self, number: int) -> tuple[Attempt, Release]:
        window = Window(DAY + timedelta(days=number), DAY + timedelta(days=number + 1))
        run = self.ledger.open_run(self.slug, "nightly", f"{self.slug}/{number}", None, window)
        attempt = self.ledger.begin(run, "serve")
        return attempt, Release(number, self.slug, "settled", run.run_key, window, {}, DAY)

    def stage(self, attempt: Attempt, release: Release, rows: pa.Table, force: str = "") -> Staged:
        batches = (rows.slice(start, 4) for start in range(0, rows.num_rows, 4))
        return stage(self.uri, attempt, self.mart, self.swap, release, batches, rows.num_rows, force)

    def publish(self, rows: pa.Table | None = None, force: str = "") -> int:
        """A release of its own with these rows; returns its number."""
        number = next(self._releases)
        attempt, release = self.begin(number)
        try:
            staged = self.stage(attempt, release, self.rows() if rows is None else rows, force)
            serve.publish(self.uri, attempt, release, [], [staged])
        finally:
            self.ledger.close_run(release.run_key)
        return number

    def roll_back(self, reason: str = "wrong scores") -> int:
        return rollback.roll_back(self.uri, self.slug, self.mart, reason).release_id

    def shown(self, role: str = "bi") -> tuple[int, int]:
        """The one release that readers see, and its number of rows."""
        ((release, rows),) = self.ask("SELECT release_id, count(*) FROM {s}.scores GROUP BY 1", role)
        return release, rows

    def tables(self) -> set[str]:
        return {name for (name,) in self.ask("SELECT tablename FROM pg_tables WHERE schemaname = '{s}'")}

    def logged(self) -> list[Any]:
        return self.ask("SELECT action, release_id, rows, forced FROM {s}.score_log ORDER BY entry_id")


@pytest.fixture
def board(ledger: Ledger, lake_home: Path) -> Board:
    return Board(ledger, lake_home)


@contextmanager
def held(board: Board, table: str, seconds: float, mode: str = "ACCESS SHARE") -> Iterator[None]:
    """Another session holds the table for some time, from before the block begins."""
    taken = threading.Event()

    def hold() -> None:
        with board.connected() as cursor:
            cursor.execute(f"BEGIN; LOCK TABLE {board.slug}.{table} IN {mode} MODE")
            taken.set()
            time.sleep(seconds)
            cursor.execute("COMMIT")

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    yield
    thread.join()


def test_a_version_takes_the_place_of_the_one_before_and_each_row_names_its_run(board: Board) -> None:
    board.publish()
    assert board.tables() == {"scores", "score_log", "served"}
    second = board.publish(board.rows(12, 1.1))
    assert board.shown() == (second, 12)
    assert board.tables() == {"scores", "scores_prev", "score_log", "served"}
    query = "SELECT tier, run_id, published_at < now(), day, score, tags FROM {s}.scores WHERE name = 'n0'"
    assert board.ask(query, "bi") == [("settled", f"{board.slug}/2", True, date(2024, 3, 12), 1.1, ["a", None])]
    assert board.ask("SELECT tier, release_id FROM {s}.served") == [("settled", second)]
    assert board.logged() == [("publish", 1, 10, False), ("publish", 2, 12, False)]


def test_indexes_and_keys_bear_the_names_of_their_tables_after_every_swap(board: Board) -> None:
    for _ in range(3):
        board.publish()
        names = board.ask("SELECT indexname FROM pg_indexes WHERE schemaname = '{s}' AND tablename LIKE 'scores%'")
        assert {name for (name,) in names} >= {"scores_key", "scores_idx"}
        assert {name for (name,) in names} <= {"scores_key", "scores_idx", "scores_prev_key", "scores_prev_idx"}
    defined = board.ask("SELECT indexdef FROM pg_indexes WHERE schemaname = '{s}' AND tablename = 'scores' ORDER BY 1")
    assert [definition.partition("USING ")[2] for (definition,) in defined] == [
        "btree (score, name)",
        "btree (tier, name)",
    ]
    with pytest.raises(psycopg2.errors.UniqueViolation):
        board.ask("INSERT INTO {s}.scores SELECT * FROM {s}.scores LIMIT 1")


def test_publishing_the_same_release_again_changes_nothing(board: Board) -> None:
    board.publish()
    attempt, release = board.begin(next(board._releases))
    for rows in (11, 12):
        staged = board.stage(attempt, release, board.rows(rows))
        assert serve.publish(board.uri, attempt, release, [], [staged]) == {"scores": 11}
    assert (board.shown(), len(board.logged())) == ((2, 11), 2)
    assert board.ask("SELECT DISTINCT release_id FROM {s}.scores_prev") == [(1,)]


def test_a_stage_is_for_the_serving_role_alone_and_a_new_mart_is_for_its_readers(board: Board) -> None:
    attempt, release = board.begin(1)
    staged = board.stage(attempt, release, board.rows())
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        board.ask(f"SELECT * FROM {{s}}.{staged.table}", "bi")
    serve.publish(board.uri, attempt, release, [], [staged])
    assert board.shown("bi") == (1, 10)


def test_grants_of_the_published_table_are_those_of_the_next(board: Board) -> None:
    board.publish()
    board.ask(
        "GRANT UPDATE, DELETE ON {s}.scores TO catalog WITH GRANT OPTION; GRANT INSERT (name) ON {s}.scores TO bi"
    )
    board.ask("REVOKE SELECT ON {s}.scores FROM bi; GRANT SELECT ON {s}.scores TO PUBLIC")
    rights = "SELECT relacl, (SELECT attacl FROM pg_attribute WHERE attrelid = c.oid AND attname = 'name') "
    rights += "FROM pg_class c WHERE oid = '{s}.scores'::regclass"
    ((table, column),) = board.ask(rights)
    board.publish()
    ((after, column_after),) = board.ask(rights)
    assert sorted(after[1:-1].split(",")) == sorted(table[1:-1].split(","))
    assert column_after == column
    board.roll_back()
    assert sorted(board.ask(rights)[0][0][1:-1].split(",")) == sorted(table[1:-1].split(","))


def test_views_and_views_on_views_go_with_the_mart_and_keep_all_that_is_theirs(board: Board) -> None:
    board.publish()
    board.ask("""
        CREATE VIEW {s}.high WITH (security_barrier=true) AS SELECT release_id, name, score FROM {s}.scores WHERE score > 0;
        CREATE VIEW {s}."on High" AS SELECT h.*, s.tier FROM {s}.high h JOIN {s}.scores s USING (name);
        COMMENT ON VIEW {s}.high IS 'the high ones'; GRANT DELETE ON {s}.high TO catalog;
    """)
    kept = """SELECT relname, c.oid, relowner, relacl, reloptions, obj_description(c.oid) FROM pg_class c
        WHERE relnamespace = '{s}'::regnamespace AND relkind = 'v' ORDER BY relname"""
    before = board.ask(kept)
    assert [row[0] for row in before] == ["high", "on High", "scores_current"]
    board.publish(board.rows(6))
    for view in ("high", '"on High"', "scores_current"):
        assert board.ask(f"SELECT release_id, count(*) FROM {{s}}.{view} GROUP BY 1", "bi") == [(2, 6)]
    assert board.ask(kept) == before
    board.roll_back()
    assert board.ask('SELECT DISTINCT release_id FROM {s}."on High"') == [(1,)]


def test_a_materialized_view_on_the_mart_is_named_and_nothing_changes(board: Board) -> None:
    board.publish()
    board.ask("CREATE MATERIALIZED VIEW {s}.frozen AS SELECT * FROM {s}.scores")
    with pytest.raises(
        Blocked, match=rf"{board.slug}\.frozen reads a table that is published by swap, and is material"
    ):
        board.publish()
    assert board.shown() == (1, 10)


def test_a_version_with_less_than_half_of_the_rows_is_refused_unless_forced(board: Board) -> None:
    board.publish()
    with pytest.raises(Blocked, match=rf"{NOT_PUBLISHED} Readers keep .* --force-publish REASON"):
        board.publish(board.rows(4))
    assert board.shown() == (1, 10)
    forced = board.publish(board.rows(4), force="the campaign has ended")
    assert board.shown() == (forced, 4)
    assert board.logged()[1:] == [("refuse", 2, 4, False), ("publish", 3, 4, True)]
    (reason,) = board.ask("SELECT reason FROM {s}.score_log WHERE forced")[0]
    assert reason.startswith("the campaign has ended (refused because it has 4 rows")


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (1.31, "is 1.31 where 1 is published, a change of more than 30%"),
        (0.69, "is 0.69 where"),
        (None, "is gone where"),
    ],
)
def test_a_median_that_jumps_is_refused_unless_forced(board: Board, score: float | None, said: str) -> None:
    board.publish()
    with pytest.raises(Blocked, match=f"the median of score {said}"):
        board.publish(board.rows(10, score))
    assert board.shown() == (1, 10)
    assert board.shown() != (board.publish(board.rows(10, score), force="known"), 10) == board.shown()


@pytest.mark.parametrize(("rows", "score"), [(5, 10.0), (10, 13.0), (10, 7.0)])
def test_a_version_at_the_limits_is_published(board: Board, rows: int, score: float) -> None:
    board.publish(board.rows(10, 10.0))
    assert board.publish(board.rows(rows, score)) == 2
    assert board.shown() == (2, rows)


SPOIL = """
CREATE FUNCTION {s}.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {what} END $$;
CREATE FUNCTION {s}.attach() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE made record; BEGIN
FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '{s}.scores_stage%' LOOP
EXECUTE 'CREATE TRIGGER spoil BEFORE INSERT ON ' || made.object_identity
    || ' FOR EACH ROW EXECUTE FUNCTION {s}.spoil()'; END LOOP; END $$;
CREATE EVENT TRIGGER spoil_{s} ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION {s}.attach()
"""


@pytest.mark.parametrize(
    "what",
    [
        "NEW.score := CASE NEW.name WHEN 'n7' THEN 1.0000001 ELSE NEW.score END; RETURN NEW;",
        "IF NEW.name = 'n7' THEN RETURN NULL; END IF; RETURN NEW;",
        "IF NEW.name = 'n7' THEN NEW.score := NULL; END IF; RETURN NEW;",
    ],
    ids=["a value changed", "a row lost", "a value lost"],
)
def test_a_stage_that_does_not_hold_what_was_sent_is_not_published(board: Board, what: str) -> None:
    board.publish()
    with board.cluster._superuser("marts") as cursor:
        cursor.execute(SPOIL.replace("{s}", board.slug).replace("{what}", what))
    try:
        with pytest.raises(TryAgain, match=r"the stage holds \d+ rows \(checksum .* where the lake holds 10"):
            board.publish(board.rows())
    finally:
        with board.cluster._superuser("marts") as cursor:
            cursor.execute(f"DROP EVENT TRIGGER spoil_{board.slug}")
    assert (board.shown(), board.logged()) == ((1, 10), [("publish", 1, 10, False)])
    board.publish()
    assert board.tables() == {"scores", "scores_prev", "score_log", "served"}


def test_a_rollback_shows_the_version_before_and_the_next_publish_works(board: Board) -> None:
    board.publish()
    board.publish(board.rows(20, 1.1))
    assert board.roll_back("twice the rows") == 1
    assert board.shown() == (1, 10)
    assert board.roll_back() == 2
    assert board.shown() == (2, 20)
    assert board.roll_back() == 1
    assert board.publish(board.rows(8)) == 3
    assert board.shown() == (3, 8)
    assert board.roll_back() == 1
    assert [entry[:3] for entry in board.logged()] == [
        ("publish", 1, 10),
        ("publish", 2, 20),
        ("rollback", 1, 10),
        ("rollback", 2, 20),
        ("rollback", 1, 10),
        ("publish", 3, 8),
        ("rollback", 1, 10),
    ]
    assert board.ask("SELECT reason FROM {s}.score_log WHERE action = 'rollback'")[0] == ("twice the rows",)
    assert board.tables() == {"scores", "scores_prev", "score_log", "served"}


def test_of_two_rollbacks_at_once_the_second_undoes_the_first_and_says_so(board: Board) -> None:
    board.publish()
    board.publish(board.rows(20, 1.1))
    with ThreadPoolExecutor(2) as pool, held(board, "scores_prev", 1.2):
        said = list(pool.map(lambda _: board.roll_back(), range(2)))
    assert sorted(said) == [1, 2]
    assert board.shown() == (2, 20)
    assert [entry[:2] for entry in board.logged()[2:]] == [("rollback", 1), ("rollback", 2)]


def test_without_a_version_before_there_is_no_rollback(board: Board) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="Mart scores has no version before the published one"):
            board.roll_back()
        if not board.tables():
            board.publish()
    with pytest.raises(ValueError, match="A rollback needs a reason"):
        board.roll_back(" ")


def test_an_attempt_that_slept_until_a_later_one_had_published_changes_nothing(board: Board) -> None:
    board.publish()
    slept, release = board.begin(2)
    staged = board.stage(slept, release, board.rows(9))
    woken, _ = board.begin(2)
    serve.publish(board.uri, woken, release, [], [board.stage(woken, release, board.rows(8))])
    with pytest.raises(Settled, match="A later attempt has served"):
        serve.publish(board.uri, slept, release, [], [staged])
    assert board.shown() == (2, 8)
    assert board.tables() == {"scores", "scores_prev", "score_log", "served"}


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ACCESS EXCLUSIVE"])
def test_a_mart_that_somebody_holds_is_swapped_as_soon_as_it_is_free(board: Board, mode: str) -> None:
    board.publish()
    attempt, release = board.begin(2)
    staged = board.stage(attempt, release, board.rows(12))
    with held(board, "scores", 6, mode):
        assert serve.publish(board.uri, attempt, release, [], [staged]) == {"scores": 12}
    assert board.shown() == (2, 12)
    ((attempts,),) = board.ask("SELECT attempts FROM {s}.score_log WHERE release_id = 2")
    assert attempts > 1


def test_a_mart_that_stays_held_is_not_published_and_the_next_try_is(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "RETRIES", 0)
    board.publish()
    board.publish(board.rows(11))
    attempt, release = board.begin(3)
    staged = board.stage(attempt, release, board.rows(12))
    with held(board, "scores", 2), pytest.raises(Exception, match="lock timeout"):
        serve.publish(board.uri, attempt, release, [], [staged])
    assert (board.shown(), len(board.logged())) == ((2, 11), 2)
    assert (board.roll_back(), board.roll_back()) == (1, 2)
    assert serve.publish(board.uri, attempt, release, [], [staged]) == {"scores": 12}


def test_a_version_before_that_somebody_still_reads_does_not_stop_the_next(board: Board) -> None:
    board.publish()
    board.publish()
    with held(board, "scores_prev", 3):
        board.publish(board.rows(11))
        assert {"scores_prev", "scores_prev_2"} <= board.tables()
        assert board.shown() == (3, 11)
    assert board.roll_back() == 2
    assert board.shown() == (2, 10)
    board.publish()
    assert board.tables() == {"scores", "scores_prev", "score_log", "served"}


def test_a_reader_that_wants_what_the_swap_holds_and_holds_what_it_wants_is_not_failed(board: Board) -> None:
    """The swap has the first view, waits for the second, and then for the mart; the reader comes from the mart and waits
    for the first view the longest, so PostgreSQL would fail it. The swap gives way before that."""
    board.publish()
    board.ask("CREATE VIEW {s}.second AS SELECT * FROM {s}.scores")
    attempt, release = board.begin(2)
    staged = board.stage(attempt, release, board.rows(12))
    with board.connected("bi") as reader:
        reader.execute(f"BEGIN; SELECT count(*) FROM {board.slug}.scores")
        publishing = threading.Thread(target=serve.publish, args=(board.uri, attempt, release, [], [staged]))
        with held(board, "second", 0.6):
            publishing.start()
            time.sleep(0.3)
            reader.execute(f"SELECT count(*) FROM {board.slug}.scores_current")
        assert reader.fetchone() == (10,)
        reader.execute("COMMIT")
        publishing.join()
    assert board.shown() == (2, 12)


def test_a_report_reads_one_version_although_the_next_is_published_meanwhile(board: Board) -> None:
    board.publish()
    attempt, release = board.begin(2)
    with served(board.slug) as read:
        with pytest.raises(MissingTable):
            read("any")  # From now on it reads as of this moment.
        staged = board.stage(attempt, release, board.rows(12))
        publishing = threading.Thread(target=serve.publish, args=(board.uri, attempt, release, [], [staged]))
        publishing.start()
        time.sleep(0.4)
        assert set(read("scores")["release_id"]) == {1}
    publishing.join()
    assert board.shown() == (2, 12)


def test_twenty_readers_see_one_run_each_time_and_no_error_while_versions_change(board: Board) -> None:
    board.publish(board.rows(2000))
    over, wrong = threading.Event(), []
    seen: list[set[int]] = [set() for _ in range(20)]

    def read(place: int) -> None:
        source = ("scores", "scores_current")[place % 2]
        query = f"SELECT release_id, run_id, count(*) FROM {board.slug}.{source} GROUP BY 1, 2"
        with board.connected("bi") as cursor:
            while not over.wait(0.02):
                try:
                    cursor.execute(query)
                    ((release, run, rows),) = cursor.fetchall()
                    assert (run, rows) == (f"{board.slug}/{release}", 2000 + release - 1)
                    seen[place].add(release)
                except Exception as error:
                    wrong.append(error)

    readers = [threading.Thread(target=read, args=(place,)) for place in range(20)]
    for reader in readers:
        reader.start()
    for version in range(2, 12):
        last = board.publish(board.rows(2000 + version - 1))
    time.sleep(0.5)
    over.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert last == 11
    assert all(last in releases for releases in seen)
