"""A copy of the repository as a clone has it, with our environment, for tests that write into a repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from platform_local.environment import ROOT
from tests.fresh_environ import fresh_environ

_NOT_OF_A_CLONE = (".git", ".venv", ".env", "var", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache")


def clean_copy(folder: Path) -> Path:
    """The copy, in ``folder``, which must not exist yet."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*_NOT_OF_A_CLONE))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def shell(copy: Path, command: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command of a shell in the copy, which knows nothing of the tests that run here but where the jars are; or in an
    environment of its own.
    """
    environ = environ or {**fresh_environ(), "SIGNALBOX_HOME": os.environ.get("SIGNALBOX_HOME", str(ROOT / "var"))}
    line = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(line, cwd=copy, env=environ, capture_output=True, text=True, check=False)
