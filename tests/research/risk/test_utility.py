"""Certainty equivalents by hand and in closed form, and volatilities that are made equal exactly."""

import math

import numpy as np
import pytest

from foundation.errors import ConfigError, DataError
from research.risk import certainty_equivalent, growth, nav_path, scaled_to_volatility, volatility

YEAR = 365.25


def days(count: int, seed: int = 0, sigma: float = 0.01) -> np.ndarray:
    return 0.0004 + sigma * np.random.default_rng(seed).standard_normal(count)


# certainty equivalents


def test_two_periods_by_hand() -> None:
    """γ = 3: the mean of 1.1^−2 and 0.9^−2 is 1.030507; its root over one is 0.985087 a period, a year here."""
    mean = (1.0 / 1.21 + 1.0 / 0.81) / 2.0
    assert certainty_equivalent([0.1, -0.1], 2 * YEAR, 3.0) == pytest.approx(1.0 / math.sqrt(mean) - 1.0, rel=1e-12)
    assert certainty_equivalent([0.1, -0.1], YEAR, 3.0) == pytest.approx(1.0 / mean - 1.0, rel=1e-12)  # two in a year


def test_of_returns_that_never_vary_it_is_the_growth_rate_at_any_risk_aversion() -> None:
    for aversion in (0.5, 1.0, 3.0, 20.0):
        expected = pytest.approx(1.001 ** (40 * YEAR / 60.0) - 1.0, rel=1e-12)
        assert certainty_equivalent([0.001] * 40, 60.0, aversion) == expected


def test_at_a_risk_aversion_of_one_it_is_the_growth_rate_and_falls_as_it_rises() -> None:
    r, span = days(1_000), 1_400.0
    assert certainty_equivalent(r, span, 1.0) == pytest.approx(growth(nav_path(r), span), rel=1e-12)
    assert np.ptp([certainty_equivalent(r, span, 1.0 + gap) for gap in (-1e-6, 0.0, 1e-6)]) < 1e-6
    found = [certainty_equivalent(r, span, aversion) for aversion in (0.5, 1.0, 2.0, 3.0, 10.0)]
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("aversion", [1.0, 3.0, 8.0])
def test_of_lognormal_returns_it_is_the_closed_form(aversion: float) -> None:
    """Logs N(m, s²) a day: CE = exp(D (m + (1 − γ) s² / 2)) − 1 a year of D days, here with 2 million of them."""
    m, s, count = 0.0003, 0.01, 2_000_000
    normal = np.random.default_rng(3).standard_normal(count // 2)
    returns = np.expm1(m + s * np.concatenate([normal, -normal]))  # antithetic: the mean of the logs is exact
    found = certainty_equivalent(returns, count / 252 * YEAR, aversion)
    assert found == pytest.approx(math.exp(252 * (m + (1.0 - aversion) * s * s / 2.0)) - 1.0, abs=2e-4)


def test_what_cannot_be_asked_is_refused() -> None:
    for aversion in (0.0, -1.0, float("nan"), 101.0, True):
        with pytest.raises(ConfigError, match="risk_aversion is"):
            certainty_equivalent([0.1, -0.1], YEAR, aversion)
    with pytest.raises(ConfigError, match="span_days is"):
        certainty_equivalent([0.1, -0.1], 0.0)
    with pytest.raises(DataError, match="a loss of everything"):
        certainty_equivalent([0.1, -1.0], YEAR)


# equal volatilities


@pytest.mark.parametrize("part", [0.02, 0.4, 0.999])
def test_a_mix_has_the_wanted_volatility_to_rounding(part: float) -> None:
    r, cash = days(500), np.random.default_rng(8).uniform(0.0, 2e-4, 500)  # cash varies, and with the returns a little
    wanted = part * volatility(r, 252)
    found = scaled_to_volatility(r, cash, wanted, 252)
    assert volatility(found.returns, 252) == pytest.approx(wanted, rel=1e-10)
    assert found.returns == pytest.approx(found.invested * r + (1.0 - found.invested) * cash, rel=1e-12, abs=1e-18)
    assert found.invested == pytest.approx(part, abs=1e-3)  # but for what cash shares


def test_a_series_that_has_the_volatility_is_left_as_it_is() -> None:
    r = days(100)
    found = scaled_to_volatility(r, np.zeros(100), volatility(r, 252), 252)
    assert found.invested == 1.0
    assert np.array_equal(found.returns, r)


def test_a_volatility_that_no_mix_has_is_refused() -> None:
    r, cash = days(100), np.random.default_rng(8).uniform(0.0, 0.004, 100)
    for wanted in (1.01 * volatility(r, 252), 0.1 * volatility(cash, 252), -0.1):
        with pytest.raises(DataError, match="no mix of this series"):
            scaled_to_volatility(r, cash, wanted, 252)
