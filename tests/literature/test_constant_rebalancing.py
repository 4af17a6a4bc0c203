"""Constant rebalancing and buy and hold on the New York data of 1962 to 1984, against the published figures.

Source     : Cover (1991), Universal Portfolios, and Helmbold et al. (1998), On-Line Portfolio Selection Using
             Multiplicative Updates, introduced these 36 stocks over 5,651 days. Li and Hoi (2014), Online Portfolio
             Selection: A Survey, and their toolbox give wealth on it as NYSE (O): market (uniform buy and hold) 14.50,
             uniform constant-rebalanced portfolio 27.08, best constant-rebalanced portfolio in hindsight 250.60.
Convention : wealth 1, no cost, rebalanced every day; a day's price relatives are earned on the weights before it.
Data       : `nyse_o` of the universal-portfolios package holds prices after each day, so the first day's relatives are
             its first row over 1. The package's own algorithms start from that row and drop the day; we put it back.
Tolerance  : half of the last printed digit.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtests.engine import backtest
from research.accounting import Costs
from research.allocation import EqualWeights, FixedWeights
from research.market import Market, instruments_table
from research.rules import Calendar, Never

DAYS, STOCKS = 5651, 36


@pytest.fixture(scope="module")
def nyse() -> Market:
    """The dates are made up, one a day: the data has none."""
    from importlib.util import find_spec

    package = find_spec("universal")
    assert package is not None
    assert package.submodule_search_locations
    prices = pd.read_csv(Path(package.submodule_search_locations[0]) / "data" / "nyse_o.csv").to_numpy()
    assert prices.shape == (DAYS, STOCKS)
    prices = np.vstack([np.ones(STOCKS), prices])
    returns = np.vstack([np.zeros(STOCKS), prices[1:] / prices[:-1] - 1.0])
    names = tuple(f"S{i:02}" for i in range(STOCKS))
    return Market(
        dates=pd.date_range("1962-07-03", periods=DAYS + 1),
        assets=names,
        returns=returns,
        tradable=np.ones(returns.shape, dtype=bool),
        cash=np.zeros(DAYS + 1),
        instruments=instruments_table(names, asset_class=["stock"] * STOCKS),
        prices=prices,
        calendar="24/7",
        name="nyse_o",
    )


def test_uniform_constant_rebalancing_ends_at_the_published_wealth(nyse: Market) -> None:
    result = backtest(nyse, Calendar(EqualWeights(), "day"), Costs.bps(STOCKS), lag=0)
    assert result.ledger.nav[-1] == pytest.approx(27.08, abs=0.005)


def test_uniform_buy_and_hold_ends_at_the_published_wealth(nyse: Market) -> None:
    result = backtest(nyse, Never(EqualWeights()), Costs.bps(STOCKS))
    assert result.ledger.nav[-1] == pytest.approx(14.50, abs=0.005)


def test_the_best_constant_rebalancing_ends_at_the_published_wealth(nyse: Market) -> None:
    """Its five stocks and weights to four digits: at the optimum, the fifth does not change the wealth."""
    best = FixedWeights({"S05": 0.2767, "S08": 0.1953, "S19": 0.0927, "S22": 0.2507, "S25": 0.1846})
    result = backtest(nyse, Calendar(best, "day"), Costs.bps(STOCKS), lag=0)
    assert result.ledger.nav[-1] == pytest.approx(250.60, abs=0.005)


def test_a_day_of_lag_is_seen_at_this_tolerance(nyse: Market) -> None:
    """What we report by default, a trade the day after, ends elsewhere: so the figure above is not met by accident."""
    result = backtest(nyse, Calendar(EqualWeights(), "day"), Costs.bps(STOCKS), lag=1)
    assert abs(result.ledger.nav[-1] - 27.08) > 0.01
