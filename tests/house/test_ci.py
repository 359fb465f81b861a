"""What the workflow on GitHub and the release checklist call exists, and the workflow may do no more than read."""

import os
import re
from typing import Any

import pytest
import yaml

from tests.house.code import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
SETUP = yaml.safe_load((ROOT / ".github" / "actions" / "setup" / "action.yml").read_text())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINES = re.findall(r"^- \[ \] (.*)$", (ROOT / "docs" / "release-checklist.md").read_text(), re.MULTILINE)
# Programs of the checklist that are not ours.
PROGRAMS = {"git", "docker-compose"}


def commands(job: str) -> list[str]:
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def steps() -> list[dict[str, Any]]:
    return [*SETUP["runs"]["steps"], *(step for job in WORKFLOW["jobs"].values() for step in job["steps"])]


def quoted(line: str) -> list[str]:
    """What a line of the checklist has between backticks and begins with a program."""
    return [words for words in re.findall(r"`([^`]+)`", line) if words.split()[0] in PROGRAMS | {"make", ".ci/run"}]


@pytest.mark.parametrize("target", ["lint", "test", "demo", "heavy"])
def test_a_job_runs_the_target_of_its_name(target):
    assert commands(target) == [f"make {target}"]
    assert target in TARGETS


def test_ci_run_passes_the_same_tests():
    assert re.findall(r"\bmake ([a-z-]+)", (ROOT / ".ci" / "run").read_text()) == ["test"]


def test_heavy_tests_run_at_night_and_not_with_every_push():
    # YAML 1.1 reads the key `on` as a boolean.
    assert set(WORKFLOW[True]) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert "schedule" in WORKFLOW["jobs"]["heavy"]["if"]
    assert [name for name, job in WORKFLOW["jobs"].items() if "if" in job] == ["heavy"]


def test_the_image_is_built_and_started():
    assert [command.split()[:2] for command in commands("image")[:2]] == [["docker", "build"], ["docker", "run"]]


def test_it_may_only_read_and_every_job_ends():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in WORKFLOW["jobs"].items() if "permissions" in job] == []
    assert {name for name, job in WORKFLOW["jobs"].items() if "timeout-minutes" not in job} == set()
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(WORKFLOW["jobs"])
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_actions_are_githubs_own_and_have_a_version():
    used = {step["uses"] for step in steps() if "uses" in step}
    assert len(used) == 5
    assert [
        action for action in used if not re.fullmatch(r"actions/[a-z-]+@v\d+|\./\.github/actions/setup", action)
    ] == []


def test_what_the_caches_go_by_exists():
    keys = [step["with"]["key"] for step in steps() if step.get("uses", "").startswith("actions/cache@")]
    files = re.findall(r"'([^']+)'", " ".join(keys))
    assert len(files) == 3
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_line_of_the_checklist_is_a_command_or_a_look():
    assert len(LINES) > 10
    assert [line for line in LINES if not quoted(line) and not line.startswith("Look: ")] == []


def test_every_command_of_the_checklist_exists():
    called = [words.split() for line in LINES for words in quoted(line)]
    targets = {words[1] for words in called if words[0] == "make"}
    assert targets >= {"lint", "heavy", "docs", "bench", "demo"}
    assert targets - TARGETS == set()
    assert ["git", "status", "--short"] in called
    assert [".ci/run"] in called and os.access(ROOT / ".ci" / "run", os.X_OK)
