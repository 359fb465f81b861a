"""docker-compose.yaml, as far as it can be proved without an engine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from platform_local.environment import ROOT, read_env_file
from tests.conftest import unavailable

FILE = ROOT / "docker-compose.yaml"


def config(env_file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    compose = shutil.which("docker-compose")
    if compose is None:
        if os.environ.get("SIGNALBOX_REQUIRE") == "all":
            pytest.fail("SIGNALBOX_REQUIRE=all, but docker-compose is missing: `make system-deps` as root installs it")
        unavailable("docker-compose is not installed (`make system-deps`)")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [compose, "-f", str(FILE), "--env-file", str(env_file), "config", "-q"]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


@pytest.fixture
def filled(tmp_path):
    """The example, every secret filled in."""
    file = tmp_path / "env"
    file.write_text("".join(f"{name}=some-secret\n" for name in read_env_file(ROOT / ".env.example")))
    return file


def test_it_is_valid_with_every_secret_set(filled, tmp_path):
    answer = config(filled, tmp_path)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", sorted(read_env_file(ROOT / ".env.example")))
def test_no_secret_has_a_default(filled, tmp_path, name):
    filled.write_text(filled.read_text().replace(f"{name}=some-secret\n", ""))
    answer = config(filled, tmp_path)
    assert answer.returncode != 0
    assert name in answer.stderr


def test_every_service_is_checked_and_the_one_that_ends_is_waited_for():
    services = yaml.safe_load(FILE.read_text())["services"]
    assert set(services) == {"postgres", "init", "connect", "api-server", "scheduler", "dag-processor", "triggerer"}
    assert {name for name, service in services.items() if "healthcheck" not in service} == {"init"}
    assert services["connect"]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}


def test_what_the_shared_settings_leave_to_the_place_is_set():
    open_ones = {name for name, value in read_env_file(ROOT / "config" / "airflow.env").items() if "${" in value}
    assert open_ones <= set(yaml.safe_load(FILE.read_text())["x-signalbox"]["environment"])
