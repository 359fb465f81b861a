"""Every command of docker-compose.yaml, run as a process of this machine in the environment that compose would give it.

What containers keep apart lies side by side here: the image's folders are the test's, hosts are loopback, ports are free ones. All
start at once, on one PostgreSQL, and Connect on the Spark cluster. What this cannot prove is Docker's own part: the image's build, its
user, volumes, networks, limits.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from platform_local import jars, java, processes
from platform_local.environment import ROOT, SECRETS, read_env_file
from platform_local.ports import HOST, free_port
from platform_local.postgres import Cluster
from platform_local.slack_standin import slack_standin
from spark_jobs.common.sizes import size_of
from tests.conftest import unavailable
from tests.platform.compose import container_ports, network_of, services

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.spark, pytest.mark.timeout(300)]

HEALTHY_WITHIN_S = 150
# Of PostgreSQL's image, which brings a command of its own.
POSTGRES = "postgres"
FETCHED = Path(os.environ.get("SIGNALBOX_HOME", ROOT / "var"))
MADE_BY_THE_IMAGE = " ".join(re.findall(r"mkdir -p (.*) \\$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)).split()
LOOPBACK = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


@dataclass
class Machine:
    """All services, translated from containers to this machine."""

    folder: Path
    services: dict[str, dict[str, Any]]
    cluster: Cluster
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        moved = ("/var/lib/signalbox", "/var/lib/store", "/tmp")
        self.paths = {path: str(self.folder / path.replace("/", "_")) for path in moved} | {"/opt/signalbox": str(ROOT)}
        for path in (*MADE_BY_THE_IMAGE, "/tmp"):
            Path(self._path(path)).mkdir(parents=True, exist_ok=True)
        self.ports: dict[str, dict[str, str]] = {}
        known = {port: str(free_port()) for service in self.services.values() for port in container_ports(service)}
        known["5432"] = str(self.cluster.port)
        for name, service in self.services.items():
            # Two workers have the same port, each in its container.
            own = {port: str(free_port()) for port in container_ports(service)} if name == "spark-worker-2" else {}
            self.ports[name] = known | own

    def here(self, name: str, text: str) -> str:
        """A text of that service's container as it reads on this machine."""
        ports = "|".join(self.ports[name])
        hosts = rf"\b(?:{'|'.join(self.services)})(?=:(?:{ports})\b)|0\.0\.0\.0|(?<=--host )[\w-]+"
        return re.sub(
            rf"\b(?:{ports})\b", lambda found: self.ports[name][found[0]], re.sub(hosts, HOST, self._path(text))
        )

    def _path(self, text: str) -> str:
        return re.sub(rf"({'|'.join(self.paths)})(?![\w.-])", lambda found: self.paths[found[1]], text)

    def environ(self, name: str) -> dict[str, str]:
        given = {key: self.here(name, str(value)) for key, value in self.services[name]["environment"].items()}
        # What the image and its network are to a container: Java, Python, the programs, an interface of its own.
        image = {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
            "HOME": self.paths["/tmp"],
            "JAVA_HOME": str(java.java_home(self.folder)),
            "PYTHONUNBUFFERED": "1",
            # The image has the jars among Spark's own.
            "SPARK_DIST_CLASSPATH": os.pathsep.join(map(str, jars.ensure(FETCHED, {**os.environ, **given}))),
            "SPARK_LOCAL_IP": HOST,
            "_JAVA_OPTIONS": f"-Djava.io.tmpdir={self.paths['/tmp']}",
        }
        return {**image, **given}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        command = self.services[name]["command"]
        line = command if isinstance(command, str) else shlex.join(command)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.started[name] = subprocess.Popen(
                shlex.split(self.here(name, line)),
                cwd=self.here(name, self.services[name]["working_dir"]),
                env=self.environ(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.started[name]

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says now."""
        check = self.services[name]["healthcheck"]
        kind, *command = check["test"]
        assert kind == "CMD"
        within_s = int(check["timeout"].removesuffix("s"))
        try:
            command = [self.here(name, part) for part in command]
            answer = subprocess.run(
                command, cwd=self.folder, env=self.environ(name), capture_output=True, timeout=within_s
            )
        except subprocess.TimeoutExpired:
            return False
        return answer.returncode == 0

    def last_words(self, name: str) -> str:
        return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:])

    def listening(self, name: str) -> set[tuple[str, str]]:
        """Address and port of every socket on which the service's processes wait."""
        return {
            (connection.laddr.ip, str(connection.laddr.port))
            for process in processes.tree(self.started[name].pid)
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }

    def beeline(self, *statements: str) -> subprocess.CompletedProcess[str]:
        """What the Thrift server answers a client of Hive's, which goes on after an error."""
        url = f"jdbc:hive2://{HOST}:{self.ports['thrift']['10000']}"
        options = ["--silent=true", "--outputformat=csv2", "--force=true"]
        command = [str(Path(sys.executable).with_name("beeline")), "-u", url, *options]
        command += [part for statement in statements for part in ("-e", statement)]
        return subprocess.run(command, env=self.environ("spark-master"), capture_output=True, text=True, timeout=90)

    def end(self) -> None:
        processes.end({process for started in self.started.values() for process in processes.tree(started.pid)})


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """All services, healthy."""
    if shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}") is None:
        unavailable("rclone is not installed (`make setup-dev` brings it)")
    folder = tmp_path_factory.mktemp("compose")
    # PostgreSQL's user has to reach its cluster.
    folder.chmod(0o755)
    cluster = Cluster(folder / "postgres", throw_away=True)
    cluster.start()
    env_file = folder / "env"
    made = {name: SECRETS.get(name, secrets.token_hex)() for name in read_env_file(ROOT / ".env.example")}
    made["SIGNALBOX_PG_PASSWORD_POSTGRES"] = cluster.password(POSTGRES)
    # Optional, and off by default: Connect computes on the cluster, and the lake is in the store.
    made["SIGNALBOX_MASTER"] = "spark://spark-master:7077"
    made["SIGNALBOX_WAREHOUSE"] = "s3://warehouse/lake"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in made.items()))
    machine = Machine(folder, services(env_file, folder), cluster)
    try:
        began = time.monotonic()
        assert machine.start("init").wait(HEALTHY_WITHIN_S) == 0, machine.last_words("init")
        left = set(machine.services) - {"init"}
        for name in left - {POSTGRES}:
            machine.start(name)
        while left:
            left -= {name for name in sorted(left) if machine.is_healthy(name)}
            ended = [name for name in left - {POSTGRES} if machine.started[name].poll() is not None]
            assert not ended, f"{ended[0]} ended:\n{machine.last_words(ended[0])}"
            late = time.monotonic() - began > HEALTHY_WITHIN_S
            assert not late, "\n".join(f"{name} is not healthy:\n{machine.last_words(name)}" for name in left)
            time.sleep(0.5)
        print(f"All services were healthy after {time.monotonic() - began:.0f} s.")
        yield machine
    finally:
        machine.end()
        cluster.stop()
        cluster.remove()


def test_every_health_check_passes_while_its_service_runs(machine):
    assert {name for name in set(machine.services) - {"init"} if not machine.is_healthy(name)} == set()


def test_every_service_listens_on_the_ports_that_it_offers(machine):
    waiting: dict[str, set[str]] = {}
    for name in machine.started:
        network = network_of(name, machine.services[name])
        waiting.setdefault(network, set()).update(port for _, port in machine.listening(name))
    missing = {
        (name, port)
        for name in machine.started
        for port in container_ports(machine.services[name])
        if machine.ports[name][port] not in waiting[network_of(name, machine.services[name])]
    }
    assert missing == set()


def test_no_service_listens_where_only_its_container_would_keep_others_away(machine):
    """All that binds every address does so because the file says 0.0.0.0, which reads as loopback here."""
    assert {address for name in machine.started for address, _ in machine.listening(name)} <= LOOPBACK


def test_init_made_the_databases_the_pools_and_the_password_of_the_ui(machine):
    given = machine.environ("init")
    url = given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pool FROM slot_pool")
        assert {"live", "nightly", "backfill", "platform"} <= {pool for (pool,) in cursor.fetchall()}
    passwords = Path(given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert passwords.read_text() == f'{{"admin": "{given["SIGNALBOX_UI_PASSWORD"]}"}}'
    assert passwords.stat().st_mode & 0o777 == 0o600


def test_both_workers_joined_the_master_and_compute_for_connect(machine):
    with urllib.request.urlopen(f"http://{HOST}:{machine.ports['spark-master']['8081']}/json/", timeout=10) as response:
        state = json.load(response)
    assert (state["aliveworkers"], state["cores"], state["memory"]) == (2, 4, 4096)
    live = size_of(machine.environ("connect"), "live")
    cores = live["executor_instances"] * live["executor_cores"]
    assert [(app["name"], app["cores"], app["state"]) for app in state["activeapps"]] == [
        ("signalbox-connect", cores, "RUNNING")
    ]


def test_the_store_keeps_what_it_is_given_and_refuses_another_secret(machine):
    environ = machine.environ("store")
    copy = ["rclone", "copyto", str(ROOT / "README.md"), ":s3:warehouse/README.md"]
    subprocess.run(copy, env=environ, check=True, timeout=30)
    assert (Path(machine.paths["/var/lib/store"]) / "warehouse" / "README.md").read_bytes() == (
        ROOT / "README.md"
    ).read_bytes()
    wrong = {**environ, "RCLONE_S3_SECRET_ACCESS_KEY": "another"}
    answer = subprocess.run(["rclone", "lsd", ":s3:"], env=wrong, capture_output=True, text=True, timeout=30)
    assert answer.returncode != 0
    assert "SignatureDoesNotMatch" in answer.stderr


def test_connect_makes_a_table_in_the_store_that_the_thrift_server_shows_and_cannot_drop(machine):
    environ = machine.environ("scheduler")
    client = (
        "from spark_jobs.common.session import spark_session\n"
        "with spark_session('compose', 'live') as spark:\n"
        "    spark.sql('CREATE NAMESPACE lake.proof')\n"
        "    spark.sql('CREATE TABLE lake.proof.seen AS SELECT 42 AS answer')\n"
    )
    subprocess.run([sys.executable, "-c", client], env=environ, cwd=machine.folder, check=True, timeout=90)
    answer = machine.beeline(
        "SELECT answer FROM lake.proof.seen", "DROP TABLE lake.proof.seen", "SELECT answer FROM lake.proof.seen"
    )
    assert answer.stdout.split().count("42") == 2, answer.stdout + answer.stderr
    assert list(Path(machine.paths["/var/lib/store"]).glob("warehouse/lake/proof/seen/data/*.parquet")) != []
    assert "cannot execute DELETE in a read-only transaction" in answer.stderr


def test_the_watch_can_tell_slack_with_the_little_that_it_is_given(machine):
    script = "from signalbox import alerts; raise SystemExit(not alerts.tell('Airflow does not work', 'scheduler'))"
    with slack_standin() as slack:
        environ = machine.environ("watch") | {"AIRFLOW_CONN_SLACK_DEFAULT": slack.connection()}
        subprocess.run([sys.executable, "-c", script], env=environ, cwd=machine.folder, check=True, timeout=90)
    assert [message["text"] for message in slack.messages] == ["Airflow does not work\nscheduler"]


def test_no_secret_stands_on_a_command_line(machine):
    hidden = {value for value in read_env_file(machine.folder / "env").values() if value}
    everyone = {process for started in machine.started.values() for process in processes.tree(started.pid)}
    lines = [" ".join(process.cmdline()) for process in everyone if processes.runs(process)]
    assert len(lines) > 10
    assert [line for line in lines if any(secret in line for secret in hidden)] == []


def test_a_health_check_fails_once_its_service_is_gone(machine):
    """The last test of this file, since it ends what the others use."""
    machine.end()
    # That of `loopback` can only be asked while it lives: there is nothing in it that could fail.
    asked = set(machine.started) - {"init", "loopback"}
    assert asked
    assert {name for name in asked if machine.is_healthy(name)} == set()
