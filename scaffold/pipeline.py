"""A pipeline's places in the repository: written from the templates, or removed."""

import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

from scaffold.slug import BadSlug, check_free, check_word

ROOT = Path(__file__).resolve().parents[1]
_TEMPLATES = Path(__file__).parent / "templates"
# The one list of what there is: a line a pipeline, in order.
_SCHEDULES = Path("tests/house/schedules.py")
_SCHEDULE = '    "{slug}": {{"nightly": ("0 0 * * *", "UTC")}},\n'


def add(slug: str) -> list[Path]:
    """Write the pipeline's files and what derives from them; returns their paths. Raises ``BadSlug``."""
    check_free(slug, ROOT)
    written = [_write(template, slug) for template in sorted(_TEMPLATES.rglob("*.template"))]
    _rewrite_schedules([*_scheduled(), _SCHEDULE.format(slug=slug)])
    # The order of imports and the width of lines depend on the slug.
    _python("ruff", "check", "--quiet", "--fix", "--select", "I", *map(str, written))
    _python("ruff", "format", "--quiet", *map(str, written))
    _derive()
    return [path.relative_to(ROOT) for path in written]


def remove(slug: str) -> list[Path]:
    """Remove every file of the pipeline and its line in what lists pipelines; returns the places that there were."""
    check_word(slug)
    places = [path for path in _places(slug) if path.exists()]
    if not places:
        raise BadSlug(f"There is no pipeline {slug!r} to remove: see dags/ for those that there are.")
    for path in places:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    _rewrite_schedules([line for line in _scheduled() if not line.startswith(f'    "{slug}": ')])
    _derive()
    return [path.relative_to(ROOT) for path in places if "__pycache__" not in path.parts]


def _write(template: Path, slug: str) -> Path:
    path = ROOT / str(template.relative_to(_TEMPLATES).with_suffix("")).replace("SLUG", slug)
    path.parent.mkdir(exist_ok=True)
    path.write_text(Template(template.read_text()).substitute(slug=slug, Slug=slug.capitalize()))
    return path


def _places(slug: str) -> list[Path]:
    """The files and folders that bear the slug, and what Python has compiled of the files."""
    modules = [ROOT / folder / f"{slug}.py" for folder in ("dags", "simulators")]
    packages = [ROOT / folder / slug for folder in ("expectations", "spark_jobs", "simulators", "tests")]
    compiled = [found for module in modules for found in (module.parent / "__pycache__").glob(f"{slug}.*")]
    return [*modules, *packages, *compiled]


def _scheduled() -> list[str]:
    return [line for line in (ROOT / _SCHEDULES).read_text().splitlines(keepends=True) if line.startswith('    "')]


def _rewrite_schedules(lines: list[str]) -> None:
    head, opening, _ = (ROOT / _SCHEDULES).read_text().partition("= {\n")
    (ROOT / _SCHEDULES).write_text(f"{head}{opening}{''.join(sorted(lines))}}}\n")


def _derive() -> None:
    """Suites and the dictionary, as `make docs` writes them."""
    _python("expectations.suites")
    _python("expectations.dictionary")


def _python(module: str, *arguments: str) -> None:
    """Run a module in an interpreter of its own, which sees the contracts as they are now."""
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
