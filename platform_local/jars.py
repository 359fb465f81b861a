"""The Spark jars: pinned here and nowhere else, fetched once from Maven Central, used offline afterwards.

``SIGNALBOX_MAVEN_REPO`` names a mirror of Maven Central. The checksum decides whether a file is the right one,
whoever sent it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_local.problem import Problem, from_os_error

ROOT = Path(__file__).resolve().parents[1]
MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
TIMEOUT_S = 60
CHUNK = 1 << 20


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


def paths(home: Path) -> list[Path]:
    """Where the jars lie under ``home`` (SIGNALBOX_HOME), fetched or not."""
    return [home / "jars" / jar.file_name for jar in JARS]


def ensure(home: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Fetch what is missing or damaged; return the paths. Raises Problem without a network."""
    return fetch_into(home / "jars", environ)


def fetch_into(folder: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The same into any folder."""
    found = [folder / jar.file_name for jar in JARS]
    for jar, path in zip(JARS, found, strict=True):
        if not (path.exists() and _sha256(path) == jar.sha256) and not _link(jar, path):
            _fetch(jar, path, environ.get("SIGNALBOX_MAVEN_REPO") or MAVEN_CENTRAL)
    return found


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


def _fetch(jar: Jar, path: Path, repository: str) -> None:
    url = f"{repository.rstrip('/')}/{jar.path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{jar.file_name}.", delete=False) as file:
            partial = Path(file.name)
    except OSError as error:
        raise from_os_error(error, f"writing {path.parent}") from error
    try:
        _download(url, partial)
        if _sha256(partial) != jar.sha256:
            raise Problem(f"{url} is not the file that platform_local/jars.py pins (wrong checksum): check the mirror.")
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _download(url: str, target: Path) -> None:
    """Stream ``url`` into ``target``; network and disk fail with different sentences."""
    try:
        response = urllib.request.urlopen(url, timeout=TIMEOUT_S)
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise Problem(
            f"Cannot fetch {url} ({reason}): connect to the network once, or set SIGNALBOX_MAVEN_REPO to a mirror of "
            "Maven Central."
        ) from error
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
