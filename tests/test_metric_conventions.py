"""What docs/metrics.md says of other libraries is what they compute, and its tables are those that the command makes.

ffn is called by the command itself, where it is installed with what benchmarks need.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded_returns import BACON
from uncompiled import vectorbt

from backtests.evaluation.backtest_figures import FOLDED
from backtests.evaluation.metrics import METRIC_GROUPS
from benchmarks import metrics
from benchmarks.metrics import EMPYRICAL, QUANTSTATS, ROWS, SKFOLIO, Shared, figure

PAGE = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
ROW = {row.label: row for row in ROWS}


@pytest.fixture(scope="module", params=[metrics.spy, metrics.simulated], ids=["spy", "simulated"])
def shared(request: pytest.FixtureRequest) -> Shared:
    return request.param()


def test_the_tables_of_the_page_are_those_of_the_command() -> None:
    assert f"{metrics.BEGIN}\n\n{metrics.tables()}\n\n{metrics.END}" in PAGE


def test_the_page_defines_every_metric_that_the_table_folds() -> None:
    defined = PAGE.partition("## Definitions")[2].partition("##")[0].lower()
    for metric in (metric for group in FOLDED for metric in METRIC_GROUPS[group]):
        assert metric.name.removesuffix(" 95 %").removesuffix(" 99 %").split()[0].lower() in defined, metric.key


def test_skfolio_gives_what_its_convention_says(shared: Shared) -> None:
    assert metrics.check(SKFOLIO, shared) == 15


def test_empyrical_gives_what_its_port_in_vectorbt_gives(shared: Shared) -> None:
    """vectorbt's functions are those of empyrical, to be compiled; the first close is no peak of its drawdowns."""
    r, b, year = shared.returns, shared.benchmark, 252.0
    expected = {
        "CAGR": vectorbt.annualized_return_1d_nb(r, year),
        "Volatility": vectorbt.annualized_volatility_1d_nb(r, year),
        "Sharpe ratio": vectorbt.sharpe_ratio_1d_nb(r, year),
        "Sortino ratio": vectorbt.sortino_ratio_1d_nb(r, year),
        "Maximum drawdown": -vectorbt.max_drawdown_1d_nb(r),
        "Calmar ratio": vectorbt.calmar_ratio_1d_nb(r, year),
        "Omega ratio": vectorbt.omega_ratio_1d_nb(r, year),
        "Tail ratio": vectorbt.tail_ratio_1d_nb(r),
        "VaR 95 %": -vectorbt.value_at_risk_1d_nb(r, 0.05),
        "CVaR 95 %": -vectorbt.cond_value_at_risk_1d_nb(r, 0.05),
        "VaR 99 %": -vectorbt.value_at_risk_1d_nb(r, 0.01),
        "CVaR 99 %": -vectorbt.cond_value_at_risk_1d_nb(r, 0.01),
        "Beta": vectorbt.beta_1d_nb(r, b),
        "Alpha": vectorbt.alpha_1d_nb(r, b, year),
        "Information ratio": vectorbt.information_ratio_1d_nb(r, b),
        "Capture of gains": vectorbt.up_capture_1d_nb(r, b, year),
        "Capture of losses": vectorbt.down_capture_1d_nb(r, b, year),
    }
    moments = {"Skewness", "Excess kurtosis"}  # scipy's, in pyfolio's table
    assert set(expected) | moments == {row.label for row in ROWS if EMPYRICAL in row.peers}
    for label, value in expected.items():
        assert figure(ROW[label], EMPYRICAL, shared) == pytest.approx(float(value), rel=1e-9), label


def test_capture_is_what_empyrical_publishes() -> None:
    """Its tests/test_stats.py: `positive_returns` against `mixed_returns`, up 0.0076167762 and down -11.27400221."""
    mixed, positive = np.array([1, 10, -4, 2, 3, 2, 1, -10]) / 100, np.array([2, 1, 1, 1, 1, 1, 1, 1]) / 100
    shared = Shared("published", pd.bdate_range("2000-01-03", periods=9), positive, mixed)
    assert figure(ROW["Capture of gains"], EMPYRICAL, shared) == pytest.approx(0.0076167762, abs=1e-10)
    assert figure(ROW["Capture of losses"], EMPYRICAL, shared) == pytest.approx(-11.27400221, abs=1e-8)


def test_quantstats_gives_what_it_publishes_of_bacon() -> None:
    """Its tests/data/reference_values.json, bacon_monthly; what is not annualised, or annualised by 12."""
    shared = Shared("bacon", pd.bdate_range("2000-01-03", periods=25), BACON, BACON)
    published = {
        "Maximum drawdown": 0.144672955739218,
        "Omega ratio": 1.7797833935018055,
        "Skewness": -0.08817174934967567,
        "Excess kurtosis": -0.4076603211860866,
        "VaR 95 %": 0.05605155822002584,
        "CVaR 95 %": 0.0725772784216993,
        "VaR 95 %, Gaussian": 0.05605155822002584,
        "CVaR 95 %, Gaussian": 0.0725772784216993,
    }
    for label, value in published.items():
        assert figure(ROW[label], QUANTSTATS, shared) == pytest.approx(value, rel=1e-12), label
    for label, value in {"Sharpe ratio": 0.7883202548144859, "Sortino ratio": 1.3592165786838633}.items():
        assert figure(ROW[label], QUANTSTATS, shared) * np.sqrt(12 / 252) == pytest.approx(value, rel=1e-12), label
    growth = (1.0 + figure(ROW["CAGR"], QUANTSTATS, shared)) ** (12 / 252) - 1.0
    assert growth == pytest.approx(0.10367828972980941, rel=1e-12)


def test_a_drawdown_is_counted_from_its_peak_or_after_it() -> None:
    """Peak on Monday, below it from Tuesday to Thursday, recovered on Friday: four days, three, and three."""
    returns = np.array([0.01, -0.01, -0.01, 0.001, 0.05])
    shared = Shared("a week", pd.bdate_range("2023-12-29", periods=6), returns, returns)
    row = ROW["Longest drawdown, days"]
    assert (row.ours(shared), figure(row, metrics.FFN, shared), figure(row, QUANTSTATS, shared)) == (4.0, 3.0, 3.0)
