"""The main portfolio, compared by the policies that a test file names in `NAMES`, and the sheet of that comparison."""

from pathlib import Path

import pytest
from written import written

from backtests.comparison import Comparison, compare
from research.portfolio import Portfolio, load_portfolio


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    """A desk to which half a basis point matters, so that few policies are recommended over that of today."""
    return load_portfolio("data/portfolios/global_multi_asset.yaml", {"materiality_bps": 0.5})


@pytest.fixture(scope="module")
def comparison(portfolio: Portfolio, request: pytest.FixtureRequest) -> Comparison:
    return compare(portfolio, only=request.module.NAMES, draws=100)


@pytest.fixture(scope="module")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(comparison, tmp_path_factory.mktemp("sheet"))
