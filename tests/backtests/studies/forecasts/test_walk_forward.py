"""Forecasts walked forward: each asked of its past alone, kept on disk, and refused where it has seen the future."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from simulated import every_day
from skfolio.metrics import portfolio_variance_qlike_loss

from backtests.studies.forecasts.walk_forward import ForecastPath, interval, walk_forward
from foundation.errors import ConfigError, DataError, PolicyError
from research.forecast import Estimated, Moments
from research.market import Market, Past

WINDOW, HORIZON = 60, 21


@pytest.fixture(scope="module")
def market() -> Market:
    return every_day(days=700, n=4, seed=2)


@pytest.fixture(scope="module")
def path(market: Market, tmp_path_factory: pytest.TempPathFactory) -> ForecastPath:
    return walk_forward(Estimated(window=WINDOW), market, HORIZON, folder=tmp_path_factory.mktemp("kept"))


def test_each_forecast_is_that_of_its_own_past(market: Market, path: ForecastPath) -> None:
    months = pd.Series(1, market.dates).groupby(market.dates.to_period("M")).apply(lambda days: days.index[-1])
    assert list(path.dates) == [day for day in months if market.row(day) >= WINDOW]
    for d in (0, 7, len(path.rows) - 1):
        past = replace(market.until(path.dates[d]), notes=()).past(int(path.rows[d]))
        found = Estimated(window=WINDOW).predict(past).over(HORIZON)
        np.testing.assert_array_equal(path.mean[d], found.mean)
        np.testing.assert_array_equal(path.deviation[d], found.volatility)


def test_outcomes_and_what_is_expected_without_a_forecast_are_those_of_pandas(
    market: Market, path: ForecastPath
) -> None:
    returns = pd.DataFrame(market.returns[1:])
    for d in (0, 10):
        row = int(path.rows[d])
        ahead = returns.iloc[row : row + HORIZON]
        np.testing.assert_allclose(path.outcome[d], (1.0 + ahead).prod() - 1.0, rtol=1e-12)
        np.testing.assert_allclose(path.realised[d], (ahead**2).sum(), rtol=1e-12)
        np.testing.assert_allclose(path.prevailing_mean[d], HORIZON * returns.iloc[:row].mean(), rtol=1e-9)
        np.testing.assert_allclose(path.last_variance[d], (returns.iloc[row - HORIZON : row] ** 2).sum(), rtol=1e-12)
    assert np.isnan(path.outcome[-1]).all()
    assert (path.overlap, walk_forward(Estimated(window=WINDOW), market, 40).overlap) == (1, 2)


def test_the_portfolio_of_equal_risks_has_the_variance_that_skfolio_s_loss_takes(
    market: Market, path: ForecastPath
) -> None:
    came, before = path.portfolio_realised
    for d in (0, 9):
        row = int(path.rows[d])
        found = Estimated(window=WINDOW).predict(market.past(row)).over(HORIZON)
        ahead, peer = (
            market.returns[row + 1 : row + 1 + HORIZON],
            SimpleNamespace(covariance_=found.covariance / HORIZON),
        )
        its = portfolio_variance_qlike_loss(peer, ahead)
        assert np.log(path.portfolio[d]) + came[d] / path.portfolio[d] == pytest.approx(its, rel=1e-10)
        held = 1.0 / found.volatility / (1.0 / found.volatility).sum()
        assert before[d] == pytest.approx(
            np.square(market.returns[row + 1 - HORIZON : row + 1] @ held).sum(), rel=1e-12
        )
    assert np.isnan(came[-1])


def test_what_was_kept_is_read_and_what_is_damaged_is_computed_anew(market: Market, tmp_path: Path) -> None:
    forecast = Estimated(window=WINDOW, covariance="ewma")
    first = walk_forward(forecast, market, HORIZON, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    written, again = file.read_bytes(), walk_forward(forecast, market, HORIZON, folder=tmp_path)
    file.write_bytes(written[:-9] + b"wrong!!!!")
    for other in (again, walk_forward(forecast, market, HORIZON, folder=tmp_path)):
        assert other.mean.tobytes() == first.mean.tobytes()
        assert other.deviation.tobytes() == first.deviation.tobytes()
        assert other.notes == first.notes
    assert b"wrong" not in file.read_bytes()
    walk_forward(forecast, market, 5, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@dataclass(frozen=True)
class Foreseeing:
    """Says that it has seen a day after the one on which it is asked."""

    window: int = 2

    def predict(self, past: Past) -> Moments:
        return Moments(past.assets, np.zeros(4), np.eye(4), 1.0, past.date + pd.Timedelta(days=1))


def test_what_cannot_be_walked_is_refused(market: Market) -> None:
    with pytest.raises(PolicyError, match="it knows later data"):
        walk_forward(Foreseeing(), market, HORIZON)
    with pytest.raises(DataError, match="needs 900 returns"):
        walk_forward(Estimated(window=900), market, HORIZON)
    with pytest.raises(ConfigError, match="horizon of a walk-forward is 0"):
        walk_forward(Estimated(), market, 0)
    with pytest.raises(ConfigError, match="start of a walk-forward is 700"):
        walk_forward(Estimated(), market, HORIZON, start=700)


def test_no_interval_holds_a_loss_of_more_than_everything() -> None:
    lower, upper = interval(np.array([0.1, 0.1, -1.5]), np.array([0.1, 1.0, 0.1]), 0.9)
    np.testing.assert_allclose(lower, [0.1 - 0.1 * norm.ppf(0.95), -1.0, -1.0])
    np.testing.assert_allclose(upper, [0.1 + 0.1 * norm.ppf(0.95), 0.1 + norm.ppf(0.95), -1.0])
