"""The Spark jars: pinned here and nowhere else, fetched once from Maven Central, used offline afterwards.

Spark's own resolver fetches them, from where it fetches by default; ``SIGNALBOX_MAVEN_REPO`` names a mirror to take
instead. The checksum decides whether a file is the right one, whoever sent it.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from platform_local import java
from platform_local.problem import Problem, from_os_error

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 60
RESOLVE_TIMEOUT_S = 600
CHUNK = 1 << 20
UNREACHED = "connect to the network once, or set SIGNALBOX_MAVEN_REPO to a mirror of Maven Central."


@dataclass(frozen=True)
class Jar:
    """One artifact of Maven Central with the SHA-256 of its file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinates(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def path(self) -> str:
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


JARS = (
    Jar(
        "org.apache.iceberg",
        "iceberg-spark-runtime-4.1_2.13",
        "1.12.0",
        "3123c3798af642dd537230923548e013ef41cc28b6626e5225808cf5670a0f82",
    ),
    Jar(
        "org.postgresql",
        "postgresql",
        "42.7.14",
        "73914527305a40cce504b0d3d90b23caf565136912d607ae8ae7c5895512332c",
    ),
)
# 69 MB, and of use to a lake in S3 only. Of the same version as the runtime.
S3_JAR = Jar(
    "org.apache.iceberg",
    "iceberg-aws-bundle",
    "1.12.0",
    "dd7e49ffa4ac9b215bed846581991259e3aec9bb2fa08d6cec029c46cd66d957",
)


def spark_home() -> Path:
    """The folder of the installed pyspark; it is a whole Spark distribution."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise Problem("pyspark is not installed: run `make setup`.")
    return Path(spec.origin).parent


def wanted(environ: Mapping[str, str] = os.environ) -> tuple[Jar, ...]:
    """The jars that the settings ask for: a warehouse in S3 takes one more."""
    return (*JARS, S3_JAR) if environ.get("SIGNALBOX_WAREHOUSE", "").startswith("s3://") else JARS


def paths(home: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Where the jars lie under ``home`` (SIGNALBOX_HOME), fetched or not."""
    return [home / "jars" / jar.file_name for jar in wanted(environ)]


def ensure(home: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Fetch what is missing or damaged; return the paths. Raises Problem without a network."""
    return fetch_into(home / "jars", environ)


def fetch_into(folder: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The same into any folder."""
    found = {jar: folder / jar.file_name for jar in wanted(environ)}
    missing = [jar for jar, path in found.items() if not _is_right(jar, path) and not _link(jar, path)]
    if mirror := environ.get("SIGNALBOX_MAVEN_REPO"):
        for jar in missing:
            _keep(jar, found[jar], partial(_download, f"{mirror.rstrip('/')}/{jar.path}"))
    elif missing:
        with tempfile.TemporaryDirectory(prefix="signalbox-ivy-") as cache:
            _resolve(missing, Path(cache), environ)
            for jar in missing:
                resolved = Path(cache) / "jars" / f"{jar.group}_{jar.file_name}"
                _keep(jar, found[jar], partial(shutil.copyfile, resolved))
    return list(found.values())


def _is_right(jar: Jar, path: Path) -> bool:
    return path.exists() and _sha256(path) == jar.sha256


def _resolve(jars: list[Jar], cache: Path, environ: Mapping[str, str]) -> None:
    """Have spark-submit resolve the coordinates into ``cache/jars``, by running an application that does nothing."""
    nothing = cache / "nothing.py"
    nothing.write_text("")
    command = [str(spark_home() / "bin" / "spark-submit"), "--packages", ",".join(jar.coordinates for jar in jars)]
    environment = {
        **environ,
        "SPARK_HOME": str(spark_home()),
        "JAVA_HOME": str(java.java_home(cache, environ)),
        "PYSPARK_PYTHON": sys.executable,
    }
    try:
        answer = subprocess.run(
            [*command, "--conf", f"spark.jars.ivy={cache}", str(nothing)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=RESOLVE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Problem(f"Maven Central did not answer within {RESOLVE_TIMEOUT_S} s: {UNREACHED}") from error
    if "No space left" in answer.stderr:
        raise from_os_error(OSError(errno.ENOSPC, "No space left on device"), f"writing {cache}")
    if answer.returncode:
        raise Problem(
            f"Spark could not fetch {', '.join(jar.coordinates for jar in jars)} from Maven Central: {UNREACHED}"
        )


def _link(jar: Jar, path: Path) -> bool:
    """Take the file from the clone's own var/ when this home is another one."""
    known = ROOT / "var" / "jars" / jar.file_name
    if not known.exists() or known == path or _sha256(known) != jar.sha256:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.hardlink_to(known)
    except OSError:
        # Another disk: the download comes next, with its own errors.
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep(jar: Jar, path: Path, fetch: Callable[[Path], object]) -> None:
    """Have ``fetch`` write the file beside its place, and move it there when it is the right one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{jar.file_name}.", delete=False) as file:
            unproven = Path(file.name)
    except OSError as error:
        raise from_os_error(error, f"writing {path.parent}") from error
    try:
        fetch(unproven)
        if _sha256(unproven) != jar.sha256:
            raise Problem(
                f"{jar.coordinates} is not the file that platform_local/jars.py pins (wrong checksum): check the "
                "mirror."
            )
        unproven.chmod(0o644)
        unproven.replace(path)
    except OSError as error:
        raise from_os_error(error, f"writing {path.parent}") from error
    finally:
        unproven.unlink(missing_ok=True)


def _download(url: str, target: Path) -> None:
    """Stream ``url`` into ``target``; network and disk fail with different sentences."""
    try:
        response = urllib.request.urlopen(url, timeout=TIMEOUT_S)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise Problem(f"Cannot fetch {url} ({reason}): {UNREACHED}") from error
    with response, target.open("wb") as file:
        while chunk := _read(response, url):
            try:
                file.write(chunk)
            except OSError as error:
                raise from_os_error(error, f"writing {target.parent}") from error


def _read(response: object, url: str) -> bytes:
    try:
        return response.read(CHUNK)  # type: ignore[attr-defined, no-any-return]
    except OSError as error:
        raise Problem(f"The download of {url} broke off ({error}): run the command again.") from error
