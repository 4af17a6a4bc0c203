"""Days of stocks of the New York Stock Exchange, 1962 to 1984: those of Cover's paper."""

from importlib.resources import as_file, files

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def nyse() -> pd.DataFrame:
    """Price relatives of 36 stocks on 5,651 days, as package universal-portfolios has them."""
    with as_file(files("universal") / "data" / "nyse_o.csv") as path:
        prices = pd.read_csv(path)
    return prices / prices.shift(1).fillna(1.0)
