"""Pages of the guide that promise that their code and commands run: in order, they print what stands below them."""

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pandas as pd
import pytest
from commanded import rebalance
from provider_bodies import Bar
from provider_server import serving

from desk.feeds.fetching import MIRROR
from foundation.home import STORES
from research.portfolio import load_portfolio

ROOT = Path(__file__).parents[2]
PARTS = {"deployment", "learning", "runs"}  # pages whose code is a part of a program, or needs other machines
PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted(ROOT.glob("docs/*.md")) if page.stem not in PARTS)]
FENCE = re.compile(r"^```(?P<form>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[int, str, str]]:
    """Line, code and expected output, empty where none stands below, of each block of Python on a page."""
    text = (ROOT / page).read_text()
    fences, found = list(FENCE.finditer(text)), []
    for fence, after in zip(fences, [*fences, None][1:], strict=True):
        if fence["form"].strip() == "python":
            next_to = after is not None and after["form"] == "text" and not text[fence.end() : after.start()].strip()
            line = text[: fence.start()].count("\n") + 2
            found.append((line, fence["text"], after["text"] if after is not None and next_to else ""))
    return found


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Each command after a `$` of the blocks of a console on a page, and the parts of its output round each "…"."""
    fences = (fence["text"] for fence in FENCE.finditer((ROOT / page).read_text()) if fence["form"] == "console")
    each = [part.partition("\n") for text in fences for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    return [(command, [" ".join(part.split()) for part in output.split("…")]) for command, _, output in each]


TOGETHER = ("docs/first_steps.md", "docs/next_month.md")  # a reader does both in one folder
ALONE = [page for page in PAGES if commands(page) and page != TOGETHER[0]]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder beside the data that ship, and a server in place of the web: it has their quotes from 2020 on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(STORES, str(tmp_path / "prices"))
    (tmp_path / "data").symlink_to(ROOT / "data")
    quotes = pd.read_csv("data/multi_asset_daily/close_unadjusted.csv", index_col=0, parse_dates=True).loc["2020":]
    series = {"DTB3": quotes["SPY"] * 0.0 + 1.5, **{str(symbol): quotes[symbol] for symbol in quotes}}
    days = pd.DatetimeIndex(quotes.index).date
    bars = {
        name: [Bar(day, *(value,) * 4, 0.0) for day, value in zip(days, of, strict=True)] for name, of in series.items()
    }
    with serving(bars) as server:
        monkeypatch.setenv(MIRROR, server.address)
        yield


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("pages", [TOGETHER, *((page,) for page in ALONE)], ids=" and ".join)
def test_commands_of_the_pages_run_and_print_what_stands_below_them(
    pages: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for page, command, parts in [(each, *of) for each in pages for of in commands(each)]:
        if not command.startswith("rebalance "):
            subprocess.run(command, shell=True, check=True)
            continue
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        done = rebalance(*shlex.split(command)[1:])
        printed, at = " ".join(done.out.replace("[y/N]:", "[y/N]: y\n").split()), 0
        assert done.status == 0, done.err
        for part in parts:
            assert part in printed[at:], f"{page}, {command}, prints\n{done.out}"
            at = printed.index(part, at) + len(part)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_code_of_the_page_runs_and_prints_what_stands_below_it(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {"__name__": "page"}
    for line, code, expected in blocks(page):
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, page, "exec"), names)
        assert printed.getvalue().split() == expected.split(), f"{page}, line {line}, prints\n{printed.getvalue()}"


@pytest.mark.usefixtures("desk")
def test_the_three_commands_of_readme_make_a_file_and_fetch_its_prices_for_the_report_of_the_first_steps() -> None:
    lines = (ROOT / "README.md").read_text().partition("three commands\n")[2].partition("\n## ")[0].splitlines()
    new, fetch, report = (line.partition("#")[0].strip() for line in lines if line.startswith("    rebalance "))
    run = [command for command, _ in commands("docs/first_steps.md")]  # where the same file gets its report
    assert f"{new} --store my_prices" in run
    assert report in run
    for command in (new, fetch):
        done = rebalance(*shlex.split(command)[1:])
        assert done.status == 0, done.err
    portfolio = load_portfolio("my.yaml")
    assert portfolio.market.assets == ("SPY", "AGG", "GLD")
    assert portfolio.market.prices[-1].tolist() == pytest.approx([383.44, 97.45, 168.85], abs=0.005)
