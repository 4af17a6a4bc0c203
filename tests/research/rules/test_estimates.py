"""The covariance of each month's end, found once for a market: whatever was asked before, it is that of the window."""

import numpy as np
import pytest

from research.market import load_market
from research.market.calendars import last_of
from research.rules.estimates import covariance_now, covariances


def test_covariances_are_those_of_their_window_whatever_was_asked_before() -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "AGG"]).until("2009-06-30")
    listed = int(np.argmax(market.listed.all(axis=1)))
    ends = np.flatnonzero(last_of(market.days, "month", market.calendar))
    for window, a_year in ((60, 252.0), (60, 252.0), (120, 252.0), (60, 1.0), (60, 252.0)):
        found, rows, row = covariances(market, window, a_year)
        assert rows[rows >= window + listed].tolist() == ends[ends >= window + listed].tolist()
        for k, t in enumerate(rows.tolist()):
            if t < window + listed:  # an asset that lacks a return has zeros
                continue
            known = np.cov(market.returns[t - window + 1 : t + 1], rowvar=False) * a_year
            np.testing.assert_array_equal(found[k], known)
            now = covariance_now(market.past(t), window, a_year)
            np.testing.assert_array_equal(now[0], known)
            assert (now[1], row[t]) == (t, k)
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 0.0
