"""A platform of a test's own in this clone: `make` in an environment that nobody has set up, and who is left of it."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from platform_local import processes
from platform_local.environment import ROOT
from tests.fresh_environ import PORTS, fresh_environ


@dataclass
class World:
    """A platform of its own: home, secrets and ports that no other one has."""

    folder: Path
    seen: set[psutil.Process] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.environ = fresh_environ(self.folder)
        self.ports = {name: int(self.environ[name]) for name in PORTS}

    @property
    def _pid_file(self) -> Path:
        return self.folder / "home" / "run" / "supervisord.pid"

    def make(self, target: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", target]
        environ = {**self.environ, **more}
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=900)

    def clean(self) -> None:
        """Delete what is in this home. `make clean` would delete the clone's environment as well."""
        subprocess.run([".venv/bin/python", "-m", "platform_local", "clean"], cwd=ROOT, env=self.environ, check=True)

    def look(self) -> list[psutil.Process]:
        """The processes of the platform now; remembered, to be missed later."""
        found = processes.tree(int(self._pid_file.read_text())) if self._pid_file.exists() else []
        self.seen |= set(found)
        return found

    def components(self) -> set[psutil.Process]:
        """What the supervisor started; their own children, such as a live window's tasks, come and go."""
        return set(psutil.Process(int(self._pid_file.read_text())).children())

    def left(self) -> list[psutil.Process]:
        """Whoever of those seen still runs, and whoever else runs in this home."""
        home = str(self.folder)
        strangers = [p for p in psutil.process_iter() if p.pid != os.getpid() and home in " ".join(words_of(p))]
        return [process for process in {*self.seen, *strangers} if processes.runs(process)]


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing of one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []
