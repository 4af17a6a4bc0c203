"""GARCH of each line: against arch, against simulated laws, and where none is found."""

from dataclasses import replace

import numpy as np
import pytest
from arch.univariate import GARCH, ZeroMean
from simulated import market_of, world

from foundation.errors import ConfigError, DataError
from research.forecast import Forecast, GarchVolatility, HARVolatility, Refitted, Trained
from research.forecast.predicted import variances_after
from research.forecast.skill import qlike
from research.forecast.volatility.garch import GarchLaw, GarchLaws, fitted_laws
from research.market import Market

PLAIN = GarchLaw(0.0, 2e-6, 0.07, 0.0, 0.91, 1e-4)
GJR = GarchLaw(0.0, 2e-6, 0.03, 0.09, 0.90, 1e-4)


def drawn(law: GarchLaw, days: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (days, n) of a law, and the variance of each day."""
    z = np.random.default_rng(seed).standard_normal((days, n))
    variance, returns = np.empty((days, n)), np.zeros((days, n))
    variance[0] = law.first
    for t in range(days):
        returns[t] = z[t] * np.sqrt(variance[t])
        if t + 1 < days:
            news = law.alpha + law.gamma * (returns[t] < 0.0)
            variance[t + 1] = law.omega + news * returns[t] ** 2 + law.beta * variance[t]
    return returns, variance


@pytest.fixture(scope="module")
def simulated() -> tuple[Market, np.ndarray]:
    returns, variance = drawn(PLAIN, 3_500, 4, 1)
    returns[0] = 0.0
    return market_of(returns), variance


@pytest.mark.parametrize("law", [PLAIN, GJR], ids=["garch", "gjr"])
def test_variances_ahead_are_those_of_arch(law: GarchLaw) -> None:
    returns, _ = drawn(law, 800, 1, 2)
    returns[0] = 0.0
    past = market_of(returns).past(799)
    laws = GarchLaws((law,), {})
    ours = laws.ahead(laws.variances(past)[-1], 21)[:, 0]
    peer = ZeroMean(returns[1:, 0] * 100.0, volatility=GARCH(1, 1, 1), rescale=False)
    fixed = peer.fix([law.omega * 1e4, law.alpha, law.gamma, law.beta]).forecast(horizon=21, reindex=False)
    np.testing.assert_allclose(ours, fixed.variance.to_numpy()[-1] / 1e4, rtol=1e-6)


@pytest.mark.parametrize("law", [PLAIN, GJR], ids=["garch", "gjr"])
def test_the_variance_over_the_horizon_is_that_of_simulated_paths(law: GarchLaw) -> None:
    returns, _ = drawn(law._replace(first=4e-4), 21, 200_000, 3)
    expected = GarchLaws((law,), {}).ahead(np.array([4e-4]), 21).sum()
    assert returns.sum(axis=0).var() == pytest.approx(expected, rel=0.02)


def test_the_law_with_leverage_is_found_again() -> None:
    returns, _ = drawn(GJR, 8_000, 1, 4)
    returns[0] = 0.0
    found = fitted_laws(market_of(returns).past(7_999), leverage=True).laws[0]
    assert found.alpha == pytest.approx(GJR.alpha, abs=0.02)
    assert found.gamma == pytest.approx(GJR.gamma, abs=0.03)
    assert found.beta == pytest.approx(GJR.beta, abs=0.03)


@pytest.mark.parametrize("horizon", [1, 21])
def test_of_a_known_law_the_loss_is_within_five_per_cent_of_that_of_the_true_variance(
    simulated: tuple[Market, np.ndarray], horizon: int
) -> None:
    market, variance = simulated
    rows = np.arange(2_000, 3_499 - horizon, 7)
    came = variances_after(market.past(3_499), rows, horizon)
    true = np.array([GarchLaws((PLAIN,) * 4, {}).ahead(variance[t + 1], horizon).sum(axis=0) for t in rows])
    models: dict[str, Forecast] = {
        "garch": Trained(GarchVolatility(horizon=horizon).fit(market.past(2_000))),
        "har": Trained(HARVolatility(horizon=horizon).fit(market.past(2_000))),
    }
    found = {
        name: np.array([np.diag(model.predict(market.past(int(t))).covariance) for t in rows])
        for name, model in models.items()
    }
    oracle, losses = qlike(true, came).mean(), {name: qlike(ours, came).mean() for name, ours in found.items()}
    assert losses["garch"] <= 1.05 * oracle
    assert qlike(found["garch"], true).mean() < 0.01  # without the noise of what came
    assert losses["har"] <= (1.05 if horizon == 1 else 1.15) * oracle


def test_between_fits_the_law_stays_and_the_variance_moves(simulated: tuple[Market, np.ndarray]) -> None:
    market, _ = simulated
    forecast = Refitted(GarchVolatility(horizon=1))
    row = market.row("2024-03-01")
    fitted = forecast.fitted(market.past(row))[0]
    assert fitted.seen == market.dates[market.row("2023-12-31")]
    following = fitted.laws.variances(market.past(row))[-1]
    np.testing.assert_allclose(np.diag(forecast.predict(market.past(row)).covariance), following, rtol=1e-12)


def test_a_line_without_a_law_has_riskmetrics_variance_and_a_note(facts_market: Market) -> None:
    found = (
        GarchVolatility(window=600, estimate=100, horizon=1).fit(facts_market.past(600)).predict(facts_market.past(600))
    )
    late = found.assets.index("VWO")
    assert found.notes == (
        "the variance of VWO is that of RiskMetrics: 200 returns of VWO, of which 250 that vary are needed, give no "
        "GARCH.",
    )
    own = facts_market.returns[401:601, 2]
    expected = (0.06 * 0.94 ** np.arange(200)[::-1]) @ own**2 + 0.94**200 * np.mean(own**2)
    assert found.covariance[late, late] == pytest.approx(expected, rel=1e-9)


def test_where_no_line_has_a_law_nothing_is_learned() -> None:
    flat = world(days=800, n=2)
    flat = replace(flat, returns=np.zeros_like(flat.returns))
    with pytest.raises(DataError, match=r"no asset has a GARCH up to .*: 799 returns of A, of which 250 that vary"):
        GarchVolatility().fit(flat.past(799))
    with pytest.raises(ConfigError, match=r"window of GarchVolatility is 100: give .* at least 252"):
        GarchVolatility(window=100)
