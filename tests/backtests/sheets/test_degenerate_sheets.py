"""Comparisons of which little can be said: text, page and numbers say why, and none shows a NaN."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import redrawn
from written import written

from backtests.comparison import Comparison, PairedBacktests, compare
from backtests.engine import Backtest, backtest
from foundation.errors import ConfigError, DataError, PolicyError
from foundation.paper.wording import number
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.portfolio import Portfolio, load_portfolio
from research.rules import Calendar, Never, Rule

HALVES = FixedWeights((0.5, 0.5))


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return load_portfolio("data/portfolios/sixty_forty.yaml")


def play(market: Market, rule: Rule, **settings: object) -> Backtest:
    return backtest(market, rule, Costs.bps(2, commission=1), **({"start": "2016-01-04"} | settings))  # type: ignore[arg-type]


def shown(found: PairedBacktests, folder: Path) -> str:
    """Text, page and numbers of a comparison, without styles and addresses of drawings."""
    pages = [repr(found), found._repr_html_()]
    if isinstance(found, Comparison):
        written(found, folder)
        pages += [
            (folder / name).read_text(encoding="utf-8") for name in ("summary.md", "tearsheet.html", "tearsheet.json")
        ]
        json.loads(pages[-1], parse_constant=lambda word: pytest.fail(f"{word} in tearsheet.json"))
        for path in (folder / "figures").glob("*.csv"):  # where the end of an interval may be infinite
            pages.append(re.sub(r"(?<=,)-?inf(?=,)", "", path.read_text(encoding="utf-8")))
    return html.unescape(re.sub(r"<style.*?</style>", "", redrawn("\n".join(pages)), flags=re.DOTALL))


def check_no_nan(text: str) -> None:
    assert re.findall(r"(?i).{30}(?<![a-z])(?:nan|inf)(?![a-z]).{30}", text) == []


def quick(portfolio: Portfolio, *names: str) -> Comparison:
    return compare(portfolio, only=list(names) or None, draws=300)


def few_days(portfolio: Portfolio) -> Comparison:
    """Two policies that first differ a few days before the end of the test."""
    cut = portfolio.market.until("2013-01-10")
    rules = {"never": portfolio.policies["never"], "yearly": portfolio.policies["yearly"]}
    return compare(replace(portfolio, market=cut, policies=rules, reference="never", policy=None), draws=300)


def identical(portfolio: Portfolio) -> Comparison:
    rules = {name: portfolio.policies["quarterly"] for name in ("quarterly", "again")}
    return compare(replace(portfolio, policies=rules, policy=None), draws=300)


def two_of_three(portfolio: Portfolio) -> Comparison:
    rules = {"again": portfolio.policies["quarterly"]}
    return compare(replace(portfolio, policies={**portfolio.policies, **rules}), only=["quarterly", "again", "never"],
                   draws=300)  # fmt: skip


@pytest.mark.parametrize(("make", "says"), [
    (identical, ["both have the same returns", "Hansen's SPA: no policy differs from quarterly"]),
    (two_of_three, ["a true difference between", "again 0.00 [0.00, 0.00] 1.000 not significant"]),
    (few_days, ["not available", "draws have a series or a difference that does not vary"]),
], ids=["identical", "two identical of three", "a few days"])  # fmt: skip
def test_no_sheet_shows_a_nan(
    portfolio: Portfolio, tmp_path: Path, make: Callable[[Portfolio], Comparison], says: list[str]
) -> None:
    text = shown(make(portfolio), tmp_path)
    check_no_nan(text)
    for words in says:
        assert words in " ".join(text.split())


def not_annualised(found: Comparison, sheet: Path, text: str) -> None:
    """The growth of part of a year stands as what it is; that its differences are rates a year is said."""
    name = found.recommendation.policy or found.reference
    nav = found.backtests[name].nav
    grown = number(100.0 * (nav.iloc[-1] / nav.iloc[0] - 1.0))
    assert re.search(rf"Total return\b.{{0,400}}?>{grown}<", text, re.DOTALL)
    assert re.search(rf"Total return[^\n]*\| {grown}", (sheet / "summary.md").read_text(encoding="utf-8"))
    assert re.search(rf"\n{name} .* {grown} ", repr(found))
    assert "CAGR not available for any of them: a test of " in text
    assert "differences in CAGR, costs and loss are rates a year, not what was earned or paid" in text
    numbers = json.loads((sheet / "tearsheet.json").read_text(encoding="utf-8"))
    assert numbers["figures"][name]["growth"] is numbers["intervals"]["growth"]["policies"][name]["lower"] is None
    of_growth = [row for row in numbers["evidence"] if row["metric"] == "growth"]
    assert len(of_growth) == 2
    assert all(row["estimate"] is row["lower"] is row["upper"] is None for row in of_growth)
    assert numbers["trailing_returns"][name]["whole_test"] == numbers["figures"][name]["total_return"]
    assert "year_to_date" not in numbers["trailing_returns"][name]
    assert not re.search(r"it grew [\d.]+.% a year", text)


def test_a_test_of_some_months_is_drawn_and_warned_of(portfolio: Portfolio, tmp_path: Path) -> None:
    found = quick(replace(portfolio, test_start=pd.Timestamp("2022-09-01")), "quarterly", "yearly")
    text = shown(found, tmp_path)
    check_no_nan(text)
    assert "83 observations are too few, 250 are needed" in " ".join(text.split())
    assert "less than three years" in text
    not_annualised(found, tmp_path, text)
    assert "No warnings" not in text
    assert ">Nov</text>" in text


def test_a_policy_alone_has_nothing_to_be_compared_with(portfolio: Portfolio, tmp_path: Path) -> None:
    found = quick(portfolio, "quarterly")
    text, page = repr(found), shown(found, tmp_path)
    assert "1 policy from" in text
    assert "difference in" not in text
    assert "Hansen" not in text
    check_no_nan(redrawn(page))
    assert "It is the only candidate." in page
    assert 'id="differences"' not in page
    assert not (tmp_path / "figures" / "differences.csv").exists()


def test_a_policy_that_only_holds_cash_is_refused_by_name(market: Market) -> None:
    idle = play(market, Calendar(FixedWeights((0.0, 0.0)), "month"))
    with pytest.raises(DataError, match=r"policy 'idle'.*the Sharpe ratio is not defined"):
        compare({"held": play(market, Never(HALVES)), "idle": idle}, draws=300)


def test_too_few_days_are_refused_with_how_many_are_needed(market: Market) -> None:
    played = {name: play(market, rule, start="2023-01-10") for name, rule in
              {"held": Never(HALVES), "monthly": Calendar(HALVES, "month")}.items()}  # fmt: skip
    with pytest.raises(DataError, match=r"33 days are too few.* two blocks at least are needed, 40 days"):
        compare(played, draws=300)


def test_missing_returns_and_lost_wealth_are_refused_before_anything_is_played(market: Market) -> None:
    for value, says in ((np.nan, "return missing for SPY on 2018-06-01"), (-1.0, "impossible return for SPY")):
        returns = market.returns.copy()
        returns[market.row("2018-06-01"), 0] = value
        with pytest.raises(DataError, match=says):
            play(replace(market, returns=returns), Never(HALVES))
    with pytest.raises(PolicyError, match="past the leverage limit"):
        play(market, Never(FixedWeights((20.0, -19.0))))


def test_other_days_are_refused_with_how_to_cut_them(market: Market) -> None:
    late, early = play(market, Never(HALVES)), play(market.until("2022-12-30"), Never(HALVES))
    with pytest.raises(ConfigError, match=r"none is cut here: play both .* such as market\.until\(\"2022-12-30\"\)"):
        compare({"late": late, "early": early})
