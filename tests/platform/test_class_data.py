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


def java_that_says(tmp_path: Path, version: str, shares: bool = True) -> Path:
    """A Java that tells its version and starts no session; it remembers what it was asked."""
    home = tmp_path / version
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text(
        f"""#!/bin/sh
echo "$@" >> {home}/asked
echo 'openjdk version "{version}"' >&2
case "$*" in -version) exit 0;; "-Xshare:on -version") exit {0 if shares else 1};; *) exit 1;; esac
"""
    )
    (home / "bin" / "java").chmod(0o755)
    return home


def asked(home: Path) -> list[str]:
    return (home / "asked").read_text().splitlines()


@pytest.mark.spark
def test_a_session_maps_the_archive(spark):
    process = spark.sparkContext._gateway.proc.pid
    archive = class_data.found(java.java_home(ROOT / "var"))[class_data.SETTING]
    assert archive
    assert archive in Path(f"/proc/{process}/maps").read_text()


@pytest.mark.parametrize(
    "shares", [pytest.param(True, id="its session fails"), pytest.param(False, id="no archive of its own")]
)
def test_a_java_that_cannot_make_one_is_asked_once(environment_of_its_own, tmp_path, shares, capsys):
    home, files = java_that_says(tmp_path, "17.0.1", shares), jars.paths(tmp_path)
    assert class_data.ensure(home, files) == {class_data.SETTING: ""}
    assert any("SparkSubmit" in line or "launcher" in line for line in asked(home)) == shares
    assert ("sessions start without. Delete" in capsys.readouterr().err) == shares
    (home / "asked").unlink()
    assert class_data.ensure(home, files) == {class_data.SETTING: ""}
    assert set(asked(home)) == {"-version"}


def test_an_archive_for_other_jars_is_replaced_and_another_javas_stays(environment_of_its_own, tmp_path, monkeypatch):
    home, other, files = java_that_says(tmp_path, "17.0.1"), java_that_says(tmp_path, "21.0.2"), jars.paths(tmp_path)
    for known in (home, other, home):
        class_data.ensure(known, files)
    before = set(environment_of_its_own.glob("*.jsa"))
    monkeypatch.setattr(class_data, "JARS", jars.JARS[:1])
    class_data.ensure(home, files)
    after = set(environment_of_its_own.glob("*.jsa"))
    assert len(before) == len(after) == 2
    assert len(before & after) == 1


def test_off_makes_none_and_uses_none(environment_of_its_own, tmp_path):
    off = {class_data.SETTING: class_data.OFF}
    assert class_data.ensure(java_that_says(tmp_path, "17.0.1"), jars.paths(tmp_path), off) == {class_data.SETTING: ""}
    assert not environment_of_its_own.exists()


def test_an_environment_that_may_not_be_written_to_goes_without(environment_of_its_own, tmp_path):
    environment_of_its_own.write_text("in its place")
    assert class_data.ensure(java_that_says(tmp_path, "17.0.1"), jars.paths(tmp_path)) == {class_data.SETTING: ""}
