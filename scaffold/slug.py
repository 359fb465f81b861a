"""Which words can name a new pipeline."""

import builtins
import importlib.util
import keyword
import re
from pathlib import Path

# DAG ids are <slug>_<cadence>, and a slug names schemas, modules and files: one plain word serves them all.
_WORD = re.compile(r"[a-z][a-z0-9]{1,23}")
_FOLDERS = ("dags", "plugins", "spark_jobs", "expectations", "simulators", "tests")


class BadSlug(ValueError):
    """A slug that cannot be used; its text says why and what to do."""


def check_word(slug: str) -> None:
    """Raise ``BadSlug`` for what is not one lower-case word."""
    if not _WORD.fullmatch(slug):
        raise BadSlug(
            f"{slug!r} is no slug: give one word of 2 to 24 lower-case letters and digits that begins with a letter, "
            "e.g. SLUG=trams."
        )


def check_free(slug: str, root: Path) -> None:
    """Raise ``BadSlug`` for a slug that Python, a package or something in the repository at ``root`` is called by."""
    check_word(slug)
    if keyword.iskeyword(slug) or hasattr(builtins, slug):
        raise BadSlug(f"{slug!r} is a word of Python's own: choose another slug.")
    for folder in _FOLDERS:
        for path in sorted((root / folder).iterdir()):
            if path.stem == slug:
                raise BadSlug(f"{slug!r} is taken, {path.relative_to(root)} exists: choose another slug.")
    if (root / slug).exists() or importlib.util.find_spec(slug):
        raise BadSlug(f"{slug!r} is the name of a Python package or of a folder here: choose another slug.")
