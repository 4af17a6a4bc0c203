"""HAR: its claim on both embedded sets, its fit by scikit-learn, its features by hand, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import world
from sklearn.linear_model import Ridge

from backtests.inference.forecast_skill import diebold_mariano, out_of_sample_r2
from foundation.errors import ConfigError, DataError
from research.forecast import EWMAVolatility, HARVolatility, Refitted
from research.forecast.predicted import variances_after
from research.forecast.skill import qlike
from research.forecast.volatility.har import FEATURE_NAMES, HAR_RIDGE, ROWS_APART, FittedHAR, har_features
from research.market import Market, load_market

SMALL = HARVolatility(horizon=5, window=400)


@pytest.mark.parametrize("name", ["sp500_20", "multi_asset_daily"])
def test_it_explains_a_fifth_of_what_the_trailing_variance_leaves(name: str) -> None:
    market, model = load_market(name), Refitted(HARVolatility())
    past = market.past(len(market.dates) - 1)
    rows = np.arange(model.window, past.t - 21, 21)
    came, before = variances_after(past, rows, 21), variances_after(past, rows - 21, 21)
    logs, forecasts = np.full((2, *came.shape), np.nan)
    for k, row in enumerate(rows):
        fitted = model.fitted(market.past(int(row)))[0]
        assert isinstance(fitted, FittedHAR)
        logs[k] = fitted.log_variances(market.past(int(row)))
        forecasts[k] = fitted.ratio * np.exp(logs[k])
    known = np.isfinite(logs) & (came > 0.0) & (before > 0.0)
    log, target, walk = (np.log(np.where(known, x, np.nan)) for x in (np.exp(logs), came, before))
    assert out_of_sample_r2(log, target, walk).value >= 0.20
    assert diebold_mariano((target - walk) ** 2, (target - log) ** 2).p < 0.01
    lines = 1.0 - np.nansum((target - log) ** 2, axis=0) / np.nansum((target - walk) ** 2, axis=0)
    assert (lines > 0.0).all()
    assert qlike(forecasts[known], came[known]).mean() < 0.8 * qlike(before[known], came[known]).mean()


def test_the_fit_is_that_of_scikit_learn() -> None:
    past = world(days=700, n=3, seed=8).past(699)
    rows = np.arange(past.t - 5, 0, -ROWS_APART)[::-1]
    found, came = har_features(past, rows, "return"), variances_after(past, rows, 5)
    known = found.known & np.isfinite(came)
    x, y = found.numbers[known], np.log(came[known])
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    peer = Ridge(alpha=HAR_RIDGE * len(z)).fit(z, y)
    ours = SMALL.fit(past)
    np.testing.assert_allclose(ours.coefficients, peer.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.level, peer.intercept_, rtol=1e-10)
    np.testing.assert_allclose(ours.ratio, np.exp(y - peer.predict(z)).mean(), rtol=1e-8)
    assert list(ours.summary().index) == list(FEATURE_NAMES)


def test_features_are_those_of_a_slow_loop() -> None:
    market = world(days=500, n=2, seed=9)
    r, t = market.returns, 480
    found = har_features(market.past(499), np.array([t]), "return").numbers[0]
    mean = [
        np.mean([r[s, i] / np.sqrt(np.mean(r[s - 251 : s + 1, i] ** 2)) for i in range(2)])
        for s in range(t - 62, t + 1)
    ]
    moves = np.abs(r) * np.sqrt(np.pi / 2.0)
    for i in range(2):
        own = [2.0 * np.log(moves[t + 1 - w : t + 1, i].mean()) for w in (5, 21, 63, 252)]
        longest = 2.0 * np.log(moves[1 : t + 1, i].mean())
        spread = [np.log(np.mean(np.square(mean[-w:]))) for w in (5, 21, 63)]
        drift = [np.sum(mean[-w:]) / w**0.5 for w in (5, 21, 63)]
        np.testing.assert_allclose(found[i], [*own, longest, *spread, *drift], rtol=1e-9)


def test_returns_that_are_twice_as_large_have_four_times_the_variance() -> None:
    market = world(days=700, n=3, seed=8)
    twice = replace(market, returns=2.0 * market.returns)
    one, two = (SMALL.fit(m.past(600)).predict(m.past(699)) for m in (market, twice))
    np.testing.assert_allclose(np.diag(two.covariance), 4.0 * np.diag(one.covariance), rtol=1e-9)


def test_ranges_count_where_there_are_bars() -> None:
    market = load_market("us_etf_ohlcv").select(["SPY", "XLF", "GLD"])
    past = market.past(len(market.dates) - 1)
    by_range, by_return = (HARVolatility(measure).fit(past) for measure in ("range", "return"))
    assert not np.allclose(by_range.coefficients, by_return.coefficients)
    bare = world(days=700, n=3, seed=8).past(699)
    same = [replace(SMALL, measure=measure).fit(bare).coefficients for measure in ("range", "return")]
    np.testing.assert_array_equal(*same)


def test_a_line_with_fewer_returns_than_its_features_need_has_riskmetrics_variance_and_a_note(
    facts_market: Market,
) -> None:
    past = facts_market.past(600)
    found = replace(SMALL, estimate=150).fit(past).predict(past)
    assert found.notes == ("the variance of VWO is that of RiskMetrics: HAR needs more returns of it.",)
    plain = EWMAVolatility(horizon=5, estimate=150).predict(past)
    late = found.assets.index("VWO")
    assert found.covariance[late, late] == pytest.approx(plain.covariance[late, late], rel=1e-12)


def test_the_order_of_columns_does_not_matter(facts_market: Market) -> None:
    names = [facts_market.assets[i] for i in [3, 0, 4, 1]]
    one, other = (
        SMALL.fit(market.past(600)).predict(market.past(700))
        for market in (facts_market.select(sorted(names)), facts_market.select(names))
    )
    where = [one.assets.index(name) for name in other.assets]
    np.testing.assert_allclose(other.covariance, one.covariance[np.ix_(where, where)], rtol=1e-9)


def test_too_short_a_history_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"window of HARVolatility is 300: give .* at least 396"):
        HARVolatility(window=300)
    with pytest.raises(ConfigError, match="measure of HARVolatility is 'bars'"):
        HARVolatility("bars")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"0 days up to .* have features and an outcome over 5 periods"):
        SMALL.fit(world(days=300).past(299))
