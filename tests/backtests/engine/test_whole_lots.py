"""A backtest in whole lots does what a trade list would."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from backtests.comparison.candidates import backtest_candidate
from backtests.engine import backtest, result, run
from research.accounting import Costs, Execution, Flows
from research.allocation import EqualWeights
from research.market import Market
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, Rule, Threshold, TrackingError
from research.trading import trade_list

# Backtests in whole lots spend cash to the last cent, and take the greedy search.
TO_THE_CENT = {"execution": {"sizing": "units"}, "orders": {"reserve_bps": 0, "adverse_move": 0}}
PORTFOLIO = load_portfolio("data/portfolios/sixty_forty.yaml", TO_THE_CENT)
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
        listed = trade_list(held, rule, greedy=True).sized.units
        np.testing.assert_allclose(listed, units, atol=1e-6, err_msg=f"{day}")
        sent += int((units != 0.0).sum())
    assert sent >= 8


# -- by bands, and asked at every close ------------------------------------------------------------------------------


HELD = EqualWeights()
BY_BANDS: dict[str, Rule] = {
    "never": Never(HELD),
    "calendar": Calendar(HELD, "month"),
    "tranches": Calendar(HELD, "month", tranches=3),
    "to target": Threshold(HELD, 0.02),
    "to the edge": Threshold(HELD, 0.02, "edge", cooldown=3),
    "half of the way": Threshold(HELD, 0.02, fraction=0.5, schedule="week"),
    "capped": Threshold(HELD, 0.01, turnover_cap=0.01),
    "volatility": Threshold(HELD, 0.5, kind="volatility", returns=20),
    "breaching": Threshold(HELD, 0.02, lines="breaching", review_schedule="month"),
    "tracking error": TrackingError(HELD, 0.02, returns=20),
}
UNDER: dict[str, dict[str, Any]] = {
    "a day late": {},
    "at once": {"lag": 0},
    "fees": {"costs": Costs(np.full(3, 1e-4), np.full(3, 1e-4), management_fee=0.01)},
    "spreads by the day": {"costs": Costs(np.full(3, 1e-4), np.linspace(0.0, 1e-3, 750).reshape(250, 3))},
    "small orders not sent": {"execution": Execution(sizing="units", minimum_trade=400.0)},
    "money comes": {"flows": Flows({pd.Timestamp("2018-03-01"): 900.0}, use="cash")},
}


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("name", BY_BANDS)
def test_days_that_are_passed_over_are_those_on_which_the_rule_holds(
    halting: Market, name: str, under: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = replace(halting, prices=np.where(halting.tradable, 30.0 * halting.index, np.nan))
    given = {"costs": Costs.bps(3, commission=5), "execution": Execution(sizing="units"), "nav": 1e4} | UNDER[under]
    by_bands = backtest(market, BY_BANDS[name], **given)
    told = by_bands.decisions()
    for module in (run, result):
        monkeypatch.setattr(module, "compiled_rule", lambda policy: None)  # no bands: asked at every close
    daily = backtest(market, BY_BANDS[name], **given)
    for field, ours, theirs in zip(by_bands.ledger._fields, by_bands.ledger, daily.ledger, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=field)
    pd.testing.assert_frame_equal(told, daily.decisions())
