"""The main portfolio, a comparison of six of its policies, and their sheet: made once, and changed by no test."""

from pathlib import Path

import pytest
from written import written

from backtests.comparison import Comparison, compare
from research.portfolio import Portfolio, load_portfolio

NAMES = ["never", "monthly", "quarterly", "threshold", "tuned", "hrp_threshold"]


@pytest.fixture(scope="module", autouse=True)
def _few(few_simulated_tests: None) -> None:
    """Pages show whatever follows from simulated tests."""


@pytest.fixture(scope="session")
def portfolio() -> Portfolio:
    """A desk to which half a basis point matters, so that few policies are recommended over that of today."""
    return load_portfolio("data/portfolios/global_multi_asset.yaml", {"materiality_bps": 0.5})


@pytest.fixture(scope="session")
def comparison(portfolio: Portfolio) -> Comparison:
    return compare(portfolio, only=NAMES, draws=100)


@pytest.fixture(scope="session")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(comparison, tmp_path_factory.mktemp("sheet"))
