"""Spread over assets against Riskfolio-Lib and skfolio, and by formulas of equal assets."""

import numpy as np
import pandas as pd
import pytest
import riskfolio.src.RiskFunctions as riskfolio
import skfolio.measures as skfolio
from hypothesis import given
from hypothesis import strategies as st
from skfolio import Portfolio

from foundation.errors import DataError
from research.risk import concentration, diversification_ratio, effective_lines

WEIGHTS = np.array([0.5, 0.2, 0.2, 0.1])


def test_effective_lines_are_those_of_riskfolio_and_skfolio() -> None:
    assert effective_lines(WEIGHTS) == pytest.approx(float(riskfolio.NEA(WEIGHTS)), rel=1e-12)
    assert effective_lines(WEIGHTS) == pytest.approx(float(skfolio.effective_number_assets(WEIGHTS)), rel=1e-12)
    assert concentration(WEIGHTS) == pytest.approx(0.25 + 0.04 + 0.04 + 0.01, rel=1e-12)


def test_diversification_ratio_is_that_of_skfolio() -> None:
    returns = np.random.default_rng(0).standard_normal((400, 4)) @ np.diag([0.01, 0.02, 0.005, 0.03])
    returns += 0.005 * np.random.default_rng(1).standard_normal((400, 1))
    dates = pd.bdate_range("2020-01-01", periods=400)
    peer = Portfolio(pd.DataFrame(returns, index=dates, columns=list("abcd")), WEIGHTS).diversification
    assert diversification_ratio(WEIGHTS, np.cov(returns, rowvar=False)) == pytest.approx(peer, rel=1e-9)


@given(st.integers(1, 30), st.floats(0.0, 0.95))
def test_diversification_of_equal_lines_is_the_square_root_of_a_formula(n: int, correlation: float) -> None:
    """Choueifaty and Coignard (2008): n equal assets of one correlation have sqrt(n / (1 + (n - 1)·correlation))."""
    covariance = 0.04 * (np.full((n, n), correlation) + (1.0 - correlation) * np.eye(n))
    found = diversification_ratio(np.full(n, 1.0 / n), covariance)
    assert found == pytest.approx(np.sqrt(n / (1.0 + (n - 1) * correlation)), rel=1e-9)
    assert effective_lines(np.full(n, 0.5 / n)) == pytest.approx(n, rel=1e-12)  # half of it in cash


def test_a_portfolio_of_cash_alone_is_refused() -> None:
    with pytest.raises(DataError, match="cash alone"):
        concentration([0.0, 0.0])
    with pytest.raises(DataError, match="has no risk"):
        diversification_ratio([0.0, 0.0], np.eye(2))
