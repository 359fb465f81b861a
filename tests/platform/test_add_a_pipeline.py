"""The page that adds a pipeline, executed as a reader would: each command, each file, and what it says is printed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from platform_local.environment import ROOT
from tests.clean_copy import clean_copy, shell

PAGE = ROOT / "docs" / "add-a-pipeline.md"
WALK = re.compile(r"^## From nothing to a released table\n(.*?)^## ", re.MULTILINE | re.DOTALL)
# A fence; the path of a file stands alone on the line before it.
BLOCK = re.compile(r"(?:^`(?P<path>\S+)`:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: a file to write (``path``), commands (``sh``), or what the commands before it print (``text``)."""

    kind: str
    text: str
    path: str | None


def blocks() -> Iterator[Block]:
    (walk,) = WALK.findall(PAGE.read_text())
    assert walk.count("\n```") == 2 * len(BLOCK.findall(walk))
    return (Block(found["kind"], found["text"], found["path"]) for found in BLOCK.finditer(walk))


def walk(copy: Path) -> None:
    """Do what the page says, block by block."""
    printed = ""
    for block in blocks():
        if block.path:
            (copy / block.path).write_text(block.text)
        elif block.kind == "sh":
            answer = shell(copy, block.text)
            printed = answer.stdout + answer.stderr
            assert answer.returncode == 0, f"{block.text}\n{printed}"
        else:
            assert block.kind == "text"
            missing = [line for line in block.text.splitlines() if line not in printed.splitlines()]
            assert missing == [], printed


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_the_page_leads_from_nothing_to_a_released_table(tmp_path: Path) -> None:
    copy = clean_copy(tmp_path / "signalbox")
    # Whoever has walked this way already has the pipeline, and still passes.
    if (copy / "dags" / "airquality.py").exists():
        assert shell(copy, "make remove-pipeline SLUG=airquality").returncode == 0
    walk(copy)
    export = copy / "var" / "airquality" / "export"
    measured = pd.read_parquet(export / "readings.parquet")
    means = pd.read_parquet(export / "daily_means.parquet").set_index("station")["mean"]
    by_hour = measured.groupby(["station", measured.read_ts.dt.floor("h")]).value.mean()
    pd.testing.assert_series_equal(means.sort_index(), by_hour.groupby("station").mean(), check_names=False)
    assert not (copy / "var" / "airquality" / "nothing").exists()


def test_what_the_walk_does_is_on_the_page() -> None:
    """Proves that the test above sees commands and files."""
    kinds = [block.kind for block in blocks()]
    paths = {block.path for block in blocks() if block.path}
    assert kinds.count("sh") == 5 and kinds.count("text") == 2
    assert {Path(path).parts[0] for path in paths} == {"expectations", "spark_jobs", "dags", "tests"}
