"""`make setup` on machines where something is missing: one clear sentence, exit status 1."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from platform_local import bootstrap
from platform_local.ports import free_port
from tests.conftest import unavailable

ROOT = Path(__file__).resolve().parents[2]


def setup(tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """`make setup` into an empty folder, without package caches."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    environ = {
        **clean,
        "SIGNALBOX_VENV": str(tmp_path / "venv"),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_NO_CACHE_DIR": "1",
        **environ,
    }
    command = [sys.executable, str(ROOT / "platform_local" / "bootstrap.py")]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)


def sentence(answer: subprocess.CompletedProcess[str]) -> str:
    """The one line on stderr."""
    assert answer.returncode == 1, answer.stdout + answer.stderr
    (line,) = answer.stderr.strip().splitlines()
    return line


def test_no_network_says_what_to_do(tmp_path):
    closed = f"http://127.0.0.1:{free_port()}/simple"
    said = sentence(setup(tmp_path, PIP_INDEX_URL=closed))
    assert said.startswith("signalbox: No package registry could be reached (installing uv): connect to the network")


def test_no_network_for_uv_says_the_same(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    (tmp_path / "venv" / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    said = sentence(setup(tmp_path, UV_DEFAULT_INDEX=f"http://127.0.0.1:{free_port()}/simple"))
    assert said.startswith("signalbox: No package registry could be reached (installing the requirements)")


def test_a_full_disk_says_what_to_do(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True).returncode == 0
    )
    if not mounted:
        unavailable("mounting a small tmpfs is not allowed here; the sentence itself is tested below")
    try:
        said = sentence(setup(folder))
    finally:
        subprocess.run(["umount", folder], check=True)
    assert "The disk is full" in said
    assert "free some space" in said


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("error: No space left on device (os error 28)", "The disk is full"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full"),
        (
            "error: Failed to fetch: `https://…`\n Caused by: client error (Connect)",
            "No package registry could be reached",
        ),
        ("ERROR: No matching distribution found for uv==0.1", "No package registry could be reached"),
        ("error: something else", "Failed while installing: error: something else"),
    ],
)
def test_what_a_tool_said_becomes_one_sentence(output, words):
    assert words in bootstrap.why(output, "installing")


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.11 or newer is needed, but .* is 3\.9\.18: install it"):
        bootstrap.check_machine()


def test_a_missing_venv_module_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(bootstrap.SetupError, match=r"venv module is missing: install it .*apt-get install python3"):
        bootstrap.check_machine()


def test_no_python_at_all_is_one_sentence():
    make = shutil.which("make")
    answer = subprocess.run([make, "setup", "PYTHON="], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode != 0
    assert answer.stderr.splitlines()[0].startswith("signalbox: Python 3.11 or newer is missing: install it")


def test_a_second_setup_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    ran: list[str] = []
    monkeypatch.setattr(bootstrap, "run", lambda command, doing: ran.append(doing))
    files = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]
    bootstrap.set_up(files)
    assert ran == ["making .venv", "installing uv", "installing the requirements"]
    bootstrap.set_up(files[:1])
    bootstrap.set_up(files)
    assert len(ran) == 3


def test_help_lists_every_target():
    answer = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = {line.split()[1] for line in answer.stdout.splitlines()}
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert listed == set(phony.split()[1:])
