"""README and the first pages: the picture first, few lines, and commands that the command line has."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from desk.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST = ("README.md", "docs/index.md", "docs/first_steps.md", "docs/next_month.md", "docs/notebooks.md")
COMMAND = re.compile(r"\brebalance(?P<words>(?: [a-z]+\b(?![./_=]))+)(?P<rest>[^\n`#&>]*)")
OPTION = re.compile(r"(?<= )--?[a-z][a-z-]*")


def test_readme_is_short_and_shows_its_picture_within_sixty_words() -> None:
    assert len(README.splitlines()) <= 110
    before, picture, _ = README.partition("![")
    assert picture
    assert len(before.split()) <= 60


@pytest.mark.parametrize("page", FIRST)
def test_the_command_line_has_the_commands_of_the_page_and_their_options(page: str) -> None:
    for each in COMMAND.finditer((ROOT / page).read_text(encoding="utf-8")):
        command, words = get_command(app), each["words"].split()
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {name for one in command.params for name in one.opts}
        assert set(OPTION.findall(each["rest"])) <= options, each[0]
