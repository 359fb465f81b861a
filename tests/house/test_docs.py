"""Commands of Airflow that the documentation tells people to type are commands that Airflow has."""

import re
import shlex

import pytest
from airflow.cli.cli_parser import get_parser

from tests.house.code import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPED = re.compile(r"^airflow (.+?)$|`airflow ([^`]+)`", re.MULTILINE)
COMMANDS = [
    (str(page.relative_to(ROOT)), first or second)
    for page in PAGES
    for first, second in TYPED.findall(page.read_text().replace("\\\n", " "))
]


def test_there_are_such_commands() -> None:
    assert {page for page, _ in COMMANDS} >= {"README.md", "docs/operate.md"}


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_airflow_has_the_command(page: str, command: str) -> None:
    assert callable(get_parser().parse_args(shlex.split(command)).func)
