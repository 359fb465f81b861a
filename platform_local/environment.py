"""Settings, secrets and ports: the environment in which every process of the local platform runs.

Sources, later ones win: ``config/airflow.env`` (committed), ``.env`` (secrets, written here on first use, 0600), the
caller's own ``SIGNALBOX_*``, ``AIRFLOW__*`` and ``AWS_*`` variables; last what follows from the chosen ports and folders.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from platform_local import class_data, jars, ports, slack_standin
from platform_local.databases import ROLES
from platform_local.java import java_home
from platform_local.ports import HOST
from platform_local.postgres import Cluster
from platform_local.private_file import write_private
from platform_local.problem import Problem, from_os_error

ROOT = Path(__file__).resolve().parents[1]
UI_USER = "admin"

PORTS = {
    "SIGNALBOX_API_PORT": 8080,
    "SIGNALBOX_CONNECT_PORT": 15002,
    "SIGNALBOX_PG_PORT": 5433,
    "SIGNALBOX_SLACK_PORT": 8089,
}
SLACK = "AIRFLOW_CONN_SLACK_DEFAULT"
# What a caller may set in the shell; the rest of the shell is handed on as it is, below our settings.
CALLERS = ("SIGNALBOX_", "AIRFLOW__", "AIRFLOW_CONN_", "AWS_")
# In a shell that `env` has set up: what that was, each with the start of its hash.
EXPORTED = "SIGNALBOX_EXPORTED"
# Of all that is exported: what no other program reads is left out.
EXPORTS = ("AIRFLOW", "AWS_", "SIGNALBOX_", "SPARK_", "PYSPARK_", "GX_", "JAVA_HOME", "PYTHONPATH", "PATH")
# Which platform is meant, and nothing that follows from it.
CHOOSES = ("SIGNALBOX_HOME", "SIGNALBOX_ENV_FILE")
# Everything that is made below SIGNALBOX_HOME.
FOLDERS = ("airflow", "bench", "jars", "java", "landing", "log", "reports", "run", "staging", "truth", "warehouse")
# What follows from this clone and its SIGNALBOX_HOME, even in a shell that is set up for another Airflow.
PLACED = (
    "AIRFLOW_HOME",
    "AIRFLOW__CORE__DAGS_FOLDER",
    "AIRFLOW__CORE__PLUGINS_FOLDER",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
)
PORT_USERS = {
    "SIGNALBOX_API_PORT": "Airflow's web page",
    "SIGNALBOX_CONNECT_PORT": "Spark Connect",
    "SIGNALBOX_PG_PORT": "PostgreSQL",
    "SIGNALBOX_SLACK_PORT": "the stand-in of Slack",
}


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _token() -> str:
    return secrets.token_urlsafe(24)


SECRETS: dict[str, Callable[[], str]] = {
    "AIRFLOW__CORE__FERNET_KEY": _fernet_key,
    "AIRFLOW__API_AUTH__JWT_SECRET": lambda: secrets.token_urlsafe(64),
    "AIRFLOW__API__SECRET_KEY": _token,
    "SIGNALBOX_UI_PASSWORD": lambda: secrets.token_urlsafe(12),
    "SPARK_CONNECT_AUTHENTICATE_TOKEN": _token,
    **{f"SIGNALBOX_PG_PASSWORD_{role.upper()}": _token for role in ROLES},
}


class Settings:
    """The settings of one platform; ``environ`` is the caller's environment."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._caller = {key: value for key, value in _without_exported(environ).items() if value != ""}
        self.home = Path(self._caller.get("SIGNALBOX_HOME", ROOT / "var")).absolute()
        self.run = self.home / "run"
        self.logs = self.home / "log"
        self.env_file = Path(self._caller.get("SIGNALBOX_ENV_FILE", ROOT / ".env"))
        self.make_folders()
        self._own = read_env_file(self.env_file) if self.env_file.exists() else {}
        self._own |= self._make_secrets()
        self.ports = self._ports()

    def port(self, name: str) -> int:
        """The port of ``api``, ``connect``, ``pg`` or ``slack``."""
        return self.ports[f"SIGNALBOX_{name.upper()}_PORT"]

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.port('api')}"

    @property
    def has_slack(self) -> bool:
        """Whether a Slack of one's own is set; else messages go to the stand-in."""
        return bool(self._caller.get(SLACK) or self._own.get(SLACK))

    @property
    def ui_password(self) -> str:
        return self._value("SIGNALBOX_UI_PASSWORD")

    def cluster(self) -> Cluster:
        passwords = {role: self._value(f"SIGNALBOX_PG_PASSWORD_{role.upper()}") for role in ROLES}
        return Cluster(self.home / "postgres", self.port("pg"), passwords)

    def claim_ports(self, pick: bool) -> None:
        """Check that the ports are free and remember them; a taken one is an error, or replaced when ``pick`` and
        nobody chose it.
        """
        for name, port in self.ports.items():
            if ports.is_free(port):
                continue
            if not pick or name in self._caller or name in self._own:
                raise Problem(
                    f"Port {port} ({PORT_USERS[name]}) is taken{ports.taken_by(port)}: "
                    f"free it, or set {name} to another port."
                )
            self.ports[name] = ports.free_port()
        write_private(self.run / "ports.json", json.dumps(self.ports))

    def environment(self) -> dict[str, str]:
        """The whole environment for a child process; with secrets, so never to be logged."""
        known = {"SIGNALBOX_ROOT": str(ROOT), "SIGNALBOX_HOME": str(self.home)}
        settings = {
            key: substitute(value, known) for key, value in read_env_file(ROOT / "config" / "airflow.env").items()
        }
        mine = {key: value for key, value in self._caller.items() if key.startswith(CALLERS)}
        placed = {key: settings[key] for key in PLACED}
        chosen = {**self._caller, **settings, **self._own, **mine, **known, **placed}
        derived, files = self._derived(), jars.paths(self.home, chosen)
        archive = class_data.found(Path(derived["JAVA_HOME"]), chosen)
        return {**chosen, **derived, **archive, "SIGNALBOX_JARS": ",".join(map(str, files))}

    def exports(self) -> dict[str, str]:
        """What a shell is given for programs of one's own; with a mark, so that the next platform of that shell is its own again."""
        found = {key: value for key, value in self.environment().items() if key.startswith(EXPORTS)}
        ours = [key for key in found if key.startswith(CALLERS) and key not in (*self._caller, *CHOOSES)]
        return found | {EXPORTED: " ".join(f"{key}={_mark(found[key])}" for key in sorted(ours))}

    def remove_folders(self) -> list[str]:
        """Remove what is ours below SIGNALBOX_HOME, and that itself if nothing else is there; what else is there."""
        for name in FOLDERS:
            shutil.rmtree(self.home / name, ignore_errors=True)
        left = sorted(path.name for path in self.home.iterdir())
        if not left:
            with suppress(OSError):  # a place where something is mounted
                self.home.rmdir()
        return left

    def _derived(self) -> dict[str, str]:
        database = f"{HOST}:{self.port('pg')}"

        def url(role: str) -> str:
            return (
                f"postgresql+psycopg2://{role}:{self._value(f'SIGNALBOX_PG_PASSWORD_{role.upper()}')}@{database}/{role}"
            )

        standin = (
            {} if self.has_slack else {SLACK: slack_standin.connection(slack_standin.base_url(self.port("slack")))}
        )
        return {
            **standin,
            **{name: str(port) for name, port in self.ports.items()},
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url("airflow"),
            "AIRFLOW__API__PORT": str(self.port("api")),
            "AIRFLOW__API__BASE_URL": self.api_url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.api_url}/execution/",
            "SIGNALBOX_LEDGER_URL": url("ledger"),
            "SIGNALBOX_MARTS_URL": url("marts"),
            "SIGNALBOX_CATALOG_URI": f"jdbc:postgresql://{database}/catalog",
            "SIGNALBOX_CATALOG_USER": "catalog",
            "SIGNALBOX_CATALOG_PASSWORD": self._value("SIGNALBOX_PG_PASSWORD_CATALOG"),
            # Of jobs in the tasks' own processes, whatever the shell was last used for; a spark-submit says otherwise.
            "SIGNALBOX_ENGINE": "connect",
            # The token travels without TLS only to this very host name.
            "SIGNALBOX_CONNECT_URL": f"sc://localhost:{self.port('connect')}",
            "SIGNALBOX_SPARK_PROPERTIES": str(self.run / "spark.properties"),
            "JAVA_HOME": str(java_home(self.home, self._caller)),
            # Spark's own ports listen on loopback too.
            "SPARK_LOCAL_IP": HOST,
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "config", ROOT / "plugins"))),
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), self._caller.get("PATH", os.defpath))),
            "PYTHONUNBUFFERED": "1",
        }

    def _value(self, key: str) -> str:
        return self._caller.get(key) or self._own[key]

    def _ports(self) -> dict[str, int]:
        remembered = self.run / "ports.json"
        last = json.loads(remembered.read_text()) if remembered.exists() else {}
        chosen = {
            name: self._caller.get(name) or self._own.get(name) or last.get(name) or default
            for name, default in PORTS.items()
        }
        for name, port in chosen.items():
            if not str(port).isdecimal() or not 0 < int(port) < 65536:
                raise Problem(f"{name}={port} is not a port: set it to a number from 1 to 65535.")
        return {name: int(port) for name, port in chosen.items()}

    def make_folders(self) -> None:
        """Everything below SIGNALBOX_HOME that must exist before a process starts."""
        try:
            for folder in (self.run, self.logs, self.home / "airflow", self.home / "landing", self.home / "warehouse"):
                folder.mkdir(parents=True, exist_ok=True)
            self.run.chmod(0o700)
        except OSError as error:
            raise from_os_error(error, f"writing {self.home}") from error

    def _make_secrets(self) -> dict[str, str]:
        """Generate the secrets that .env lacks, and add them to it; the file ends up readable for its owner only."""
        missing = {key: make() for key, make in SECRETS.items() if not self._own.get(key)}
        try:
            if missing:
                text = (
                    self.env_file.read_text()
                    if self.env_file.exists()
                    else "# Secrets of this clone; see .env.example.\n"
                )
                kept = [line for line in text.splitlines() if line.split("=")[0].strip() not in missing]
                write_private(
                    self.env_file, "\n".join([*kept, *(f"{key}={value}" for key, value in missing.items())]) + "\n"
                )
            self.env_file.chmod(0o600)
            passwords = self.home / "airflow" / "passwords.json"
            write_private(
                passwords,
                json.dumps({UI_USER: missing.get("SIGNALBOX_UI_PASSWORD") or self._value("SIGNALBOX_UI_PASSWORD")}),
            )
        except OSError as error:
            raise from_os_error(error, f"writing {self.env_file}") from error
        return missing


def _without_exported(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's own settings: what `env` once gave this shell, and nobody has changed since, is none of them."""
    marks = dict(pair.split("=", 1) for pair in environ.get(EXPORTED, "").split())
    return {key: value for key, value in environ.items() if key != EXPORTED and marks.get(key) != _mark(value)}


def _mark(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:8]


def read_env_file(path: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a file; comments and empty lines are skipped, values are taken as they stand."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2}


def substitute(value: str, known: Mapping[str, str]) -> str:
    """Fill in ``${NAME}``; an unknown name is an error, not an empty string."""

    def known_value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise Problem(f"config/airflow.env uses ${{{found[1]}}}, which is not one of {', '.join(sorted(known))}.")
        return known[found[1]]

    return re.sub(r"\$\{(\w+)\}", known_value, value)
