"""Spark's classes come from an archive that is made once; a Java that cannot make one is asked once."""

import sys
from pathlib import Path

import pytest

from platform_local import class_data, jars, java
from platform_local.environment import ROOT


@pytest.fixture
def environment_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return tmp_path / "class-data"


def java_that_says(tmp_path: Path, version: str) -> Path:
    home = tmp_path / version
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(
        f'#!/bin/sh\necho "openjdk version \\"{version}\\"" >&2\necho asked >> {home}/asked\nexit 1\n'
    )
    (home / "bin" / "java").chmod(0o755)
    return home


@pytest.mark.spark
def test_a_session_maps_the_archive(spark):
    process = spark.sparkContext._gateway.proc.pid
    archive = class_data.found(java.java_home(ROOT / "var"))[class_data.SETTING]
    assert archive
    assert archive in Path(f"/proc/{process}/maps").read_text()


def test_a_java_that_cannot_make_one_is_asked_once(environment_of_its_own, tmp_path):
    home, files = java_that_says(tmp_path, "17.0.1"), jars.paths(tmp_path)
    assert class_data.ensure(home, files) == {class_data.SETTING: ""}
    tried = (home / "asked").read_text().count("asked")
    assert tried > 2  # Its version, and a session at the least.
    assert class_data.ensure(home, files) == {class_data.SETTING: ""}
    assert (home / "asked").read_text().count("asked") - tried == 2  # Its version only.
    assert [path.suffix for path in environment_of_its_own.iterdir() if path.name != "lock"] == [".jsa"]


def test_another_java_has_an_archive_of_its_own(environment_of_its_own, tmp_path):
    first = class_data._place(java_that_says(tmp_path, "17.0.1"))
    assert first != class_data._place(java_that_says(tmp_path, "21.0.2"))
    assert first.parent == environment_of_its_own


def test_off_makes_none_and_uses_none(environment_of_its_own, tmp_path):
    off = {class_data.SETTING: class_data.OFF}
    assert class_data.ensure(java_that_says(tmp_path, "17.0.1"), jars.paths(tmp_path), off) == {class_data.SETTING: ""}
    assert not environment_of_its_own.exists()


def test_an_environment_that_may_not_be_written_to_goes_without(environment_of_its_own, tmp_path):
    environment_of_its_own.write_text("in its place")
    assert class_data.ensure(java_that_says(tmp_path, "17.0.1"), jars.paths(tmp_path)) == {class_data.SETTING: ""}
