"""Commands and options that pages, notebooks, messages and the record of the benchmarks name are those that there are.

Words of other programs stand in commands of theirs, which are left out, but for a few in sentences.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from desk.cli import app
from desk.cli.maintain import app as maintenance

ROOT = Path(__file__).parents[2]
PACKAGES = ("foundation", "research", "backtests", "desk")
OPTION = re.compile(r"(?<![\w/(-])--[a-z][a-z-]*+(?![\w=])")
OTHER_PROGRAM = re.compile(
    r"\b(?:docker|gunicorn|jupyter|kubectl|papermill|python -m|tensorboard)\b(?:\\\n|[^`\n])*"  # and lines that go on
)
OF_GUNICORN = {"--bind", "--threads", "--worker-class"}  # which sentences on it name
CODE = re.compile(r"(?:^ {4}|\$ |`|bin/|&& )rebalance((?: [a-z]+\b(?![./_=]))+)", re.MULTILINE)
PLAIN = re.compile(r"\brebalance((?: [a-z]+\b(?![./_=]))+)")  # may be English, unless it begins with a command


def commands(command: Any) -> Iterator[Any]:
    """A command and all below it."""
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from commands(each)


TREE: Any = get_command(app)
PARAMETERS = [one for tree in (TREE, get_command(maintenance)) for each in commands(tree) for one in each.params]
OPTIONS = {"--help"} | {name for one in PARAMETERS for name in (*one.opts, *one.secondary_opts)}


def texts(place: str) -> Iterator[tuple[str, str]]:
    """Texts of a place, each with where it stands."""
    if place in PACKAGES:
        for path in sorted((ROOT / place).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value
    for path in sorted(ROOT.glob(place)) if place not in PACKAGES else ():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = (cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
            text = "\n\n".join("".join(cell["source"]) for cell in cells)
        yield str(path.relative_to(ROOT)), text


def is_command(words: list[str]) -> bool:
    """True if the words begin with a command; a group alone is one where it does something alone."""
    command, left = TREE, list(words)
    while left and hasattr(command, "commands"):
        if left[0] not in command.commands:
            return command is not TREE and bool(command.invoke_without_command)
        command = command.commands[left.pop(0)]
    return True


@pytest.mark.parametrize(
    "place", ["README.md", "docs/**/*.md", "notebooks/*.ipynb", "benchmarks/record.json", *PACKAGES]
)
def test_a_place_names_options_and_commands_that_there_are(place: str) -> None:
    unknown, count = [], 0
    for where, text in texts(place):
        own = OTHER_PROGRAM.sub("", text)
        named = OPTION.findall(own)
        unknown += [f"{where}: {word}" for word in named if word not in OPTIONS | OF_GUNICORN]
        in_code = [found[1].split() for found in CODE.finditer(own)]
        plain = [words for found in PLAIN.finditer(own) if (words := found[1].split())[0] in TREE.commands]
        unknown += [f"{where}: rebalance {' '.join(words)}" for words in in_code + plain if not is_command(words)]
        count += len(named) + len(in_code) + len(plain)
    assert not unknown, "\n".join(dict.fromkeys(unknown))
    assert count


def test_an_old_name_and_an_option_that_is_none_are_found() -> None:
    assert not is_command(["data", "sources"])
    assert not is_command(["backtest"])
    assert is_command(["runs", "lists"])
    assert is_command(["data", "list", "sources"])
    assert OPTION.findall("give `--reports DIR` or --accounts: not a--b, /--c, var(--ink) or --rules=MAP") == [
        "--reports", "--accounts",
    ]  # fmt: skip
    assert OTHER_PROGRAM.sub("", "docker run --rm \\\n  --init x\n`--home`") == "\n`--home`"
