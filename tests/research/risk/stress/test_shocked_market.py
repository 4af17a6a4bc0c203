"""A market that goes on after a shock: its past is untouched, and its new rows say what was asked."""

import numpy as np
import pytest

from foundation.errors import DataError
from research.market import load_market
from research.market.calendars import sessions
from research.risk.stress.shocked_market import market_after


def test_the_past_stays_and_the_new_rows_have_the_shock_and_nothing_else() -> None:
    market = load_market("us_etf_ohlcv")
    moves = np.linspace(-0.3, 0.1, len(market.assets))
    after, days = market_after(market, moves, 5, 252), len(market.dates)
    assert after.until(market.dates[-1]).fingerprint == market.fingerprint
    np.testing.assert_array_equal(after.returns[days], moves)
    assert not after.returns[days + 1 :].any()
    np.testing.assert_allclose(after.prices[days:], np.tile(market.prices[-1] * (1 + moves), (5, 1)))
    assert (after.volumes[days:] > 0.0).all()
    next_days = sessions(market.days[-1] + 1, market.days[-1] + 20, "XNYS")[:5]
    np.testing.assert_array_equal(after.days[days:], next_days)


def test_what_cannot_trade_keeps_its_mark() -> None:
    market = load_market("stocks_with_exit")
    gone = ~market.tradable[-1]
    assert gone.any()
    after = market_after(market, np.full(len(market.assets), -0.2), 2, 252)
    np.testing.assert_array_equal(after.returns[-2], np.where(gone, 0.0, -0.2))
    np.testing.assert_array_equal(after.tradable[-1], ~gone)


def test_rows_of_a_weekly_market_are_weeks_apart() -> None:
    market = load_market("multi_asset_daily")
    apart = np.diff(market_after(market, np.zeros(len(market.assets)), 3, 52).days[-4:]).astype(int)
    assert ((apart >= 6) & (apart <= 9)).all()


def test_returns_of_another_number_of_lines_are_refused() -> None:
    market = load_market("multi_asset_daily")
    with pytest.raises(DataError, match=r"have shape \(2,\): give \(10,\), one an asset"):
        market_after(market, np.zeros(2), 3, 252)
