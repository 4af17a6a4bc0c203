"""The compiled pass over many curves against the plain measures, one by one, and against vectorbt and skfolio."""

from collections.abc import Callable

import numpy as np
import pytest
import skfolio.measures as skfolio
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_returns import fat_tailed
from uncompiled import vectorbt

from foundation.errors import ConfigError, DataError
from research import risk

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def length(nav: np.ndarray, days: np.ndarray) -> float:
    """Days of the longest drawdown."""
    found = risk.longest_drawdown(nav, days)
    return float(days[-1 if found.recovery is None else found.recovery] - days[found.peak])


def returns_of(nav: np.ndarray) -> np.ndarray:
    return nav[1:] / nav[:-1] - 1.0


PLAIN: dict[str, Measure] = {
    "growth": lambda nav, cash, days: risk.growth(nav, days[-1] - days[0]),
    "volatility": lambda nav, cash, days: risk.volatility(returns_of(nav), 252),
    "sharpe": lambda nav, cash, days: risk.sharpe(returns_of(nav), cash, 252),
    "sortino": lambda nav, cash, days: risk.sortino(returns_of(nav), cash, 252),
    "max_drawdown": lambda nav, cash, days: risk.max_drawdown(nav).depth,
    "calmar": lambda nav, cash, days: risk.calmar(nav, days[-1] - days[0]),
    "ulcer": lambda nav, cash, days: risk.ulcer_index(nav),
    "longest_drawdown": lambda nav, cash, days: length(nav, days),
    "skewness": lambda nav, cash, days: risk.skewness(returns_of(nav)),
    "kurtosis": lambda nav, cash, days: risk.excess_kurtosis(returns_of(nav)),
    "omega": lambda nav, cash, days: risk.omega(returns_of(nav), cash),
    "hit_rate": lambda nav, cash, days: risk.hit_rate(returns_of(nav)),
}


def curves(count: int, days: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """NAV (days + 1, count), cash (days,) and day numbers (days + 1,)."""
    rng = np.random.default_rng(seed)
    nav = 100.0 * np.cumprod(1.0 + 0.0003 + 0.01 * rng.standard_t(5, (days + 1, count)), axis=0)
    return nav, 0.0001 + 0.00002 * rng.random(days), np.cumsum(rng.integers(1, 4, days + 1)).astype(float)


@settings(max_examples=30)
@given(st.integers(1, 70), st.integers(3, 200), st.integers(0, 10_000))
def test_every_curve_has_the_figures_of_the_plain_measures(count: int, days: int, seed: int) -> None:
    nav, cash, day = curves(count, days, seed)
    found = risk.curve_measures(nav, cash, days=day, periods_per_year=252)
    assert tuple(found) == risk.CURVE_MEASURES == tuple(PLAIN)
    for i in {0, count // 2, count - 1}:
        for name, plain in PLAIN.items():
            try:
                expected = plain(nav[:, i], cash, day)
            except DataError:
                expected = np.nan
            assert found[name][i] == pytest.approx(expected, rel=1e-9, abs=1e-11, nan_ok=True), (name, i)


def test_one_curve_has_the_bits_that_it_has_among_many() -> None:
    nav, cash, day = curves(67, 120, 1)
    many = risk.curve_measures(nav, cash, days=day, periods_per_year=252)
    for i in (0, 7, 8, 63, 64, 66):
        alone = risk.curve_measures(nav[:, i], cash, days=day, periods_per_year=252)
        assert all(alone[name][0] == many[name][i] for name in risk.CURVE_MEASURES)


def test_figures_are_those_of_vectorbt_and_skfolio() -> None:
    returns = np.concatenate([[0.001], fat_tailed()[0]])  # vectorbt counts no loss of the first day
    found = {
        name: values[0] for name, values in risk.curve_measures(risk.nav_path(returns), periods_per_year=252).items()
    }
    peers = {
        "growth": vectorbt.annualized_return_1d_nb(returns, 252.0),
        "volatility": vectorbt.annualized_volatility_1d_nb(returns, 252.0),
        "sharpe": vectorbt.sharpe_ratio_1d_nb(returns, 252.0),
        "sortino": vectorbt.sortino_ratio_1d_nb(returns, 252.0),
        "max_drawdown": vectorbt.max_drawdown_1d_nb(returns),
        "calmar": vectorbt.calmar_ratio_1d_nb(returns, 252.0),
        "ulcer": vectorbt.ulcer_index_1d_nb(returns),
        "omega": vectorbt.omega_ratio_1d_nb(returns, 1.0),
        "skewness": skfolio.skew(returns),
        "kurtosis": skfolio.kurtosis(returns) - 3.0,
    }
    for name, peer in peers.items():
        assert found[name] == pytest.approx(float(peer), rel=1e-9), name


def test_a_smooth_curve_loses_no_digits() -> None:
    """A deposit that gains 0.04 % a day, give or take a ten-millionth: powers of its returns would cancel."""
    nav = risk.nav_path(0.0004 + 1e-7 * np.random.default_rng(2).standard_t(6, 2_000))
    found = risk.curve_measures(nav, periods_per_year=252)
    assert found["volatility"][0] == pytest.approx(risk.volatility(returns_of(nav), 252), rel=1e-8)
    assert found["kurtosis"][0] == pytest.approx(risk.excess_kurtosis(returns_of(nav)), rel=1e-5)


def test_what_a_curve_does_not_have_is_missing_and_the_rest_is_there() -> None:
    found = risk.curve_measures(np.full((30, 1), 2.0), periods_per_year=252)
    missing = {name for name in risk.CURVE_MEASURES if np.isnan(found[name][0])}
    assert missing == {"sharpe", "sortino", "calmar", "skewness", "kurtosis", "omega"}
    assert found["growth"][0] == found["max_drawdown"][0] == found["ulcer"][0] == found["longest_drawdown"][0] == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_curve_without_value_is_refused_by_column_and_row(bad: float) -> None:
    nav, cash, day = curves(20, 30, 3)
    nav[12, 17] = bad
    with pytest.raises(DataError, match="curve 17 in row 12"):
        risk.curve_measures(nav, cash, days=day, periods_per_year=252)


def test_lengths_that_do_not_agree_are_refused() -> None:
    nav, cash, day = curves(3, 30, 3)
    with pytest.raises(DataError, match="cash has shape"):
        risk.curve_measures(nav, cash[:-1], days=day, periods_per_year=252)
    with pytest.raises(ConfigError, match="31 increasing numbers"):
        risk.curve_measures(nav, cash, days=day[:-1], periods_per_year=252)
    with pytest.raises(ConfigError, match="31 increasing numbers"):
        risk.curve_measures(nav, cash, days=day[::-1], periods_per_year=252)
    with pytest.raises(DataError, match="two at least"):
        risk.curve_measures(nav[:1], periods_per_year=252)
    assert all(values.shape == (0,) for values in risk.curve_measures(np.ones((5, 0)), periods_per_year=252).values())
