"""A backtest in whole lots does what a trade list would."""

from dataclasses import replace

import numpy as np
import pytest

from backtests.comparison.candidates import backtest_candidate
from research.portfolio import load_portfolio
from research.rules import Calendar, Rule, Threshold
from research.trading import trade_list

PORTFOLIO = load_portfolio("data/portfolios/sixty_forty.yaml", {"execution": {"sizing": "units"}})
RULES = {
    "to target": Threshold(PORTFOLIO.strategic, 0.03),
    "to the edge": Threshold(PORTFOLIO.strategic, 0.03, "edge"),
    "calendar": Calendar(PORTFOLIO.strategic, "quarter"),
}


@pytest.mark.parametrize("name", RULES)
def test_each_decision_sends_the_orders_of_the_trade_list_of_that_day(name: str) -> None:
    """The list is asked of a portfolio that holds what the backtest held, on a market that ends that day."""
    rule: Rule = RULES[name]
    played = backtest_candidate(PORTFOLIO, rule, name)
    book, market, sent = played.ledger, PORTFOLIO.market, 0
    for j in np.flatnonzero(book.booked >= 0)[:12]:
        t, day = int(book.asked[j]), market.dates[int(book.asked[j])]
        shares = book.units[j] * market.index[t] / market.prices[t]
        held = replace(
            PORTFOLIO,
            market=market.until(day),
            shares=shares,
            holdings=shares * market.prices[t],
            cash=float(book.cash[t - played.first]),
            last_trade=market.dates[t - 1],
        )
        units = book.trades[j] / market.prices[int(book.booked[j])]
        np.testing.assert_allclose(trade_list(held, rule).sized.units, units, atol=1e-6, err_msg=f"{day}")
        sent += int((units != 0.0).sum())
    assert sent >= 8
