"""`make new-pipeline` writes a pipeline that is green at once, `make remove-pipeline` leaves no trace of it."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from platform_local.airflow_api import AirflowApi
from platform_local.environment import Settings
from tests.clean_copy import clean_copy, shell
from tests.fresh_environ import fresh_environ
from tests.platform.conftest import lend_jars
from tests.waiting import wait_for

CACHES = {".venv", ".ruff_cache", "__pycache__"}
# Words that no one has called a pipeline of theirs by: a repository that has grown passes these tests as well.
SLUG = "scaffoldtrial"
LONGEST = "abcdefghijklmnopqrstuvw9"
PACKAGES = ("expectations", "spark_jobs", "tests")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean clone."""
    return clean_copy(tmp_path_factory.mktemp("scaffold") / "signalbox")


def tree(root: Path) -> dict[str, bytes | None]:
    """Every file and folder but those that tools keep for themselves."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if CACHES.isdisjoint(path.relative_to(root).parts)
    }


def succeeds(copy: Path, command: str, environ: Mapping[str, str] | None = None) -> str:
    answer = shell(copy, command, environ)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("", "is no slug: give one word of 2 to 24 lower-case letters and digits"),
        ("Ninth", "is no slug"),
        ("ninth_line", "is no slug"),
        ("ninth-line", "is no slug"),
        ("9th", "is no slug"),
        ("../ninth", "is no slug"),
        ("ninth\n", "is no slug"),
        (f"{LONGEST}x", "is no slug"),
        ("lambda", "is a word of Python's own: choose another slug."),
        ("list", "is a word of Python's own"),
        ("metro", "is taken, dags/metro.py exists: choose another slug."),
        ("common", "is taken, spark_jobs/common exists"),
        ("contract", "is taken, expectations/contract.py exists"),
        ("signalbox", "is taken, plugins/signalbox exists"),
        ("platform", "is taken, tests/platform exists"),
        ("scaffold", "is the name of a Python package or of a folder here"),
        ("config", "is the name of a Python package or of a folder here"),
        ("json", "is the name of a Python package or of a folder here"),
        ("pandas", "is the name of a Python package or of a folder here"),
    ],
)
def test_a_bad_slug_is_refused_in_one_sentence_and_nothing_is_written(copy: Path, slug: str, words: str) -> None:
    before = tree(copy)
    answer = shell(copy, f".venv/bin/python -m scaffold add $'{slug}'")
    (line,) = answer.stderr.splitlines()
    assert (answer.returncode, answer.stdout) == (2, "")
    assert line.startswith(f"signalbox: {slug!r} ") and words in line
    assert tree(copy) == before


@pytest.mark.parametrize("target", ["new-pipeline", "new-pipeline SLUG=metro", f"remove-pipeline SLUG={SLUG}"])
def test_make_ends_with_2_for_a_slug_that_cannot_be_used(copy: Path, target: str) -> None:
    answer = shell(copy, f"make {target}")
    sentence, _of_make = answer.stderr.splitlines()
    assert answer.returncode == 2
    assert sentence.startswith("signalbox: ")


def test_what_was_removed_leaves_no_trace(copy: Path) -> None:
    before = tree(copy)
    succeeds(copy, f"make new-pipeline SLUG={SLUG}")
    places = {f"dags/{SLUG}.py", f"simulators/{SLUG}.py", *(f"{folder}/{SLUG}" for folder in PACKAGES)}
    assert places <= set(tree(copy))
    succeeds(copy, f".venv/bin/python -m compileall -q dags simulators spark_jobs/{SLUG}")
    succeeds(copy, f"make remove-pipeline SLUG={SLUG}")
    assert tree(copy) == before
    assert list(copy.rglob(f"*{SLUG}*")) == []


@pytest.mark.parametrize("slug", ["a1", "zz9", LONGEST])
def test_what_is_written_is_in_shape_whatever_the_slug(copy: Path, slug: str) -> None:
    """The order of imports and the width of lines hang on it."""
    before = tree(copy)
    succeeds(copy, f"make new-pipeline SLUG={slug}")
    try:
        succeeds(copy, ".venv/bin/python -m ruff check . && .venv/bin/python -m ruff format --check .")
        succeeds(copy, ".venv/bin/python -m expectations.suites --check")
    finally:
        succeeds(copy, f"make remove-pipeline SLUG={slug}")
    assert tree(copy) == before


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_a_new_pipeline_passes_lint_the_house_rules_and_its_own_tests(tmp_path: Path) -> None:
    copy = clean_copy(tmp_path / "signalbox")
    succeeds(copy, f"make new-pipeline SLUG={SLUG}")
    chosen = f"{SLUG} or exactly or places or committed or page or layer or schedule or default_args or pins"
    tests = (f"tests/{SLUG}", f"tests/house -k '{chosen}'")
    answers = [shell(copy, "make lint"), *(shell(copy, f".venv/bin/python -m pytest -n 0 {these}") for these in tests)]
    assert [(answer.returncode, answer.stdout + answer.stderr) for answer in answers if answer.returncode] == []
    assert all(re.search(r"\b[1-9]\d* passed", answer.stdout) for answer in answers[1:])


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_its_dag_runs_on_the_platform_and_is_gone_without_a_trace(tmp_path: Path) -> None:
    copy = clean_copy(tmp_path / "signalbox")
    before, environ = tree(copy), fresh_environ(tmp_path)
    settings = Settings(environ)
    lend_jars(settings)
    succeeds(copy, f"make new-pipeline SLUG={SLUG}")
    try:
        succeeds(copy, "WORLD=off make up", environ)
        places = f"--landing {settings.environment()['SIGNALBOX_LANDING']} --truth {tmp_path / 'truth'}"
        succeeds(copy, f".venv/bin/python -m spark_jobs simulate {SLUG} --seed 1 {places}", environ)
        api = AirflowApi(settings)
        api.unpause_when_read(f"{SLUG}_nightly")
        day = {"window_start": "2024-03-12T00:00:00+00:00", "window_end": "2024-03-13T00:00:00+00:00"}
        run = api.trigger(f"{SLUG}_nightly", day)
        wait_for(lambda: api.state(run) not in ("queued", "running"), 600)
        assert {task.name: task.state for task in api.tasks(run) if task.state != "success"} == {}
        assert api.state(run) == "success"
    finally:
        succeeds(copy, "make down", environ)
    succeeds(copy, f"make remove-pipeline SLUG={SLUG}")
    assert tree(copy) == before
