"""Whole process trees: keep them together while they run, end them to the last process."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable

import psutil

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 5


def adopt_orphans() -> None:
    """Make this process (and what it becomes by exec) the parent of orphans below it, so that no descendant slips away (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(processes: Iterable[psutil.Process]) -> None:
    """Ask each that still runs to end, then kill what did not. psutil compares start times: a reused number is not ours."""
    left = [process for process in processes if _runs(process)]
    for process in left:
        _signal(process, kill=False)
    _, left = psutil.wait_procs(left, timeout=GRACE_S)
    for process in left:
        _signal(process, kill=True)
    psutil.wait_procs(left, timeout=GRACE_S)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.NoSuchProcess:
        return
