"""`make demo`, and `make demo` again: its results, and that nothing of it is left."""

import re
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from tests.platform.own_world import World

pytestmark = [pytest.mark.heavy, pytest.mark.long, pytest.mark.timeout(1800)]

STAGES = {"timetable", "readings", "movements", "visits", "matching", "punctuality"}
LIVE, NIGHT = "metro_live", "metro_nightly"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def demos(world: World) -> Iterator[list[CompletedProcess[str]]]:
    try:
        yield [world.make("demo", SIGNALBOX_DEMO_SCALE="0.02") for _ in range(2)]
    finally:
        world.clean()


@pytest.mark.parametrize(
    ("number", "runs"), [(0, [LIVE, LIVE, LIVE, NIGHT]), (1, [LIVE, NIGHT])], ids=["first", "again"]
)
def test_every_stage_of_every_run_passes(demos: list[CompletedProcess[str]], number: int, runs: list[str]) -> None:
    demo = demos[number]
    assert demo.returncode == 0, demo.stdout[-3000:] + demo.stderr[-3000:]
    assert re.findall(r"^Checkpoints of (\w+)", demo.stdout, re.MULTILINE) == runs
    passed = re.findall(r"^  (\w+) +pass", demo.stdout, re.MULTILINE)
    assert {stage: passed.count(stage) for stage in passed} == dict.fromkeys(STAGES, len(runs))


def test_the_second_call_finds_the_same_punctuality(demos: list[CompletedProcess[str]]) -> None:
    first, again = (re.findall(r"^  (?:settled|live) .*", demo.stdout, re.MULTILINE) for demo in demos)
    assert len(first) > 1
    assert first == again


def test_nothing_is_left_running(world: World, demos: list[CompletedProcess[str]]) -> None:
    assert world.left() == []
