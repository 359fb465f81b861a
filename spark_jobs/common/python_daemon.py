"""The process from which Spark forks its Python workers (``spark.python.daemon.module``): pyspark's own, with a short module path
and an end.

Spark puts archives on the module path of its workers: pyspark as a zip, and its core jar, in which there is no Python. Before every
task pyspark calls ``importlib.invalidate_caches()``, upon which Python 3.11 reads the list of contents of each archive anew, once for
every package that it found in there: more than most tasks compute (docs/decisions/0021-python-workers-without-archives.md).
The archives that belong to a pyspark which lies on the path as a folder, as pip installs it, are left out.

Spark starts one for each session of Connect and ends none before it ends itself: a server that lives for days would keep hundreds.
So each ends itself once it has had nothing to do for a while. Spark starts another where it finds that one has ended.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path

_ARCHIVES = (".zip", ".jar")
# Spark itself keeps a worker that nobody needs for a minute.
IDLE_S = 120.0


def without_archives(path: Sequence[str]) -> list[str]:
    """The module path without the archives inside the pyspark that is a folder on it; all others stay, as another Spark's do."""
    spec = PathFinder.find_spec("pyspark", [entry for entry in path if not entry.endswith(_ARCHIVES)])
    if spec is None or spec.origin is None:
        return list(path)
    pyspark = Path(spec.origin).resolve().parent
    return [
        entry for entry in path if not (entry.endswith(_ARCHIVES) and Path(entry).resolve().is_relative_to(pyspark))
    ]


def end_when_idle(idle_s: float) -> None:
    """End this process once it has had no worker at two looks in a row, half of ``idle_s`` apart."""
    daemon, was_idle = os.getpid(), False

    def look(*_: object) -> None:
        nonlocal was_idle
        if os.getpid() != daemon:
            return  # In a worker, forked in this very moment.
        was_idle, before = is_idle(), was_idle
        if was_idle and before:
            raise SystemExit

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, idle_s / 2, idle_s / 2)


def is_idle() -> bool:
    """Whether this process has no children."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def main(idle_s: float = IDLE_S) -> None:
    """Be the daemon until Spark closes its standard input, or until nothing has been asked of it for ``idle_s``."""
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    daemon = import_module("pyspark.daemon")
    end_when_idle(idle_s)
    daemon.manager()


if __name__ == "__main__":
    main()
