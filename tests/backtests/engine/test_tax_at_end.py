"""Taxes of a backtest by term, on the days round a year's end, and those after its last day, on paper."""

from dataclasses import replace

import numpy as np
import pytest
from simulated import MakeMarket

from backtests.engine import Backtest, backtest
from backtests.evaluation.backtest_figures import TAXED_AT_END, taxed_figures
from backtests.evaluation.benchmark import Benchmark
from backtests.evaluation.scores import score
from research.accounting import Costs, Tax
from research.allocation import FixedWeights
from research.market import Market
from research.rules import Calendar, Never

HALVES = FixedWeights((0.5, 0.5))


def played(market: Market, **more: object) -> Backtest:
    """100 in halves, never traded, of which 50 gain 50 and 50 lose 10."""
    tax = Tax(**{"rate": 0.20, "short_rate": 0.37, "at_end": "liquidate"} | more)  # type: ignore[arg-type]
    return backtest(market, Never(HALVES), replace(Costs.bps(2), tax=tax), nav=100.0)


def moved(
    make_market: MakeMarket, days: int, begin: str = "2018-01-02", by: tuple[float, float] = (1.0, -0.2)
) -> Market:
    returns = np.zeros((days, 2))
    returns[-1] = by
    return make_market(returns, begin=begin)


@pytest.mark.parametrize(("more", "due"), [
    ({}, 14.8),  # 0.37 x (50 - 10)
    ({"long_after": 1}, 8.0),
    ({"short_rate": None}, 8.0),
    ({"at_end": "step_up"}, 0.0),
    ({"at_end": "keep"}, 0.0),
    ({"loss_limit": 3.0}, 14.8),
])  # fmt: skip
def test_the_tax_at_the_end_is_that_of_selling_all(
    make_market: MakeMarket, more: dict[str, object], due: float
) -> None:
    result = played(moved(make_market, 5), **more)
    assert result.tax_at_end == pytest.approx(due, abs=1e-12)
    assert result.ledger.nav[-1] == pytest.approx(140.0, abs=1e-12), "it is not taken from the wealth"


def test_a_loss_at_the_end_saves_what_the_year_may_deduct(make_market: MakeMarket) -> None:
    """60 is lost in all: without a limit it saves nothing, with one of 3 it saves 0.37 x 3."""
    market = moved(make_market, 5, by=(-1.0 + 1e-9, -0.2))
    assert played(market).tax_at_end == 0.0
    assert played(market, loss_limit=3.0).tax_at_end == pytest.approx(-1.11, abs=1e-12)


@pytest.mark.parametrize(("sessions", "last", "due"), [(252, "2019-01-02", 14.8), (253, "2019-01-03", 8.0)])
def test_what_was_bought_on_2_january_is_long_term_from_3_january_on(
    make_market: MakeMarket, sessions: int, last: str, due: float
) -> None:
    market = moved(make_market, sessions)
    assert f"{market.dates[-1]:%Y-%m-%d}" == last
    assert played(market).tax_at_end == pytest.approx(due, abs=1e-12)


def test_the_figures_after_tax_stand_beside_those_before_it(make_market: MakeMarket) -> None:
    result = played(moved(make_market, 253))
    scored = score(result, Benchmark.of(result, 0.0))
    figures, years = taxed_figures(result, scored), (result.dates[-1] - result.dates[0]).days / 365.25
    assert set(figures) == {metric.key for metric in TAXED_AT_END}
    assert figures["final_balance_taxed"] == pytest.approx(132.0, abs=1e-12)
    assert figures["growth_taxed"] == pytest.approx(1.32 ** (1.0 / years) - 1.0, rel=1e-12)
    assert figures["loss_taxed"] - scored["loss"] == pytest.approx(8.0 / 140.0 * 1e4 / (252 / result.periods_per_year))
    assert taxed_figures(played(moved(make_market, 253), at_end="keep"), None) == {}
    assert "CAGR, after tax at the end" in result.summary().index


def test_a_loss_gives_back_the_tax_of_a_gain_before_it_in_the_year(make_market: MakeMarket) -> None:
    """A doubles, and 26.32 of its 100 are sold: V = 150 - 0.2 x (100 - V / 2) / 2 = 147.37, a tax of 2.63.

    Next day A loses 80 % and B 40 %: 14.74 of B are sold, which lose 14.74 x 0.4 / 0.6 = 9.82. A fifth of that comes
    back on 2 January, and is invested. Without a tax return it is carried.
    """
    returns = np.zeros((8, 2))
    returns[1], returns[2] = (1.0, 0.0), (-0.8, -0.4)
    market, free = make_market(returns, begin="2018-12-24"), Costs.bps(2)
    rule, wealth = Calendar(HALVES, "day"), 0.4 * 140.0 / 0.95
    for limit, refund in ((None, 0.0), (0.0, 0.2 * (0.1 * 140.0 / 0.95) * 0.4 / 0.6)):
        result = backtest(market, rule, replace(free, tax=Tax(0.2, "first", loss_limit=limit)), nav=100.0, lag=0)
        assert result.ledger.nav[2] == pytest.approx(wealth, rel=1e-12)
        assert result.ledger.nav[-1] == pytest.approx(wealth + refund, rel=1e-12)
        assert result.reconcile().holds
        assert result.triggers.count("tax_return") == (limit is not None)
    row = result.triggers.index("tax_return")
    assert f"{market.dates[result.ledger.booked[row]]:%Y-%m-%d}" == "2019-01-02"
    assert result.cash_weight.iloc[-1] == pytest.approx(0.0, abs=1e-12)
