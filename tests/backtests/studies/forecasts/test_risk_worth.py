"""Worth of variances: the true ones save risk, a trailing estimate saves nothing over itself."""

from dataclasses import dataclass

import numpy as np
import pytest
from simulated import market_of

from backtests.batch.streaming_metrics import BATCH_METRICS
from backtests.studies.forecasts.risk_worth import MINIMUM_VARIANCE, VOLATILITY_TARGET, risk_worth
from backtests.sweeps import Setup
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.forecast import Estimated, FactorModel, Moments
from research.market import Past
from research.market.factors import FactorReturns

DAYS, CALM, WILD, LASTS = 1_500, 0.005, 0.015, 126


@dataclass(frozen=True)
class TrueVariances:
    """The variances of a market whose assets change places every half year."""

    window: int = 252

    def predict(self, past: Past) -> Moments:
        """Zero means, and the covariance of tomorrow."""
        return Moments(past.assets, np.zeros(2), np.diag(np.square(deviations()[past.t + 1])), 1.0, past.date)


def deviations() -> np.ndarray:
    """(DAYS + 1, 2): calm and wild, changing places."""
    first = np.arange(DAYS + 1) // LASTS % 2 == 0
    return np.column_stack([np.where(first, CALM, WILD), np.where(first, WILD, CALM)])


@pytest.fixture(scope="module")
def setup() -> Setup:
    returns = np.random.default_rng(0).normal(0.0, 1.0, (DAYS, 2)) * deviations()[:-1]
    returns[0] = 0.0
    market = market_of(returns)
    return Setup.on(market, Costs.bps(2), FixedWeights((0.5, 0.5)), market.dates[300], periods_per_year=252.0)


def test_true_variances_save_what_theory_says(setup: Setup) -> None:
    """Of two independent assets minimum variance has a b / (a + b), of variances a and b; halves have (a + b) / 4."""
    made = risk_worth(setup, TrueVariances(), 21)
    a, b = CALM**2, WILD**2
    best = (a * b / (a + b) * 252.0) ** 0.5
    trailing, true = made.figures[MINIMUM_VARIANCE][:, BATCH_METRICS.index("volatility")]
    assert best < true < 1.4 * best  # it trades at the end of the month in which a state ends
    assert trailing == pytest.approx(((a + b) / 4.0 * 252.0) ** 0.5, rel=0.15)
    assert made.saved[MINIMUM_VARIANCE].value == pytest.approx(1.0 - (true / trailing) ** 2, abs=0.01)
    assert made.saved[MINIMUM_VARIANCE].lower > 0.0
    assert made.window == 252
    table = made.table()
    assert list(table.index) == [
        (use, by) for use in (MINIMUM_VARIANCE, VOLATILITY_TARGET) for by in ("last 252 returns", "forecast")
    ]
    assert table.loc[(MINIMUM_VARIANCE, "forecast"), "saved"] == made.saved[MINIMUM_VARIANCE].value


def test_a_factor_model_is_compared_with_as_many_returns(setup: Setup) -> None:
    factor = np.random.default_rng(1).normal(0.0, 0.01, (DAYS, 1))
    given = FactorReturns(("market",), setup.market.days, factor, "factors.csv")
    assert risk_worth(setup, FactorModel(given, 126), 21).window == 126


def test_a_trailing_estimate_saves_nothing_over_itself(setup: Setup) -> None:
    with pytest.raises(DataError, match="Its variances are those of the last 126 returns"):
        risk_worth(setup, Estimated(window=126), 21)
