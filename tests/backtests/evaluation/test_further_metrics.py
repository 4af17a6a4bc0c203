"""Figures of shape, of tails and against the target: by another route, and why there are none."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import skfolio.measures as skfolio
import statsmodels.api as sm
from simulated import measured_by, world

from backtests.engine import backtest
from backtests.evaluation.backtest_figures import FOLDED, backtest_table, not_available
from backtests.evaluation.benchmark import target_returns
from backtests.evaluation.metrics import METRIC_GROUPS, METRICS
from backtests.evaluation.scores import Score, score
from foundation.errors import DataError
from research.accounting import Costs, Flows
from research.allocation import EqualWeights, FixedWeights
from research.market import Market
from research.rules import Calendar, Never

TARGET = (0.4, 0.3, 0.2)
OF_THE_TARGET = {key for key, metric in METRICS.items() if metric.of_portfolio and metric.of is not None}


def traded(market: Market) -> tuple[Score, pd.Series, np.ndarray, np.ndarray]:
    """A monthly policy's score, its NAV, its target's returns and cash's."""
    played = backtest(market, Calendar(FixedWeights(TARGET), "month"), Costs.bps(3, commission=5))
    benchmark = measured_by(market, TARGET)
    return score(played, benchmark), played.nav, target_returns(benchmark.strategic, market, 0), market.cash[1:]


def test_figures_of_a_path_are_those_of_scipy_skfolio_and_statsmodels() -> None:
    s, nav, target, cash = traded(world(days=600))
    returns = nav.pct_change().to_numpy()[1:]
    intercept, slope = sm.OLS(returns - cash, sm.add_constant(target - cash)).fit().params
    under = skfolio.get_drawdowns(returns, compounded=True)
    expected = {
        "skewness": scipy.stats.skew(returns),
        "kurtosis": scipy.stats.kurtosis(returns),
        "ulcer": skfolio.ulcer_index(under),
        "cdar95": skfolio.cdar(under, beta=0.95),
        "var95": skfolio.value_at_risk(returns, beta=0.95),
        "var99": skfolio.value_at_risk(returns, beta=0.99),
        "cvar99": skfolio.cvar(returns, beta=0.99),
        "var95_gaussian": -scipy.stats.norm.ppf(0.05, returns.mean(), returns.std(ddof=1)),
        "hit_rate": (returns > 0.0).mean(),
        "beta": slope,
        "alpha": 252.0 * intercept,
        "information_ratio": scipy.stats.ttest_rel(returns, target).statistic * np.sqrt(252.0 / len(returns)),
    }
    for key, value in expected.items():
        assert s[key] == pytest.approx(float(value), rel=1e-8), key
    assert s["calmar"] == pytest.approx(s["growth"] / -s["max_drawdown"], rel=1e-12)
    assert not s.undefined


def test_longest_drawdown_and_recovery_are_calendar_days() -> None:
    """A falls by half on day 2 and is above its peak, of day 1, on day 5; every day is a session."""
    returns = np.zeros((30, 1))
    returns[2], returns[3], returns[5] = -0.5, 0.2, 1.001 / 0.6 - 1.0
    names, dates = ("A",), pd.date_range("2020-01-01", periods=30)
    base = world(30, 1)
    market = Market(
        dates, names, returns, np.ones((30, 1), dtype=bool), np.zeros(30), base.instruments, base.prices,
        calendar="24/7",
    )  # fmt: skip
    s = score(backtest(market, Never(FixedWeights((1.0,))), Costs.bps(1)), measured_by(market, (1.0,)))
    assert (s["longest_drawdown"], s["recovery"]) == (4.0, 3.0)


def test_a_policys_own_figures_do_not_depend_on_what_it_is_measured_by() -> None:
    market = world()
    played = backtest(market, Calendar(FixedWeights(TARGET), "month"), Costs.bps(3))
    one, other = (score(played, measured_by(market, w)) for w in (TARGET, (0.1, 0.1, 0.7)))
    assert {key for key in one.values if one[key] != other[key]} == OF_THE_TARGET
    assert {metric.key for metric in METRIC_GROUPS["Against the benchmark"]} < OF_THE_TARGET


def test_money_that_comes_and_goes_changes_no_figure_of_a_path() -> None:
    market, rule = world(days=400), Never(FixedWeights((0.4, 0.3, 0.3)))
    plain = backtest(market, rule, Costs.bps(3), nav=100.0)
    flowing = backtest(market, rule, Costs.bps(3), nav=100.0, flows=Flows({market.dates[50]: 1e-9}))
    one, other = (score(played, measured_by(market, TARGET)) for played in (plain, flowing))
    for key in ("calmar", "ulcer", "longest_drawdown", "skewness", "omega", "beta", "diversification"):
        assert one[key] == pytest.approx(other[key], rel=1e-6), key


def test_spread_over_lines_of_equal_weights_is_that_of_a_formula() -> None:
    market = world(days=2_000)
    played = backtest(market, Calendar(EqualWeights(), "day"), Costs.bps(3), lag=0)
    s = score(played, measured_by(market, TARGET))
    assert s["effective_lines"] == pytest.approx(3.0, rel=1e-6)
    assert s["concentration"] == pytest.approx(1.0 / 3.0, rel=1e-6)
    covariance = np.cov(market.returns[1:], rowvar=False)
    weights = played.weights.to_numpy()[1:].mean(axis=0)
    expected = weights @ np.sqrt(np.diag(covariance)) / np.sqrt(weights @ covariance @ weights)
    assert s["diversification"] == pytest.approx(expected, rel=1e-12)
    assert s["diversification"] == pytest.approx(np.sqrt(3.0), rel=0.05)  # independent assets


def test_what_a_portfolio_of_cash_does_not_have_is_said_and_the_rest_is_there() -> None:
    market = world(days=400, cash=0.0001)
    played = backtest(market, Never(FixedWeights((0.0, 0.0, 0.0))), Costs.bps(3), name="all cash")
    s = score(played, measured_by(market, TARGET))
    assert set(s.undefined) == {
        "sharpe", "sortino", "calmar", "omega", "recovery", "skewness", "kurtosis", "tail_ratio",
        "var95_cornish_fisher", "var99_cornish_fisher", "cvar95_cornish_fisher", "cvar99_cornish_fisher",
        "concentration", "effective_lines",
        "diversification",
    }  # fmt: skip
    years = (market.dates[-1] - market.dates[0]).days / 365.25
    assert s["growth"] == pytest.approx(1.0001 ** (399 / years) - 1.0, rel=1e-9)
    assert s["ulcer"] == s["max_drawdown"] == 0.0
    with pytest.raises(DataError, match="holds cash alone"):
        s["diversification"]
    with pytest.raises(KeyError):
        s["nav"]
    figures = s.figures(played.dates)
    assert figures["sharpe"] is None
    assert not any(isinstance(value, float) and not np.isfinite(value) for value in figures.values())
    other, calmar = traded(market)[0], METRICS["calmar"]
    for scores, whose in (
        ({"all cash": s}, "all cash"),
        ({"all cash": s, "again": s}, "any of them"),
        ({"all cash": s, "again": s, "monthly": other}, "all cash and again"),
    ):
        (words,) = not_available(scores, [calmar])
        assert words == f"Calmar ratio not available for {whose}: {s.undefined['calmar']}"
    assert s.undefined["calmar"] == "the Calmar ratio is not defined: the path has no drawdown."


def test_no_table_of_a_backtest_has_nan() -> None:
    played = backtest(world(), Never(FixedWeights((0.0, 0.0, 0.0))), Costs.bps(3), name="cash")
    table = backtest_table(played)
    assert "nan" not in f"{table.to_string()} {table.to_html()} {played!r} {played._repr_html_()}".lower()
    assert (
        table.loc["Omega ratio, over cash", "not available"]
        == "the Omega ratio is not defined: none of 299 returns is below cash."
    )
    assert list(table.columns) == ["value", "unit", "not available"]


def test_a_test_too_short_for_a_tail_says_how_many_days_are_missing() -> None:
    market = world(days=15)
    s = score(backtest(market, Never(FixedWeights(TARGET)), Costs.bps(3)), measured_by(market, TARGET))
    assert {"cvar95", "var95", "cvar99", "var99", "tail_ratio", "cdar95"} <= set(s.undefined)
    assert "14 returns leave 0.70 observations in the tail at level 0.95" in s.undefined["cvar95"]
    assert s.undefined["tail_ratio"] == "returns has 14 observations where 20 are needed. Take a longer period."
    assert s["sharpe"] != 0.0


def test_folded_groups_hold_what_the_first_table_does_not() -> None:
    assert set(FOLDED) < set(METRIC_GROUPS)
    assert sum(len(metrics) for name, metrics in METRIC_GROUPS.items() if name not in FOLDED) == 18
    assert sum(map(len, METRIC_GROUPS.values())) == len(
        {metric.key for metrics in METRIC_GROUPS.values() for metric in metrics}
    )
