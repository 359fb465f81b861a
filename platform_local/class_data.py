"""An archive of the classes that Spark loads (the JVM's class-data sharing), made once for an environment.

Every session reads and verifies some twenty thousand classes before its first row; from an archive they come ready to
use, which halves the CPU of a short job. A JVM that finds an archive made for other jars, or by another Java, starts
without it.
``SIGNALBOX_CLASS_DATA=off`` does without.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from platform_local.jars import JARS, spark_home

SETTING = "SIGNALBOX_CLASS_DATA"
OFF = "off"
ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 300


def found(java_home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The setting that names the archive for this Java; empty where there is none."""
    if environ.get(SETTING) == OFF:
        return {SETTING: ""}
    archive = _place(java_home)
    return {SETTING: str(archive) if archive.exists() and archive.stat().st_size else ""}


def ensure(java_home: Path, jars: Sequence[Path], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The same, made first where it is missing; whoever comes meanwhile waits.

    A Java that cannot make one, such as a reduced one without an archive of its own classes, is not asked again: an empty file
    stands in its place.
    """
    if environ.get(SETTING) == OFF:
        return {SETTING: ""}
    archive = _place(java_home)
    try:
        archive.parent.mkdir(exist_ok=True)
        with (archive.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not archive.exists():
                _make(archive, java_home, jars) if _can_share(java_home) else archive.touch()
    except (OSError, subprocess.SubprocessError):
        # A full disk, an environment that is not ours to write to, a Java that hangs over its own archive.
        return {SETTING: ""}
    return found(java_home, environ)


def _place(java_home: Path) -> Path:
    """Beside the packages: the archive is of no use to another environment."""
    version = subprocess.run([java_home / "bin" / "java", "-version"], capture_output=True, timeout=30, check=False)
    parts = [os.environ.get("SPARK_CONF_DIR", ""), *(jar.file_name for jar in JARS)]
    for path in sorted((spark_home() / "jars").iterdir()):
        # By these two the JVM tells a jar from another.
        parts.append(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}")
    return Path(sys.prefix) / "class-data" / f"{_digest(version.stderr)}-{_digest(repr(parts).encode())}.jsa"


def _can_share(java_home: Path) -> bool:
    command = [str(java_home / "bin" / "java"), "-Xshare:on", "-version"]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _make(archive: Path, java_home: Path, jars: Sequence[Path]) -> None:
    print("Archiving the classes of Spark, once for this environment …", file=sys.stderr, flush=True)
    for outdated in archive.parent.glob(f"{archive.name.partition('-')[0]}-*.jsa"):
        outdated.unlink()
    partial = archive.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    environ = {
        **os.environ,
        "JAVA_HOME": str(java_home),
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        SETTING: OFF,
    }
    environ.pop("SPARK_REMOTE", None)
    with tempfile.TemporaryDirectory(prefix="signalbox-classes-") as folder:
        command = [sys.executable, "-m", "platform_local.class_data_session", str(partial), folder]
        try:
            subprocess.run(
                [*command, ",".join(map(str, jars))],
                env=environ,
                cwd=folder,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            partial.unlink(missing_ok=True)
    if not partial.exists():
        print(
            f"They could not be archived: sessions start without. Delete {archive} to try again.",
            file=sys.stderr,
            flush=True,
        )
        partial.touch()
    partial.replace(archive)
