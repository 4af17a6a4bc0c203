"""Outcomes of forecasts: compound returns and realised variances, known only once the horizon has passed."""

from dataclasses import replace

import numpy as np
import pandas as pd
from simulated import every_day

from research.forecast.predicted import returns_after, variances_after
from research.market import delist


def test_outcomes_are_those_of_pandas_and_unknown_before_the_horizon_has_passed() -> None:
    market = every_day(days=120, n=3, seed=4)
    rows, h = np.arange(0, 120), 21
    frame = pd.DataFrame(market.returns)
    grown = ((1.0 + frame).rolling(h).apply(np.prod, raw=True) - 1.0).shift(-h)
    np.testing.assert_allclose(returns_after(market.past(119), rows, h), grown, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        variances_after(market.past(119), rows, h), (frame**2).rolling(h).sum().shift(-h), rtol=1e-9
    )
    known = returns_after(market.past(80), rows[:81], h)
    assert np.isnan(known[60:]).all()
    np.testing.assert_array_equal(known[:60], returns_after(market.past(119), rows[:60], h))


def test_a_line_that_leaves_counts_with_what_it_leaves_and_is_none_afterwards() -> None:
    whole = every_day(days=60, n=2, seed=1)
    leaves = whole.row("2020-02-01")
    halted, returns = whole.tradable.copy(), whole.returns.copy()
    halted[leaves:, 1], returns[leaves:, 1] = False, 0.0
    market = delist(replace(whole, tradable=halted, returns=returns), "B", "2020-02-01", -1.0)
    found = returns_after(market.past(59), np.array([leaves - 2, leaves]), 5)
    assert found[0, 1] == -1.0
    assert np.isnan(found[1, 1])
