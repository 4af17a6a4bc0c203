"""The returns on which skfolio tests its hierarchical allocations, and a market that ends with given returns."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from research.market import Market, Past, instruments_table

PastOf = Callable[..., Past]


@pytest.fixture(scope="session")
def past_of() -> PastOf:
    """The last day of a market whose returns are those of a frame, after one day without."""

    def make(frame: pd.DataFrame, **columns: list[str]) -> Past:
        returns = np.vstack([np.zeros(frame.shape[1]), frame.to_numpy()])
        names, days = tuple(frame.columns), pd.bdate_range("1990-01-01", periods=len(returns))
        table, none = instruments_table(names, **columns), np.full(returns.shape, np.nan)
        listed, cash = np.ones(returns.shape, dtype=bool), np.zeros(len(returns))
        market = Market(days, names, returns, listed, cash, table, none, calendar="24/5", name="made")
        return market.past(len(days) - 1)

    return make


@pytest.fixture(scope="session")
def published() -> pd.DataFrame:
    """Returns of twenty stocks from 2014 to 2022: `X` of skfolio's tests; from 2020 on, it is their `X_medium`."""
    from skfolio.datasets import load_sp500_dataset
    from skfolio.preprocessing import prices_to_returns

    return prices_to_returns(load_sp500_dataset().loc["2014":])
