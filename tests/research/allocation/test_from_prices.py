"""Weights of a table of prices: risk a year is that of its dates, and what cannot be read is refused in words."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError
from research.allocation import HRP, MeanVariance, VolatilityTarget, weights_from_prices
from research.allocation.answer import NotSolvedError
from research.allocation.from_prices import at_year_of
from research.forecast import Estimated


@pytest.fixture(scope="module")
def prices(sessions: pd.DatetimeIndex) -> pd.DataFrame:
    drawn = np.random.default_rng(5).normal([9e-4, 5e-4, 2e-4], [0.012, 0.009, 0.002], (len(sessions), 3))
    return pd.DataFrame(100.0 * np.cumprod(1.0 + drawn, axis=0), sessions, list("ABC"))


def ends(prices: pd.DataFrame, every: str) -> pd.DataFrame:
    """The last row of each period."""
    return prices.groupby(prices.index.to_period(every)).tail(1)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("every", "a_year"), [("D", 252.0), ("W", 52.0), ("M", 12.0)])
def test_a_goal_of_risk_is_met_at_the_frequency_of_the_dates(prices: pd.DataFrame, every: str, a_year: float) -> None:
    """With the largest mean, the volatility a year of the weights is the goal itself."""
    rows = ends(prices, every)
    allocation = MeanVariance(objective="target_risk", goal=0.08, forecast=Estimated(window=60, covariance="sample"))
    weights = weights_from_prices(allocation, rows)
    returns = rows.pct_change().tail(60)
    assert np.sqrt(a_year * weights @ returns.cov() @ weights) == pytest.approx(0.08, rel=1e-6)


def test_the_year_is_that_of_the_dates_wherever_it_stands(prices: pd.DataFrame) -> None:
    months = ends(prices, "M").index.to_numpy("datetime64[D]")
    held = VolatilityTarget(MeanVariance(), 0.1, lookback=12)
    found = at_year_of(months, held)
    assert found.periods_per_year == found.allocation.periods_per_year == 12.0
    assert at_year_of(months, found) is found
    days = prices.index.to_numpy("datetime64[D]")
    assert at_year_of(days, held) is held
    stated = replace(held, periods_per_year=260.0)
    assert at_year_of(days, stated) is stated  # days have 242 to 261
    assert at_year_of(days[np.arange(len(days)) % 500 < 350], held) is held  # gaps, as of a cross-validation


def test_an_asset_whose_prices_have_ended_is_left_out_with_a_warning(prices: pd.DataFrame) -> None:
    ended = prices.assign(C=prices["C"].where(prices.index < "2023-03-01"))
    with pytest.warns(UserWarning, match=r"C has not moved since 2023-02-28, and is left out: .*\."):
        found = weights_from_prices(HRP(), ended, missing="halt")
    assert found.drop("C").to_dict() == pytest.approx(weights_from_prices(HRP(), prices[["A", "B"]]).to_dict())
    assert found["C"] == 0.0


@pytest.mark.parametrize("allocation", ["hrp", HRP, None])
def test_what_is_no_allocation_is_refused(prices: pd.DataFrame, allocation: Any) -> None:
    with pytest.raises(ConfigError, match=r"allocation of weights_from_prices is .*: give one with its settings"):
        weights_from_prices(allocation, prices)


def test_an_array_is_no_table(prices: pd.DataFrame) -> None:
    with pytest.raises(DataError, match=r"frame is no DataFrame: found ndarray\. Give one with dates down"):
        weights_from_prices(HRP(), prices.to_numpy())  # type: ignore[arg-type]


def test_where_all_stand_still_the_message_says_what_to_do(prices: pd.DataFrame) -> None:
    said = r"A did not move in the 252 sessions before: correct their prices, or say"
    with pytest.raises(NotSolvedError, match=said):
        weights_from_prices(HRP(), prices[["A"]] * 0.0 + 100.0)
