"""The process from which Spark forks its Python workers (``spark.python.daemon.module``): pyspark's own, with a short module path.

Spark puts archives on the module path of its workers: pyspark as a zip, and its core jar, in which there is no Python. Before every
task pyspark calls ``importlib.invalidate_caches()``, upon which Python reads the list of contents of each archive anew, once for
every package that it found in there: more than most tasks compute (docs/decisions/0021-python-workers-without-archives.md).
Where the same pyspark lies unpacked on the path, as pip installs it, the archives are left out.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder

_ARCHIVES = (".zip", ".jar")


def without_archives(path: Sequence[str]) -> list[str]:
    """The module path without its archives if pyspark can be imported from the rest, else the path as it is."""
    folders = [entry for entry in path if not entry.endswith(_ARCHIVES)]
    return folders if PathFinder.find_spec("pyspark", folders) else list(path)


def main() -> None:
    """Be the daemon; returns when Spark closes its standard input."""
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    import_module("pyspark.daemon").manager()


if __name__ == "__main__":
    main()
