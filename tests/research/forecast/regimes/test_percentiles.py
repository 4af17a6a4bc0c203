"""Percentiles of volatility as known on each day: by hand, against pandas, and settings refused."""

import numpy as np
import pandas as pd
import pytest
from simulated import world

from foundation.errors import DataError
from research.forecast import VolatilityPercentiles


def test_each_day_counts_among_the_days_up_to_it() -> None:
    """With a half-life near zero the volatility of a day is its own move: 1, 3, 2, 3, 0.5."""
    sharp = VolatilityPercentiles("A", half_life=1e-3)
    ranks = sharp.percentiles(np.array([0.01, -0.03, 0.02, 0.03, 0.005]))
    assert ranks.tolist() == pytest.approx([0.5, 0.75, 0.5, 0.75, 0.1])


@pytest.mark.parametrize("lookback", [None, 250])
def test_percentiles_are_those_of_pandas(lookback: int | None) -> None:
    returns = pd.Series(np.random.default_rng(0).normal(0.0, 0.01, 700))
    volatility = np.sqrt((returns**2).ewm(halflife=21).mean())
    seen = volatility.expanding() if lookback is None else volatility.rolling(lookback, min_periods=1)
    below = (seen.rank(method="average") - 0.5) / seen.count()
    of = VolatilityPercentiles("A", lookback=lookback)
    found = of.percentiles(returns.to_numpy())
    np.testing.assert_allclose(found, below, atol=1e-12)
    assert of.percentiles(returns.to_numpy(), days=3).tolist() == found[-3:].tolist()


def test_a_day_is_in_one_of_four_regimes_from_the_first_250_returns_on() -> None:
    market, regimes = world(days=400, n=2), VolatilityPercentiles("B")
    fitted, notes = regimes.in_force(market.past(399))
    found = fitted.probabilities(market.past(399))
    assert (fitted.names, notes, fitted.seen) == (("low", "moderate", "high", "crisis"), (), market.dates[-1])
    assert (found.sum(axis=1) == 1.0).all()
    assert found.shape == (399, 4)
    assert 0.4 < found[:, 0].mean() < 0.7
    with pytest.raises(DataError, match="249 returns of B"):
        regimes.in_force(market.past(249))
