"""Dividends, splits, halts and delistings, on paper and on the real sets."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import MakeMarket

from backtests.engine import backtest
from foundation.errors import DataError
from research.accounting import Costs, Execution, Tax
from research.allocation import FixedWeights
from research.market import SHUMWAY, Market, delist, load_market
from research.rules import Calendar, Never, Threshold

HALVES = FixedWeights((0.5, 0.5))
FREE = Costs.bps(2)


def paying(make_market: MakeMarket) -> Market:
    """A pays 5 on a quote of 100 on the second session, and falls by as much; both stand still otherwise."""
    made = make_market(np.zeros((4, 2)))
    prices, dividends = np.full((4, 2), 100.0), np.zeros((4, 2))
    prices[1:, 0], dividends[1, 0] = 95.0, 5.0
    return replace(made, prices=prices, dividends=dividends)


def test_a_dividend_reinvested_stays_in_its_line(make_market: MakeMarket) -> None:
    """50 and 50: the return of A on the ex-date is -5 + 5 = 0."""
    result = backtest(paying(make_market), Never(HALVES), FREE, nav=100.0)
    assert result.ledger.nav.tolist() == [100.0] * 4
    assert result.ledger.cash[1:].tolist() == [0.0] * 3


def test_a_dividend_in_cash_waits_for_the_next_trade(make_market: MakeMarket) -> None:
    """A falls to 47.5 and pays 2.5 to cash. The rule sees it that day; its trade of the next makes 50 and 50 of it."""
    market = paying(make_market)
    held = backtest(market, Never(HALVES), FREE, nav=100.0, dividends="cash")
    assert held.ledger.cash == pytest.approx([0.0, 2.5, 2.5, 2.5], abs=1e-13)
    assert held.ledger.nav == pytest.approx([100.0] * 4, abs=1e-12)
    traded = backtest(market, Calendar(HALVES, "day"), FREE, nav=100.0, dividends="cash")
    assert traded.ledger.booked.tolist() == [2]
    assert traded.ledger.trades[0] == pytest.approx([2.5, 0.0], abs=1e-12)
    assert traded.ledger.cash == pytest.approx([0.0, 2.5, 0.0, 0.0], abs=1e-12)
    assert traded.reconcile().by_line.loc["A00", "income"] == pytest.approx(2.5, abs=1e-13)


def test_a_dividend_belongs_to_who_held_the_line_overnight(make_market: MakeMarket) -> None:
    """A trade at the open of the ex-date comes after the night: 60 falls to 57 and pays 3, and 100 become 50 and 50."""
    made = make_market(np.zeros((4, 2)))
    quotes = np.array([[100.0, 100.0], [100.0, 100.0], [95.0, 100.0], [95.0, 100.0]])
    dividends = np.zeros((4, 2))
    dividends[2, 0] = 5.0
    market = replace(made, prices=quotes, dividends=dividends, bars={"open": quotes})
    result = backtest(
        market, Calendar(HALVES, "day"), FREE, nav=100.0, dividends="cash", start_weights=np.array([0.6, 0.4]),
        execution=Execution(at="open"),
    )  # fmt: skip
    assert result.ledger.booked[0] == 2
    assert result.ledger.trades[0] == pytest.approx([-7.0, 10.0], abs=1e-12)
    assert result.ledger.cash == pytest.approx([0.0] * 4, abs=1e-12)


def test_the_same_dividends_in_cash_and_in_the_returns_agree_on_real_data() -> None:
    """Where all is rebalanced at the close of each day at no cost, it is the same money."""
    whole = load_market("etf_dividends")
    n = len(whole.assets)
    cash, total = (
        backtest(whole, Calendar(FixedWeights((1.0 / n,) * n), "day"), Costs.bps(n), lag=0, dividends=how)
        for how in ("cash", "reinvest")
    )
    assert (whole.dividends[cash.first + 1 :] > 0.0).sum() > 100
    np.testing.assert_allclose(cash.ledger.nav, total.ledger.nav, rtol=1e-10)
    assert cash.reconcile().holds
    held = [
        backtest(whole, Never(FixedWeights((1.0 / n,) * n)), Costs.bps(n), dividends=h) for h in ("cash", "reinvest")
    ]
    assert held[0].ledger.nav[-1] != pytest.approx(held[1].ledger.nav[-1], rel=1e-3), "left in cash they earn less"


def test_a_line_halted_over_the_booking_is_not_traded_and_the_others_share_the_rest(make_market: MakeMarket) -> None:
    """60 and 40; B is halted when A should be sold: B stays at 40, and A, which alone shares the rest, at its 60."""
    returns = np.zeros((4, 2))
    returns[1] = [0.2, -0.2]
    result = backtest(make_market(returns, halted=[(2, 1)]), Threshold(HALVES, 0.05), FREE, nav=100.0)
    assert result.ledger.booked.tolist() == [2, 3], "asked again at that close, and done on the next"
    assert not result.ledger.trades[0].any()
    assert result.weights.iloc[2].tolist() == pytest.approx([0.6, 0.4], abs=1e-15)
    assert result.weights.iloc[3].tolist() == pytest.approx([0.5, 0.5], abs=1e-15)


def leaving(make_market: MakeMarket, loss: float, days: int = 6) -> Market:
    """A rises by half on the second session, is halted after it, and leaves on the fourth; B stands still."""
    returns = np.zeros((days, 2))
    returns[1, 0] = 0.5
    made = make_market(returns, halted=[(t, 0) for t in range(2, days)])
    return delist(made, "A00", made.dates[3], loss)


@pytest.mark.parametrize(("loss", "proceeds"), [(-0.30, 52.5), (-1.0, 0.0), (0.0, 75.0)])
def test_a_delisted_line_becomes_cash_on_its_date(make_market: MakeMarket, loss: float, proceeds: float) -> None:
    """50 of A becomes 75, and on the fourth session 75 x (1 + its delisting return), in cash."""
    result = backtest(leaving(make_market, loss), Never(HALVES), FREE, nav=100.0)
    assert result.ledger.nav == pytest.approx([100.0, 125.0, 125.0, *[50.0 + proceeds] * 3], abs=1e-12)
    assert result.ledger.cash == pytest.approx([0.0, 0.0, 0.0, *[proceeds] * 3], abs=1e-12)
    assert (result.ledger.units[-1, 0], result.triggers) == (0.0, ("delisted",))
    assert result.ledger.trades[0].tolist() == pytest.approx([-proceeds, 0.0], abs=1e-12)
    assert result.reconcile().holds


def test_the_target_of_a_delisted_line_goes_to_the_others_at_the_next_trade(make_market: MakeMarket) -> None:
    """The rule sees the cash on the day of the exit; a session later all of it is in B."""
    result = backtest(leaving(make_market, -0.30), Threshold(HALVES, 0.5), FREE, nav=100.0)
    assert result.ledger.booked.tolist() == [3, 4]
    assert result.ledger.trades[1] == pytest.approx([0.0, 52.5], abs=1e-12)
    assert result.weights.iloc[-1].tolist() == pytest.approx([0.0, 1.0], abs=1e-15)


def test_the_gain_of_a_delisting_is_taxed_and_its_loss_is_set_against_later_gains(make_market: MakeMarket) -> None:
    """Bought for 50, paid out at 52.5: 2.5 is gained, and a fifth of it, 0.5, is due. At -100 % the 50 are lost.

    B then doubles, and half of it is sold: no tax, as the gain of 25 is less than the 50 that were lost.
    """
    taxed = Costs(np.zeros(2), np.zeros(2), tax=Tax(0.2))
    gained = backtest(leaving(make_market, -0.30), Never(HALVES), taxed, nav=100.0)
    assert gained.ledger.charges[0, 4].tolist() == pytest.approx([0.5, 0.0], abs=1e-13)
    assert gained.ledger.nav[-1] == pytest.approx(102.0, abs=1e-12)
    market = leaving(make_market, -1.0, 8)
    returns = np.array(market.returns)
    returns[5, 1] = 1.0
    market = replace(market, returns=returns)
    lost = backtest(market, Calendar(FixedWeights((0.5, 0.25), unlisted="cash"), "day"), taxed, nav=100.0)
    assert (lost.ledger.trades[:, 1] < -1.0).any(), "some of B was sold at a gain"
    assert not lost.ledger.charges[:, 4].any()
    assert lost.reconcile().holds


# -- a stock that left -----------------------------------------------------------------------------------------------


def test_the_stock_that_left_is_held_at_its_last_price_until_its_exit_is_stated() -> None:
    market = load_market("stocks_with_exit")
    i, n = market.assets.index("SHLD"), len(market.assets)
    last = int(np.flatnonzero(market.tradable[:, i])[-1])
    rule, costs = Never(FixedWeights((1.0 / n,) * n)), Costs.bps(n, commission=1)
    start = market.dates[last - 50]
    silent = backtest(market, rule, costs, nav=1e6, start=start)
    value = silent.weights["SHLD"] * silent.nav
    mark = value.loc[market.dates[last]]
    assert mark > 0.0
    assert value.loc[market.dates[last] :].to_numpy() == pytest.approx(mark, rel=1e-12)
    with pytest.raises(DataError, match="delisting_return of SHLD"):
        delist(market, "SHLD", market.dates[last + 5])
    stated = delist(market, "SHLD", market.dates[last + 5], SHUMWAY)
    told = backtest(stated, rule, costs, nav=1e6, start=start)
    exit_day = last + 5 - told.first
    np.testing.assert_array_equal(told.ledger.nav[:exit_day], silent.ledger.nav[:exit_day])
    assert told.ledger.trades[0, i] == pytest.approx(-0.7 * mark, rel=1e-12), "the proceeds"
    assert told.ledger.nav[exit_day] == pytest.approx(silent.ledger.nav[exit_day] - 0.3 * mark, rel=1e-12), "the loss"
    assert told.ledger.cash[exit_day] - told.ledger.cash[exit_day - 1] == pytest.approx(0.7 * mark, rel=1e-6)
    assert (told.weights["SHLD"].iloc[exit_day:] == 0.0).all()
    traded = backtest(stated, Calendar(FixedWeights((1.0 / n,) * n), "month"), costs, nav=1e6, start=start)
    after = traded.weights.iloc[int(traded.ledger.booked[traded.ledger.booked > last + 5][0]) - traded.first]
    assert after.drop("SHLD").to_numpy() == pytest.approx(1.0 / (n - 1), rel=1e-12), "its target is the others'"
    assert traded.reconcile().holds
