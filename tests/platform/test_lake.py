"""The lake's commits: a replacement is exactly two of them, reads are pinned, and a lost connection is noticed."""

import itertools
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from expectations.contract import Column, Table, keys, whole
from spark_jobs.common.lake import Lake, WriteDisturbed, table_name
from tests.platform.toy import tiny_queries

pytestmark = [pytest.mark.spark, pytest.mark.long]
_numbers = itertools.count()
DAYS = [date(2024, 3, 11), date(2024, 3, 12)]
TODAY = "`day` IN (DATE '2024-03-12')"
SAYS = {"signalbox.run": "r", "signalbox.attempt": "1"}


@pytest.fixture(autouse=True, scope="module")
def _tiny(spark: Any) -> Iterator[None]:
    with tiny_queries(spark):
        yield


def contract(name: str | None = None, **said: Any) -> Table:
    columns = (Column("day", "date", "day"), Column("n", "int", "number"))
    return Table("lakes", name or f"t{next(_numbers)}", "It's a 'test'.", (), columns, said.get("replace", keys("day")))


class Kept:
    """One table with a row of each of two days on ``main``."""

    def __init__(self, spark: Any) -> None:
        self.spark, self.lake, self.table = spark, Lake(spark), contract()
        self.name = table_name(self.table, "settled")
        self.lake.ensure("lakes", [self.table], "settled")
        self.write("first", "true", [(DAYS[0], 1), (DAYS[1], 1)])
        self.base = self.forward("first")

    def rows(self, *rows: tuple[Any, int]) -> Any:
        return self.spark.createDataFrame(list(rows), self.table.ddl())

    def write(self, branch: str, scope: str, rows: list[tuple[Any, int]]) -> Any:
        base = self.lake.heads([self.name])[self.name]
        self.lake.branch(self.name, branch, base)
        return self.lake.replace(self.name, branch, base, scope, self.rows(*rows), SAYS)

    def forward(self, branch: str) -> int:
        head = self.lake.heads([self.name], branch)[self.name]
        self.lake.fast_forward(self.name, branch, head, self.lake.heads([self.name])[self.name])
        return head

    def numbers(self, snapshot: int | None = None) -> list[int]:
        frame = self.lake.read(self.name, snapshot) if snapshot else self.spark.table(self.name)
        return sorted(row.n for row in frame.collect())


@pytest.fixture
def kept(spark: Any) -> Kept:
    return Kept(spark)


def test_a_new_table_has_one_empty_snapshot_and_making_it_twice_adds_none(spark: Any) -> None:
    lake, table = Lake(spark), contract()
    name = table_name(table, "live")
    for _ in range(2):
        lake.ensure("lakes", [table], "live")
    assert spark.table(f"{name}.snapshots").count() == 1
    assert spark.table(name).columns == ["day", "n"]
    said = {row[0]: row[1] for row in spark.sql(f"DESCRIBE EXTENDED {name}").collect()}
    assert said["Comment"] == "It's a 'test'."
    assert "write.metadata.delete-after-commit.enabled=true" in said["Table Properties"]


def test_a_replacement_is_a_delete_and_an_append_on_its_own_branch(kept: Kept) -> None:
    written = kept.write("b", TODAY, [(DAYS[1], 5), (DAYS[1], 6)])
    assert (written.rows, written.base) == (2, kept.base)
    assert kept.numbers() == [1, 1]
    assert kept.numbers(written.snapshot) == [1, 5, 6]
    assert kept.lake.descends(kept.name, written.snapshot, kept.base)
    assert not kept.lake.descends(kept.name, kept.base, written.snapshot)


@pytest.mark.parametrize("rows", [[], [(DAYS[1], 5)]], ids=["no rows", "one row"])
@pytest.mark.parametrize(
    "scope", [TODAY, "`day` IN (DATE '2001-01-01')", "true"], ids=["a day", "nothing", "everything"]
)
def test_a_replacement_always_says_where_it_came_from(kept: Kept, scope: str, rows: list[Any]) -> None:
    written = kept.write("b", scope, rows)
    summary = kept.spark.sql(
        f"SELECT summary FROM {kept.name}.snapshots WHERE snapshot_id = {written.snapshot}"
    ).first()[0]
    assert {key: summary[key] for key in SAYS} == SAYS
    assert written.rows == len(rows)


@pytest.mark.parametrize("says", [SAYS, {}], ids=["the same rows again", "rows of somebody else"])
def test_a_third_commit_on_the_branch_is_noticed(kept: Kept, says: dict[str, str]) -> None:
    class Twice(Lake):
        """A lake whose append lands twice, as a connection lost in mid-commit can make it."""

        def _walk(self, name: str, branch: str, base: int, properties: dict[str, str], commits: int) -> Any:
            again = kept.rows((DAYS[1], 5)).writeTo(f"{name}.branch_{branch}")
            for key, value in says.items():
                again = again.option(f"snapshot-property.{key}", value)
            again.append()
            return super()._walk(name, branch, base, properties, commits)

    kept.lake = Twice(kept.spark)
    with pytest.raises(
        WriteDisturbed, match=r"branch b holds 3 commits on base \d+ where a delete and an append belong"
    ):
        kept.write("b", TODAY, [(DAYS[1], 5)])
    assert kept.numbers() == [1, 1]


def test_a_pinned_read_does_not_see_what_is_published_later(kept: Kept) -> None:
    pinned = kept.lake.read(kept.name, kept.base)
    assert pinned.count() == 2
    kept.write("b", "true", [(DAYS[0], 7)])
    kept.forward("b")
    assert sorted(row.n for row in pinned.collect()) == [1, 1]
    assert kept.numbers() == [7]


def test_main_moves_to_the_audited_snapshot_once_and_a_repeat_finds_it_done(kept: Kept) -> None:
    written = kept.write("b", TODAY, [(DAYS[1], 5)])
    for _ in range(2):
        kept.lake.fast_forward(kept.name, "b", written.snapshot, kept.base)
        assert kept.numbers() == [1, 5]
    assert kept.lake.heads([kept.name])[kept.name] == written.snapshot


@pytest.mark.parametrize(
    ("snapshot", "base", "sentence"),
    [
        ("other", "base", r"branch b ends in \d+, but the receipt proves 1"),
        ("head", "other", r"main has moved from 1 to \d+"),
    ],
)
def test_main_is_moved_only_from_the_recorded_base_to_the_audited_snapshot(
    kept: Kept, snapshot: str, base: str, sentence: str
) -> None:
    known = {"head": kept.write("b", TODAY, [(DAYS[1], 5)]).snapshot, "base": kept.base, "other": 1}
    with pytest.raises(WriteDisturbed, match=sentence):
        kept.lake.fast_forward(kept.name, "b", known[snapshot], known[base])
    with pytest.raises(WriteDisturbed, match=sentence):
        kept.lake.require_releasable({kept.name: {"branch": "b", "snapshot": known[snapshot], "base": known[base]}})
    assert kept.numbers() == [1, 1]


def test_of_two_branches_of_one_base_the_second_is_refused(kept: Kept) -> None:
    first, second = (kept.write(branch, TODAY, [(DAYS[1], n)]) for n, branch in ((5, "a"), (6, "b")))
    kept.lake.fast_forward(kept.name, "a", first.snapshot, kept.base)
    with pytest.raises(WriteDisturbed, match="main has moved"):
        kept.lake.fast_forward(kept.name, "b", second.snapshot, kept.base)
    assert kept.numbers() == [1, 5]


def test_a_file_that_straddles_the_scope_is_replaced_in_part(kept: Kept) -> None:
    for n in range(2, 4):
        kept.write(f"b{n}", "n < 0", [(DAYS[0], n), (DAYS[1], 10 * n)])
        kept.forward(f"b{n}")
    kept.lake.compact(kept.name)
    assert kept.spark.table(f"{kept.name}.files").count() == 2
    kept.write("c", "`day` IN (DATE '2024-03-12') AND n >= 20", [(DAYS[1], 99)])
    kept.forward("c")
    assert kept.numbers() == [1, 1, 2, 3, 99]


def test_a_table_holds_what_its_main_holds(kept: Kept) -> None:
    assert kept.lake.holds(kept.name, "n = 1")
    assert not kept.lake.holds(kept.name, "n = 5")
    assert not kept.lake.holds("lake.lakes.nowhere", "true")


def test_heads_of_many_tables_are_found_at_once(spark: Any, kept: Kept) -> None:
    other = Kept(spark)
    assert kept.lake.heads([kept.name, other.name]) == {kept.name: kept.base, other.name: other.base}
    assert kept.lake.heads([kept.name], "nowhere") == {}
    assert kept.lake.heads([]) == {}


def test_the_current_view_shows_live_rows_of_days_that_are_not_settled(spark: Any) -> None:
    lake, table = Lake(spark), contract()
    settled = table_name(table, "settled")
    for _ in range(2):
        lake.current_views("lakes", {settled: "day"})
        assert not lake.exists(f"{settled}_current")
        lake.ensure("lakes", [table], "settled")
    lake.ensure("lakes", [table], "live")
    lake.current_views("lakes", {settled: "day"})
    lake.current_views("lakes", {settled: "day"})
    spark.sql(f"INSERT INTO {settled}_live VALUES (DATE '2024-03-11', 1), (DATE '2024-03-12', 2)")
    assert sorted(row.n for row in spark.table(f"{settled}_current").collect()) == [1, 2]
    spark.sql(f"INSERT INTO {settled} VALUES (DATE '2024-03-11', 10), (NULL, 0)")
    assert sorted(row.n for row in spark.table(f"{settled}_current").collect()) == [0, 2, 10]


def test_whole_tables_are_not_partitioned(spark: Any) -> None:
    lake, table = Lake(spark), contract(replace=whole())
    lake.ensure("lakes", [table], "settled")
    assert "partition" not in {row[0] for row in spark.sql(f"DESCRIBE {table_name(table, 'settled')}").collect()}


# -- a connection to the catalog that is lost in the middle of a commit ----------------------------------------


class CuttingProxy:
    """Stands between Spark and PostgreSQL; of a chosen commit it delivers the statement and swallows the answer."""

    def __init__(self, port: int) -> None:
        self._behind, self._left = port, 0
        self.cuts = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_commit(self, number: int) -> None:
        """Cut the connection after the ``number``-th commit from now on has reached PostgreSQL."""
        self._left = number

    def close(self) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._behind))
            deaf = threading.Event()
            threading.Thread(target=self._forth, args=(client, server, deaf), daemon=True).start()
            threading.Thread(target=self._back, args=(client, server, deaf), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):  # Either end may close: the other is closed with it.
            while asked := client.recv(65536):
                if b"UPDATE iceberg_tables" in asked and self._left:
                    self._left -= 1
                    if not self._left:
                        deaf.set()
                server.sendall(asked)
        _end(server)

    def _back(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while answer := server.recv(65536):
                if deaf.is_set():
                    # ReadyForQuery ends PostgreSQL's answer: the statement is committed.
                    self.cuts += 1
                    break
                client.sendall(answer)
        _end(client)


def _end(connection: socket.socket) -> None:
    """Close a connection although another thread waits on it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.fixture
def cut(spark: Any, lake_home: Path) -> Iterator[tuple[Any, CuttingProxy]]:
    """A session of its own whose catalog connection goes through a proxy."""
    uri = os.environ["SIGNALBOX_CATALOG_URI"]
    port = int(re.search(r":(\d+)/", uri).group(1))  # type: ignore[union-attr]
    proxy = CuttingProxy(port)
    session = spark.newSession()
    session.conf.set("spark.sql.catalog.lake.uri", uri.replace(str(port), str(proxy.port)))
    session.conf.set("spark.sql.session.timeZone", "UTC")
    with tiny_queries(session):
        yield session, proxy
    proxy.close()


@pytest.mark.parametrize("commit", [1, 2], ids=["of the delete", "of the append"])
def test_a_commit_whose_answer_is_lost_is_proved_or_refused_and_never_doubled(
    spark: Any, cut: tuple[Any, CuttingProxy], commit: int
) -> None:
    session, proxy = cut
    kept = Kept(spark)
    lake = Lake(session)
    lake.branch(kept.name, "a", kept.base)
    proxy.cut_commit(commit)
    frame = session.createDataFrame([(DAYS[1], 5)], kept.table.ddl())
    try:
        proved = kept.numbers(lake.replace(kept.name, "a", kept.base, TODAY, frame, SAYS).snapshot)
    except Exception as error:
        proved = str(error)
    assert proxy.cuts == 1
    assert proved == [1, 5] or "where a delete and an append belong" in proved or "Unknown failure" in proved, proved
    lake.branch(kept.name, "b", kept.base)
    written = lake.replace(kept.name, "b", kept.base, TODAY, frame, SAYS)
    lake.fast_forward(kept.name, "b", written.snapshot, kept.base)
    assert kept.numbers() == [1, 5]


def test_a_release_whose_answer_is_lost_is_found_done(spark: Any, cut: tuple[Any, CuttingProxy]) -> None:
    session, proxy = cut
    kept = Kept(spark)
    written = kept.write("b", TODAY, [(DAYS[1], 5)])
    proxy.cut_commit(1)
    Lake(session).fast_forward(kept.name, "b", written.snapshot, kept.base)
    assert proxy.cuts == 1
    assert kept.numbers() == [1, 5]
