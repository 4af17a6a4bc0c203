"""README and the first pages: the picture first, few lines, and commands that the command line has."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from backtests.comparison import compare
from desk.cli import app
from desk.commands.report import trades_of
from research.portfolio import load_portfolio

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST = ("README.md", "docs/index.md", "docs/first_steps.md", "docs/next_month.md", "docs/notebooks.md")
COMMAND = re.compile(
    r"(?:^ {4}|\$ |[`/]|&& )rebalance(?P<words>(?: [a-z]+\b(?![./_=]))+)(?P<rest>[^\n`#&>]*)", re.MULTILINE
)
OPTION = re.compile(r"(?<= )--?[a-z][a-z-]*")


def test_readme_is_short_and_shows_its_picture_within_sixty_words() -> None:
    assert len(README.splitlines()) <= 110
    before, picture, _ = README.partition("![")
    assert picture
    assert len(before.split()) <= 60


@pytest.mark.parametrize("page", FIRST)
def test_the_command_line_has_the_commands_of_the_page_and_their_options(page: str) -> None:
    tree = get_command(app)
    for each in COMMAND.finditer((ROOT / page).read_text(encoding="utf-8")):
        command, words = tree, each["words"].split()
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        options = {name for one in command.params for name in one.opts}
        assert set(OPTION.findall(each["rest"])) <= options, each[0]


@pytest.mark.usefixtures("few_simulated_tests")
def test_what_readme_says_that_the_report_prints_is_what_the_example_portfolio_gives() -> None:
    """Its figures of two policies are the same without the nine others, which decide what is recommended."""
    portfolio = load_portfolio(ROOT / "data" / "portfolios" / "global_multi_asset.yaml")
    (sample,) = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    found = compare(portfolio, only=["quarterly", "tuned"], draws=100)
    verdict, trades = found.verdict, trades_of(found)
    assert f"{verdict.heading}\n" in sample
    assert f"\n{trades.headline}\nReason: {trades.reason}.\n" in sample
    assert f"\n{verdict.do}\n" in sample
    for label, now, use, *_ in verdict.figures.rows:
        row = rf"^{re.escape(label)} +{re.escape(now)} +{re.escape(use)} +\S"
        assert label.startswith("expected") or re.search(row, sample, re.MULTILINE), label
