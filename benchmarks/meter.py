"""CPU seconds and peak memory of a process and all that it starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

EVERY_S = 0.5


@dataclass
class Meter:
    """What a set of processes has used since the first look.

    Memory is the proportional set size: a page that forked processes share counts once among them (resident memory would count it
    for each).
    """

    processes: Callable[[], list[psutil.Process]]
    peak_mb: float = 0.0
    wall_s: float = 0.0
    _before_s: dict[tuple[int, float], float] = field(default_factory=dict)
    _cpu_s: dict[tuple[int, float], float] = field(default_factory=dict)
    _known_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        seen = sum(used - self._before_s.get(process, 0.0) for process, used in self._cpu_s.items())
        return max(seen, self._known_s)

    def at_least(self, cpu_s: float, peak_mb: float) -> None:
        """What the kernel says was used."""
        self._known_s = cpu_s
        self.peak_mb = max(self.peak_mb, peak_mb)

    def begin(self) -> None:
        """What ran before has used its CPU already."""
        self.look()
        self._before_s = dict(self._cpu_s)

    def look(self) -> None:
        processes = self.processes()
        for process in processes:
            try:
                used = process.cpu_times()
                self._cpu_s[process.pid, process.create_time()] = used.user + used.system
            except psutil.Error:
                continue
        self.peak_mb = max(self.peak_mb, proportional_mb(processes))


def proportional_mb(processes: Iterable[psutil.Process]) -> float:
    """The proportional set size of all of them together."""
    total_kb = 0
    for process in processes:
        with suppress(OSError):  # It has ended meanwhile.
            lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
            total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1e3


@contextmanager
def metered(processes: Callable[[], list[psutil.Process]]) -> Iterator[Meter]:
    """Look at the processes twice a second while the block runs."""
    meter, done, began = Meter(processes), threading.Event(), time.monotonic()
    meter.begin()

    def watch() -> None:
        while not done.wait(EVERY_S):
            meter.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        done.set()
        thread.join()
        meter.look()
        meter.wall_s = time.monotonic() - began


def tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
