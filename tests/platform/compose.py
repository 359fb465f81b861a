"""docker-compose.yaml as docker-compose itself resolves it: variables filled in, anchors and env files merged."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from platform_local.environment import ROOT
from tests.conftest import unavailable

FILE = ROOT / "docker-compose.yaml"


def config(env_file: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The answer of `docker-compose config`, which knows no variable but those of the env file."""
    compose = shutil.which("docker-compose")
    if compose is None:
        unavailable("docker-compose is not installed (`make system-deps` as root installs it)")
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [str(compose), "-f", str(FILE), "--env-file", str(env_file), "config", *options]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)


def services(env_file: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Each service as the file has it, with the whole environment that it would have.

    Versions of docker-compose resolve ports, volumes and limits into different forms; the file's own is one.
    """
    answer = config(env_file, folder)
    assert answer.returncode == 0, answer.stderr
    resolved = yaml.safe_load(answer.stdout)["services"]
    written = yaml.safe_load(FILE.read_text())["services"]
    return {
        name: {**service, "environment": resolved[name].get("environment", {})} for name, service in written.items()
    }


def network_of(name: str, service: dict[str, Any]) -> str:
    """The service whose network this one lives in."""
    return str(service.get("network_mode", name)).removeprefix("service:")


def container_ports(service: dict[str, Any]) -> set[str]:
    """Those that it offers to other containers, or to the machine."""
    return {*service.get("expose", []), *(port.rpartition(":")[2] for port in service.get("ports", []))}
