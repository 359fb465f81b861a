"""What continuous integration and the release checklist call is there."""

import re

import pytest
import yaml

from tests.house.code import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def made(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z-]+)", text))


def test_the_workflow_calls_targets_that_there_are() -> None:
    called = {target for step in STEPS for target in made(step.get("run", ""))}
    assert {"lint", "test", "heavy"} <= called <= TARGETS


def test_the_workflow_may_read_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in WORKFLOW["jobs"].values())


@pytest.mark.parametrize("step", [step for step in STEPS if "uses" in step])
def test_an_action_is_pinned_to_a_version(step: dict[str, str]) -> None:
    assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_the_checklist_calls_targets_that_there_are() -> None:
    called = made((ROOT / "docs" / "release-checklist.md").read_text())
    assert {"lint", "heavy", "demo", "bench"} <= called <= TARGETS
