"""Risk of a policy: months, rolling year and worst days are pandas' and the score's; what there is not has a reason."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark, target_returns
from backtests.evaluation.policy_risk import PolicyRisk, extremes, policy_risk
from backtests.evaluation.scores import score
from foundation.errors import DataError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Calendar

HALVES = FixedWeights((0.5, 0.5))


def play(market: Market, start: str) -> tuple[Backtest, Benchmark]:
    played = backtest(market, Calendar(HALVES, "quarter"), Costs.bps(2, commission=5), start=start)
    return played, Benchmark.of(played, 5.0)


@pytest.fixture(scope="module")
def played(market: Market) -> tuple[Backtest, Benchmark]:
    return play(market.until("2021-06-16"), "2015-02-10")


@pytest.fixture(scope="module")
def found(played: tuple[Backtest, Benchmark]) -> PolicyRisk:
    return policy_risk(*played)


def test_months_and_years_are_those_of_pandas(played, found) -> None:
    net = pd.Series(played[0].net_returns, played[0].dates[1:])
    for table, rule in ((found.months, "ME"), (found.years, "YE")):
        expected = (1.0 + net).resample(rule).prod() - 1.0
        assert table["return"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12, abs=1e-15)
        assert table["period"].tolist() == [str(p) for p in expected.index.to_period(rule[0])]
        assert np.prod(1.0 + table["return"]) == pytest.approx(played[0].growth_path[-1] / played[0].growth_path[0])


def test_rolling_measures_are_those_of_pandas(played, found) -> None:
    b, benchmark = played
    net, cash = pd.Series(b.net_returns), pd.Series(b.market.cash[b.first + 1 :])
    active = pd.Series(b.gross_returns - target_returns(benchmark.strategic, b.market, b.first))
    excess = (net - cash).rolling(252)
    expected = {
        "volatility": net.rolling(252).std() * 252**0.5,
        "sharpe": excess.mean() / excess.std() * 252**0.5,
        "tracking_error": active.rolling(252).std() * 252**0.5,
    }
    for measure, values in expected.items():
        assert found.rolling[measure] == pytest.approx(values.dropna().to_numpy(), rel=1e-7)
        assert len(found.rolling[measure]) == len(found.rolling_dates)
    assert found.rolling_dates[-1] == b.dates[-1]


def test_worst_days_and_the_deepest_drawdown_are_those_of_the_score(played, found) -> None:
    s = score(*played)
    for level, name in ((0.95, "95"), (0.99, "99")):
        assert (found.tails[level].var, found.tails[level].cvar) == (s[f"var{name}"], s[f"cvar{name}"])
    assert found.drawdowns[0] == s.drawdown
    assert [d.depth for d in found.drawdowns] == sorted(d.depth for d in found.drawdowns)
    assert found.undefined == {}


@pytest.mark.parametrize(("start", "end", "months", "years"), [
    ("2015-02-10", "2016-06-16", (True, True), (True, True)),
    ("2015-01-02", "2016-12-30", (False, False), (False, False)),  # from the first session to the last weekday
    ("2015-03-02", "2016-11-30", (False, False), (True, True)),
    ("2015-01-05", "2016-12-29", (True, True), (True, True)),  # a session misses at either end
])  # fmt: skip
def test_only_an_end_that_misses_days_is_marked(market, start, end, months, years) -> None:
    risk = policy_risk(*play(market.until(end), start))
    for table, (first, last) in ((risk.months, months), (risk.years, years)):
        marked = table["incomplete"].tolist()
        assert (marked[0], marked[-1]) == (first, last)
        assert not any(marked[1:-1])


def test_a_test_of_one_month_is_marked_once(market) -> None:
    risk = policy_risk(*play(market.until("2016-03-18"), "2016-03-01"))
    assert risk.months.to_numpy()[:, [0, 2]].tolist() == [["2016-03", True]]


def test_a_short_test_has_reasons_instead_of_a_rolling_year(market) -> None:
    risk = policy_risk(*play(market.until("2016-03-31"), "2016-01-04"))
    assert risk.rolling == {}
    assert not len(risk.rolling_dates)
    assert set(risk.tails) == {0.95}
    assert set(risk.undefined) == {"volatility", "sharpe", "tracking_error", "beta", "0.99"}
    assert "a window of 252 returns needs as many: found 61" in risk.undefined["volatility"]
    assert "observations in the tail at level 0.99" in risk.undefined["0.99"]


def with_returns(market: Market, value: float) -> Market:
    """The market whose assets return `value` a day from 2010 on, cash nothing from then on."""
    late = np.arange(len(market.days)) > market.row("2010-01-04")
    return replace(
        market, returns=np.where(late[:, None], value, market.returns), cash=np.where(late, 0.0, market.cash)
    )


@pytest.mark.parametrize("value", [0.0, 2.0**-12])
def test_returns_that_do_not_vary_have_no_drawdown_and_no_ratio(market, value) -> None:
    risk = policy_risk(*play(with_returns(market, value), "2020-01-02"))
    assert risk.drawdowns == []
    assert risk.constant
    assert set(risk.undefined) == {"sharpe", "beta"}
    assert f"are all {value:.3g}." in risk.undefined["sharpe"]
    assert risk.rolling["volatility"] == pytest.approx(np.zeros(len(risk.rolling_dates)), abs=1e-13)


def test_by_hand() -> None:
    days = np.array(["2020-03-30", "2020-03-31", "2020-04-01", "2020-04-02"], dtype="datetime64[D]")
    found = extremes(days, np.array([0.10, -0.20, 0.05]))
    assert (found["day"].worst.period, found["day"].worst.value) == ("2020-04-01", -0.2)
    assert (found["day"].count, found["day"].gains) == (3, pytest.approx(2 / 3))
    assert (found["month"].best.period, found["month"].best.incomplete) == ("2020-03", True)  # opened within it
    assert found["month"].worst.value == pytest.approx(0.8 * 1.05 - 1.0, rel=1e-14)
    assert [found["quarter"].best.period, found["quarter"].worst.period] == ["2020-Q1", "2020-Q2"]
    assert found["year"].best == found["year"].worst
    assert found["year"].best.incomplete


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_pandas(seed) -> None:
    dates = pd.bdate_range("2014-12-31", "2021-12-31")
    returns = pd.Series(np.random.default_rng(seed).normal(0.0003, 0.01, len(dates) - 1), dates[1:])
    found = extremes(dates.to_numpy(), returns.to_numpy())
    for name, rule in {"month": "M", "quarter": "Q", "year": "Y"}.items():
        expected = (1.0 + returns).groupby(returns.index.to_period(rule)).prod() - 1.0
        best, worst = found[name].best, found[name].worst
        assert best.value == pytest.approx(expected.max(), rel=1e-12)
        assert worst.value == pytest.approx(expected.min(), rel=1e-12)
        assert best.period.replace("-Q", "Q") == str(expected.idxmax())
        assert worst.period.replace("-Q", "Q") == str(expected.idxmin())
        assert found[name].gains == pytest.approx((expected > 0.0).mean())
        assert not best.incomplete
        assert not worst.incomplete
    assert found["day"].best.period == f"{returns.idxmax():%Y-%m-%d}"


def test_a_loss_of_everything_does_not_compound() -> None:
    days = np.array(["2020-03-30", "2020-03-31"], dtype="datetime64[D]")
    with pytest.raises(DataError, match="loss of everything"):
        extremes(days, np.array([-1.0]))
