"""Write the Great Expectations suites of all contracts beside them, or check that the committed ones are fresh.

python -m expectations.suites           write
python -m expectations.suites --check   exit 1 and name the stale ones
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import expectations
from expectations.contract import Table

ROOT = Path(expectations.__file__).parent


def suites() -> Iterator[tuple[Path, str]]:
    """The file of each lake table's suite, and what it must hold."""
    for pipeline in sorted(folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()):
        for module in pkgutil.iter_modules([str(ROOT / pipeline)]):
            table = getattr(importlib.import_module(f"expectations.{pipeline}.{module.name}"), "TABLE", None)
            if isinstance(table, Table) and not table.landing:
                yield ROOT / pipeline / f"{table.name}.suite.json", json.dumps(table.suite(), indent=2) + "\n"


def stale() -> list[str]:
    """Suite files that differ from their contract, lack, or belong to no contract."""
    wanted = dict(suites())
    known = set(wanted) | set(ROOT.glob("*/*.suite.json"))
    return sorted(
        str(path.relative_to(ROOT)) for path in known if not path.exists() or path.read_text() != wanted.get(path)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a suite is not fresh")
    if parser.parse_args().check:
        for name in (old := stale()):
            print(f"{name} is not what its contract says; run python -m expectations.suites")
        return 1 if old else 0
    for path, text in suites():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
