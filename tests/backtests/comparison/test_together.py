"""Policies on a market: from the frame that a download gives to a page, on days on which all of them can decide."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison import compare
from backtests.engine import backtest
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import HRP, FixedWeights, FunctionAllocation
from research.market import Market, load_market, market_from_yfinance
from research.portfolio import load_portfolio
from research.rules import Calendar, Threshold

FIXED = FixedWeights({"SPY": 0.6, "AGG": 0.4})
COSTS = Costs.bps(4, commission=2)
THIRDS = FixedWeights({"SPY": 0.4, "AGG": 0.3, "GLD": 0.3})


@pytest.fixture(scope="module")
def downloaded() -> pd.DataFrame:
    """A frame of the form of `yfinance.download`'s default: closes adjusted, by field and ticker."""
    funds = load_market("us_etf_ohlcv").select(["AGG", "GLD", "SPY", "VNQ"]).until("2016-12-30")
    fields: dict[str, Any] = dict.fromkeys(("Close", "High", "Low", "Open"), funds.index) | {"Volume": funds.volumes}
    tables = {name: pd.DataFrame(values, funds.dates, list(funds.assets)) for name, values in fields.items()}
    return pd.concat(tables, axis=1, names=["Price", "Ticker"]).loc["2012":]


@pytest.fixture(scope="module")
def market(downloaded: pd.DataFrame) -> Market:
    return market_from_yfinance(downloaded)


def test_from_a_download_to_a_page_without_a_correction(market: Market, tmp_path: Path) -> None:
    rules = [Threshold(FIXED, 0.05), Threshold(FIXED, 0.02), Calendar(FIXED, "quarter"), Calendar(HRP(), "month")]
    found = compare(rules, market, COSTS, draws=100)
    assert list(found.scores) == [
        "Threshold 0.05", "Threshold 0.02", "Calendar AGG 40/SPY 60 quarter", "Calendar HRP of 252 returns month",
    ]  # fmt: skip
    page = found.sheet().write(tmp_path / "made" / "here").read_text()
    assert page.index("is expected to lose") < page.index("Calendar HRP of 252 returns month and Threshold 0.05: ")
    assert "The test starts on 2013-01-07, the first day on which Calendar HRP of 252 returns month can decide." in page
    assert {each.suffix for each in (tmp_path / "made" / "here" / "figures").iterdir()} == {".csv", ".svg"}
    assert page.count("Weights of ") == 3
    assert "http" not in page.replace("http://www.w3.org", "")


def test_all_are_played_from_the_first_day_on_which_each_can_decide(market: Market) -> None:
    """HRP of 60 returns decides from the 61st row on, and is then booked a session later as each other rule is."""
    policies = {"hrp": Calendar(HRP(60), "month"), "band": Threshold(FIXED, 0.02)}
    found = compare(policies, market, COSTS, draws=100)
    first = found.backtests["hrp"].dates[1]
    assert first == backtest(market, policies["hrp"], COSTS).dates[1]
    alone = {name: backtest(market, one, COSTS, start=first) for name, one in policies.items()}
    for name, played in found.backtests.items():
        np.testing.assert_array_equal(played.net_returns, alone[name].net_returns)
    stated = compare(policies, market, COSTS, start="2014-01-02", draws=100)
    assert (stated.backtests["band"].dates[1], stated.note) == (pd.Timestamp("2014-01-02"), "")
    assert compare([Threshold(FIXED, 0.02), Calendar(FIXED, "month")], market, COSTS, draws=100).note == ""


def test_a_frame_a_market_without_costs_and_what_is_no_policy_are_refused(
    market: Market, downloaded: pd.DataFrame
) -> None:
    one: Any = Threshold(FIXED, 0.02)
    with pytest.raises(ConfigError, match=r"market is .*`market_from_yfinance\(table\)`"):
        compare([one, Calendar(FIXED, "month")], downloaded, COSTS)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="on a market, with its costs"):
        compare([one, Calendar(FIXED, "month")], market)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=r"or the market: compare\(policies, market, costs\)"):
        compare([one, Calendar(FIXED, "month")])
    for wrong in (one, "month", ["month", "quarter"], [one, 5]):
        with pytest.raises(ConfigError, match="give a list of policies, or policies by name"):
            compare(wrong, market, COSTS)


def test_policies_of_one_class_are_told_apart_by_what_differs_else_by_a_number(market: Market) -> None:
    def mine(returns: pd.DataFrame) -> Any:
        return {"SPY": 1.0}

    rules = [
        Calendar(FunctionAllocation(mine, 60)), Calendar(HRP(60)), Calendar(HRP(126)), Calendar(FIXED),
        Calendar(FIXED),
    ]  # fmt: skip
    found = compare(rules, market, COSTS, draws=100)
    assert list(found.scores) == [
        *("Calendar mine", "Calendar HRP of 60 returns", "Calendar HRP of 126 returns"),
        *("Calendar AGG 40/SPY 60", "Calendar AGG 40/SPY 60 2"),
    ]
    assert list(compare((rule for rule in rules[1:3]), market, COSTS, draws=100).scores) == list(found.scores)[1:3]


def test_a_policy_that_ends_is_named_and_the_others_are_compared(market: Market) -> None:
    def fails(returns: pd.DataFrame) -> Any:
        return returns.meen()  # type: ignore[operator]

    mine = {"mine": Calendar(FunctionAllocation(fails, 60))}
    found = compare(mine | {"a": Threshold(FIXED, 0.02), "b": Calendar(FIXED)}, market, COSTS, draws=100)
    assert list(found.scores) == ["a", "b"]
    assert found.warnings[0].startswith("mine ended, and is in no figure: ")
    assert "'meen' (test_together.py, line " in found.warnings[0]
    with pytest.raises(
        ConfigError, match=r"needs two policies at least. mine ended: .*'meen' .test_together.py, line "
    ):
        compare(mine | {"a": Threshold(FIXED, 0.02)}, market, COSTS)
    with pytest.raises(ConfigError, match=r"the reference mine ended: .*'meen' .test_together.py, line "):
        compare(mine | {"a": Threshold(FIXED, 0.02), "b": Calendar(FIXED)}, market, COSTS, reference="mine")


def test_assets_that_are_listed_later_are_named() -> None:
    late = load_market("us_etf_ohlcv").select(["SPY", "AGG", "GLD"]).until("2008-12-31")
    costs, rules = Costs.bps(3, commission=1), {"band": Threshold(THIRDS, 0.02), "months": Calendar(THIRDS)}
    assert compare(rules, late, costs, draws=100).note == (
        "AGG (2003-09-29) and GLD (2004-11-18) are listed later: the others hold their weight until then. "
        'start="2004-11-18" tests all of them.'
    )
    assert compare(rules, late, costs, start="2004-11-19", draws=100).note == ""


@pytest.mark.usefixtures("few_simulated_tests")
def test_a_comparison_of_a_portfolio_writes_its_tearsheet_without_orders(tmp_path: Path) -> None:
    portfolio = load_portfolio(Path(__file__).parents[3] / "data" / "portfolios" / "sixty_forty.yaml")
    found = compare(portfolio, only=["threshold", "quarterly"], reference="quarterly", draws=100)
    page = found.sheet().write(tmp_path)
    assert {"tearsheet.html", "tearsheet.json", "summary.md", "figures.xlsx", "figures"} == {
        each.name for each in tmp_path.iterdir()
    }
    assert found.verdict.do in page.read_text()
