"""Moments and their estimators: the libraries' own numbers, closed forms, laws; and input that gives no number."""

import pickle

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError, DataError
from research.forecast import Estimated, Forecast, Moments, repaired
from research.forecast.covariances import ANY_LENGTH, COVARIANCES, covariance
from research.forecast.estimated import MEANS, expected_returns
from research.market import Market, instruments_table

DAY = pd.Timestamp("2022-12-30")
INDEFINITE = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])


@pytest.fixture(scope="module")
def stocks() -> np.ndarray:
    from skfolio.datasets import load_sp500_dataset

    return load_sp500_dataset().pct_change().iloc[-252:].to_numpy()


def market_of(returns: np.ndarray) -> Market:
    """A market whose first row lists the assets and whose other rows are `returns`."""
    names = tuple(f"A{i:02}" for i in range(returns.shape[1]))
    returns = np.vstack([np.zeros(returns.shape[1]), returns])
    dates = pd.date_range("2018-01-01", periods=len(returns))
    ones, cash = np.ones(returns.shape, dtype=bool), np.full(len(returns), 1e-4)
    return Market(dates, names, returns, ones, cash, instruments_table(names), np.full(returns.shape, np.nan))


def noise(days: int, lines: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 0.01, (days, 1)) + rng.normal(0.0, 0.01, (days, lines))


# -- estimators against their libraries and closed forms ---------------------------------------------------------------


def test_each_covariance_is_that_of_its_library(stocks: np.ndarray) -> None:
    import pypfopt.risk_models as pypfopt
    from riskfolio import gerber_cov_stat1
    from sklearn.covariance import ledoit_wolf, oas

    frame = pd.DataFrame(stocks)
    wanted = {
        "sample": pypfopt.sample_cov(frame, returns_data=True, frequency=1).to_numpy(),
        "ledoit_wolf": ledoit_wolf(stocks)[0],
        "oas": oas(stocks)[0],
        "gerber": np.asarray(gerber_cov_stat1(frame, threshold=0.5)),
        "ewma": np.einsum("t,ti,tj", (w := 0.5 ** (np.arange(252)[::-1] / 63.0)) / w.sum(), stocks, stocks),
    }
    for name, expected in wanted.items():
        found = covariance(name, stocks, 63.0)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_denoised_and_detoned_keep_what_random_matrix_theory_says(stocks: np.ndarray) -> None:
    """Variances stay; below the edge of Marchenko and Pastur all eigenvalues are one; detoned, the market is gone."""
    sample = np.corrcoef(stocks, rowvar=False)
    denoised, detoned = (covariance(name, stocks, 63.0) for name in ("denoised", "detoned"))
    np.testing.assert_allclose(np.diag(denoised), stocks.var(axis=0, ddof=1), rtol=1e-9)
    signals = int((np.linalg.eigvalsh(sample) > (1.0 + np.sqrt(20 / 252)) ** 2).sum())
    deviation = np.sqrt(np.diag(denoised))
    small = np.linalg.eigvalsh(denoised / np.outer(deviation, deviation))[: 20 - signals - 1]
    assert signals >= 1
    assert np.ptp(small) < 0.15 * np.ptp(np.linalg.eigvalsh(sample)[: 20 - signals - 1])
    market = np.linalg.eigh(sample)[1][:, -1]
    deviation = np.sqrt(np.diag(detoned))
    assert market @ (detoned / np.outer(deviation, deviation)) @ market < 0.2 * market @ sample @ market


def test_each_mean_is_that_of_its_library_or_formula(stocks: np.ndarray) -> None:
    from riskfolio import ParamsEstimation

    cash, mean = np.full(252, 1e-4), stocks.mean(axis=0)
    equal = stocks.mean(axis=1)
    beta = np.array([np.cov(r, equal)[0, 1] for r in stocks.T]) / equal.var(ddof=1)
    weights = 0.5 ** (np.arange(252)[::-1] / 63.0)
    wanted = {
        "historical": mean,
        "capm": 1e-4 + beta * (equal.mean() - 1e-4),
        "ewma": weights @ stocks / weights.sum(),
        "james_stein": np.ravel(ParamsEstimation.mean_vector(pd.DataFrame(stocks), method="JS", target="b1")),
    }
    assert set(wanted) == set(MEANS)
    for name, expected in wanted.items():
        found = expected_returns(name, stocks, cash, 63.0)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12, err_msg=name)


def test_james_stein_moves_no_means_apart_where_one_factor_dominates() -> None:
    """There the library's intensity, (trace - 2 largest eigenvalue) / T / squared distance of means, is negative."""
    from skfolio.moments import ShrunkMu

    rng = np.random.default_rng(4)
    returns = rng.normal(0.0, 0.03, (60, 1)) + rng.normal(0.0, 0.005, (60, 8))
    mean = returns.mean(axis=0)
    assert np.ptp(ShrunkMu().fit(returns).mu_) > np.ptp(mean)
    assert expected_returns("james_stein", returns, np.zeros(60), 63.0).tolist() == mean.tolist()


@pytest.mark.parametrize("mean", MEANS)
@pytest.mark.parametrize("name", COVARIANCES)
def test_every_pair_of_estimators_gives_moments(mean: str, name: str) -> None:
    forecast = Estimated(mean, name, window=60)  # type: ignore[arg-type]
    found = forecast.predict(market_of(noise(80, 5)).past(70))
    assert isinstance(forecast, Forecast)
    assert (found.assets, found.horizon) == (("A00", "A01", "A02", "A03", "A04"), 1.0)
    assert found.seen == pd.Timestamp("2018-03-12")
    assert np.linalg.eigvalsh(found.covariance).min() > -1e-12


@settings(max_examples=30)
@given(order=st.permutations(range(5)), scale=st.floats(0.1, 10.0), name=st.sampled_from(COVARIANCES))
def test_estimates_follow_the_order_of_lines_and_their_unit(order: list[int], scale: float, name: str) -> None:
    returns = noise(120, 5)
    found = covariance(name, returns, 30.0)  # type: ignore[arg-type]
    other = covariance(name, scale * returns[:, order], 30.0)  # type: ignore[arg-type]
    np.testing.assert_allclose(other, scale**2 * found[np.ix_(order, order)], rtol=1e-6, atol=1e-9 * scale**2)


# -- the record --------------------------------------------------------------------------------------------------------


def test_moments_scale_to_a_horizon_and_come_back_from_a_pickle() -> None:
    month = Moments(("A", "B"), np.array([0.001, 0.0]), np.diag([1e-4, 4e-4]), 1, DAY).over(21)
    assert month.mean.tolist() == pytest.approx([0.021, 0.0])
    assert month.volatility.tolist() == pytest.approx([0.01 * 21**0.5, 0.02 * 21**0.5])
    again = pickle.loads(pickle.dumps(month))
    assert (again.covariance == month.covariance).all()
    assert not again.covariance.flags.writeable
    assert repr(month) == "Moments of 2 assets over 21 periods, seen up to 2022-12-30"


@cases(
    "mean, cov, horizon, error, message",
    ([0.0, 0.0], np.eye(2), 1, DataError, r"moments of 3 assets have a mean of shape \(2,\)"),
    ([0.0, np.nan, 0.0], np.eye(3), 1, DataError, "moments of B up to 2022-12-30 are not finite"),
    ([0.0] * 3, np.diag([1.0, -1.0, 1.0]), 1, DataError, "variance of B is -1"),
    ([0.0] * 3, np.eye(3) + np.eye(3, k=2), 1, DataError, "covariance of A and C is 1 one way and 0 the other"),
    ([0.0] * 3, INDEFINITE, 1, DataError, r"not positive semi-definite: the least eigenvalue .* is -0\.8, and "),
    ([0.0] * 3, np.eye(3), 0, ConfigError, "horizon of moments is 0: give a number of periods above 0"),
)
def test_what_are_no_moments_is_refused(mean: list, cov: np.ndarray, horizon: float, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Moments(("A", "B", "C"), np.array(mean), cov, horizon, DAY)


def test_a_repair_keeps_variances_and_is_told() -> None:
    scale = np.array([1.0, 2.0, 3.0])
    mended, notes = repaired(INDEFINITE * np.outer(scale, scale))
    assert np.diag(mended) == pytest.approx(scale**2)
    assert np.linalg.eigvalsh(mended).min() > -1e-12
    assert notes[0].startswith(
        "the covariance was not positive semi-definite (least eigenvalue of the correlations -0.8)"
    )
    assert repaired(np.eye(3))[1] == ()


# -- input that gives no number ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COVARIANCES)
def test_fewer_returns_than_lines_are_stood_by_shrunk_estimators_only(name: str) -> None:
    past, forecast = market_of(noise(40, 30)).past(30), Estimated(covariance=name, window=20)  # type: ignore[arg-type]
    if name in ANY_LENGTH:
        assert np.linalg.eigvalsh(forecast.predict(past).covariance).min() > 0.0
    else:
        said = rf"20 returns of 30 assets, to 2018-01-31, do not give a {name} covariance"
        with pytest.raises(DataError, match=said):
            forecast.predict(past)


def test_two_lines_with_the_same_returns_are_named() -> None:
    returns = noise(40, 4)
    returns[:, 3] = returns[:, 1]
    with pytest.raises(DataError, match="A01 and A03 have the same returns on all of the 30 sessions to 2018-02-05"):
        Estimated(covariance="sample", window=30).predict(market_of(returns).past(35))
    assert Estimated(window=30).predict(market_of(returns).past(35)).covariance.shape == (4, 4)  # shrunk: full rank


def test_a_line_that_does_not_vary_is_left_out() -> None:
    returns = noise(40, 4)
    returns[:, 2] = 0.0
    found, without = (Estimated(window=30).predict(m.past(35)) for m in (
        market_of(returns), market_of(returns).select(["A00", "A01", "A03"])))  # fmt: skip
    assert found.assets == without.assets == ("A00", "A01", "A03")
    np.testing.assert_array_equal(found.covariance, without.covariance)
    with pytest.raises(DataError, match="returns of A00, A01, A02, A03 do not vary in the 30 sessions"):
        Estimated(window=30).predict(market_of(0.0 * returns).past(35))
