"""The code is as the linters want it; `make lint` says the same."""

import subprocess
import sys

import pytest

from platform_local.environment import ROOT


@pytest.mark.parametrize(
    "words",
    [
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        pytest.param(["mypy"], marks=pytest.mark.heavy),  # Takes most of a minute.
    ],
    ids=" ".join,
)
def test_a_linter_has_nothing_to_say(words: list[str]) -> None:
    answer = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
