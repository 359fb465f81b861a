"""CPU seconds and peak memory of a process and all that it starts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

EVERY_S = 0.25


@dataclass
class Meter:
    """What a set of processes has used so far; memory is resident, summed over the set at one moment."""

    processes: Callable[[], list[psutil.Process]]
    peak_mb: float = 0.0
    wall_s: float = 0.0
    _cpu_s: dict[tuple[int, float], float] = field(default_factory=dict)

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu_s.values())

    def look(self) -> None:
        resident = 0
        for process in self.processes():
            try:
                used = process.cpu_times()
                self._cpu_s[process.pid, process.create_time()] = used.user + used.system
                resident += process.memory_info().rss
            except psutil.Error:
                continue
        self.peak_mb = max(self.peak_mb, resident / 1e6)


@contextmanager
def metered(processes: Callable[[], list[psutil.Process]]) -> Iterator[Meter]:
    """Look at the processes four times a second while the block runs."""
    meter, done, began = Meter(processes), threading.Event(), time.monotonic()

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
