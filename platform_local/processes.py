"""Whole process trees: keep them together while they run, end them to the last process."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 5


def adopt_orphans() -> None:
    """Make this process (and what it becomes by exec) the parent of orphans below it, so that no descendant slips
    away (Linux).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end(processes: Iterable[psutil.Process], grace_s: float = GRACE_S) -> None:
    """Ask each that still runs to end, then kill what did not. psutil compares start times: a reused number is not
    ours.
    """
    left = [process for process in processes if runs(process)]
    for process in left:
        _signal(process, signal.SIGTERM)
    left = wait(left, grace_s)
    for process in left:
        _signal(process, signal.SIGKILL)
    wait(left, grace_s)


def wait(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until none runs; those that still do after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while left := [process for process in processes if runs(process)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.02)
    return []


def runs(process: psutil.Process) -> bool:
    """Whether it does; a zombie that another parent has not collected yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
