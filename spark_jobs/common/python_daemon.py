"""The process from which Spark forks its Python workers (``spark.python.daemon.module``): pyspark's own, with a short module path.

Spark puts archives on the module path of its workers: pyspark as a zip, and its core jar, in which there is no Python. Before every
task pyspark calls ``importlib.invalidate_caches()``, upon which Python 3.11 reads the list of contents of each archive anew, once for
every package that it found in there: more than most tasks compute (docs/decisions/0021-python-workers-without-archives.md).
The archives that belong to a pyspark which lies on the path as a folder, as pip installs it, are left out.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path

_ARCHIVES = (".zip", ".jar")


def without_archives(path: Sequence[str]) -> list[str]:
    """The module path without the archives inside the pyspark that is a folder on it; all others stay, as another Spark's do."""
    spec = PathFinder.find_spec("pyspark", [entry for entry in path if not entry.endswith(_ARCHIVES)])
    if spec is None or spec.origin is None:
        return list(path)
    pyspark = Path(spec.origin).resolve().parent
    return [
        entry for entry in path if not (entry.endswith(_ARCHIVES) and Path(entry).resolve().is_relative_to(pyspark))
    ]


def main() -> None:
    """Be the daemon until Spark closes its standard input."""
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    import_module("pyspark.daemon").manager()


if __name__ == "__main__":
    main()
