"""Who goes to cash is held against as much cash."""

import numpy as np
import pytest

from backtests.engine import backtest
from backtests.studies.audits.matched_exposure import CONSTANT, VOLATILITY, benchmarks, exposure_table, mean_exposure
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import ConstantExposure, FixedWeights, VolatilityTarget
from research.market import Market
from research.rules import Calendar, Never

HELD = FixedWeights((0.5, 0.3, 0.2))


@pytest.fixture(scope="module")
def market(make_market) -> Market:  # type: ignore[no-untyped-def]
    """Three assets, calm and then wild, three hundred sessions each."""
    rng = np.random.default_rng(3)
    scale = np.where(np.arange(900) // 300 % 2 == 0, 0.006, 0.018)[:, None]
    return make_market(3e-4 + scale * rng.standard_normal((900, 3)), 1e-5)


def test_a_policy_of_constant_exposure_is_its_own_benchmark(market: Market) -> None:
    """What is held drifts within a month, alike for both."""
    start = market.dates[200]
    own = backtest(market, Calendar(ConstantExposure(HELD, 0.6), "month"), Costs.bps(3, commission=5), start=start)
    other = benchmarks(own, HELD)[CONSTANT]
    assert mean_exposure(own) == pytest.approx(0.6, abs=2e-3)
    assert mean_exposure(other) == pytest.approx(mean_exposure(own), abs=1e-6)
    assert other.ledger.nav[-1] == pytest.approx(own.ledger.nav[-1], rel=1e-5)


def test_both_benchmarks_hold_as_much_as_the_policy(market: Market) -> None:
    start, policy = market.dates[200], Calendar(VolatilityTarget(HELD, 0.06, lookback=30), "week")
    own = backtest(market, policy, Costs.bps(3, commission=5), start=start, name="learner")
    table = exposure_table(own, benchmarks(own, HELD))
    assert list(table.index) == ["learner", CONSTANT, VOLATILITY]
    assert table["exposure"].to_numpy() == pytest.approx(mean_exposure(own), abs=1e-4)
    assert 0.2 < mean_exposure(own) < 0.8
    # calm and wild in turn: steering by volatility has less of it than as much exposure held constant
    assert table.loc[VOLATILITY, "volatility"] < 0.95 * table.loc[CONSTANT, "volatility"]


def test_a_policy_that_never_leaves_the_market_has_no_benchmark_of_less(market: Market) -> None:
    own = backtest(market, Never(HELD), Costs.bps(3, commission=5), start=market.dates[200], name="all in")
    with pytest.raises(DataError, match=r"all in held 1\.0000 of NAV .* as much as .* goes to cash"):
        benchmarks(own, HELD)
