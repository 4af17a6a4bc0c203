"""Simulated tests: what closed forms say of rules in them, and whose dates, costs and assets they have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from simulated import market_of, world

from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.comparison.simulated_tests import (
    LEAST_SHARE,
    SMALLEST_LOSS,
    TESTS,
    SimulatedTests,
    costs_beside_tests,
    costs_of_tests,
    elasticities,
    simulated_tests,
)
from backtests.engine import Backtest, backtest
from backtests.evaluation.benchmark import Benchmark
from backtests.inference.long_run import UNTOLD
from research.accounting import Costs, Flows, Tax
from research.allocation import HRP, FixedWeights
from research.market import Market
from research.portfolio import load_portfolio
from research.rules import Calendar, Never, NoTradeRegion, Rule, Threshold

EXAMPLE = Path(__file__).parents[3] / "data" / "examples" / "costs_with_impact.yaml"
HELD = FixedWeights((0.6, 0.4))
COSTS = Costs.bps(2, commission=5, half_spread=5)


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read that was simulated before, and no asset grows, as closed forms have it."""
    monkeypatch.setattr("backtests.comparison.simulated_tests.SHARPE_RATIOS", (0.0, 0.0))
    monkeypatch.setattr("backtests.comparison.kept_simulations.KeptSimulation.load", lambda self: None)


@pytest.fixture(scope="module")
def market() -> Market:
    return world(days=800, n=2, seed=4)


def played(market: Market, lag: int = 1, **rules: Rule) -> dict[str, Backtest]:
    given = {"start": market.dates[300], "lag": lag}
    return {name: backtest(market, rule, COSTS, name=name, **given) for name, rule in rules.items()}


def test_what_trades_at_every_close_pays_the_costs_of_a_random_walk_and_is_never_off_target(market: Market) -> None:
    """Trade of a day 2 w(1 - w) |x - y| of both assets, of which a mean of √(2/π) × the standard deviation of x - y."""
    real = played(market, lag=0, daily=Calendar(HELD, "day"))
    found = simulated_tests(real, Benchmark.of(real["daily"], 5.0))
    assert found.cost.shape == (TESTS, 1)
    returns = market.returns[300:]
    spread = np.sqrt(np.var(np.log1p(returns) @ [1.0, -1.0], ddof=1))
    cost = 1e4 * 252 * 2 * 0.001 * 0.24 * np.sqrt(2 / np.pi) * spread
    # √f of a log-normal variance factor has a mean of exp(-spread²/8)
    assert found.cost.mean() == pytest.approx(cost * np.exp(-(0.7**2) / 8), rel=0.05)
    assert found.squares.max() < 1e-12
    assert found.years == pytest.approx(500 / 252)
    held = np.sqrt(252 * np.var(returns @ [0.6, 0.4], ddof=1))
    assert np.sqrt(found.variance.mean()) == pytest.approx(held, rel=0.1)


def test_tax_is_in_no_simulated_test(market: Market) -> None:
    rule, given = Threshold(HELD, band=0.02), {"start": market.dates[300]}
    bare, taxed = (
        simulated_tests({"band": found}, Benchmark.of(found, 5.0))
        for found in (backtest(market, rule, costs, **given) for costs in (COSTS, replace(COSTS, tax=Tax(0.2))))
    )
    assert np.array_equal(taxed.cost, bare.cost)


def test_what_simulated_tests_do_not_charge_stands_beside_them() -> None:
    """Impact, commissions by the unit, and spreads of the day above their median; the rest is as they charge it."""
    portfolio = load_portfolio(EXAMPLE)
    costs = replace(portfolio.costs, per_unit=np.full(3, 0.01))
    played = backtest_candidate(replace(portfolio, costs=costs), portfolio.policies["monthly"], "monthly")
    usual = np.nanmedian(costs.half_spread, axis=0)
    assert costs_of_tests(played).half_spread == pytest.approx(usual)
    orders = played.trades()
    spread, fee = (orders["asset"].map(dict(zip(played.market.assets, each, strict=True)))
                   for each in (usual, costs.commission))  # fmt: skip
    same = orders["notional"] * (spread + fee)
    charged = orders[["commission", "half_spread", "impact"]].sum(axis=1)
    nav = orders["booked"].map(dict(zip(played.dates[1:], played.nav_before, strict=True)))
    beside = ((charged - same) / nav).groupby(orders["booked"]).sum()
    found = pd.Series(costs_beside_tests(played), played.dates[1:])
    assert found[beside.index].to_numpy() == pytest.approx(beside.to_numpy(), rel=1e-6)
    assert found.abs().sum() == pytest.approx(beside.abs().sum(), rel=1e-6)
    assert beside.sum() > same.sum() / nav.mean()  # it is most of what this portfolio pays


def test_what_flows_cost_stands_beside_simulated_tests(market: Market) -> None:
    """There are none in them: a rule that never trades costs what its money does."""
    flows = Flows({market.dates[day]: -0.05 for day in (400, 500, 600)})
    never = backtest(market, Threshold(HELD, band=0.5), COSTS, start=market.dates[300], flows=flows)
    assert np.count_nonzero(never.cost_rate) == 3
    assert costs_beside_tests(never) == pytest.approx(never.cost_rate, rel=1e-12)


def test_a_commission_by_the_unit_changes_nothing_in_simulated_tests() -> None:
    """Nor does it take away what holding costs, which they charge."""
    portfolio = load_portfolio(EXAMPLE)
    assert portfolio.costs.half_spread.ndim == 2
    found = []
    for per_unit in (0.0, 0.005):
        costs = replace(portfolio.costs, per_unit=np.full(3, per_unit), management_fee=0.002)
        real = {
            "monthly": backtest_candidate(replace(portfolio, costs=costs), portfolio.policies["monthly"], "monthly")
        }
        found.append(simulated_tests(real, Benchmark.of(real["monthly"], 5.0)))
    one, other = found
    assert np.array_equal(one.cost, other.cost)
    assert (one.cost > 20.0).all()  # bp a year, of which the fee is twenty


def test_a_simulated_test_without_a_loss_has_a_small_share_of_the_mean() -> None:
    """Its logarithm would be infinite: a hundredth of the mean over tests takes its place, costs or none."""
    some = SimulatedTests(("a", "b"), np.array([[0.0, 0.0], [4.0, 0.0]]), *[np.zeros((2, 2))] * 4, np.ones(2), 5.0)
    logs = some.logs(tracking_penalty=5.0)
    assert logs[:, 0] == pytest.approx([np.log(LEAST_SHARE * 2.0), np.log(4.0)])
    assert logs[:, 1] == pytest.approx(np.log([SMALLEST_LOSS, SMALLEST_LOSS]))


def test_a_rule_has_the_same_tests_beside_any_other(market: Market) -> None:
    """So J of a policy has one interval, on its own sheet, on its card, and beside a rule that looks back a year."""
    real = played(market, band=Threshold(HELD, band=0.02), region=NoTradeRegion(HELD))
    alone, both = (simulated_tests({name: real[name] for name in names}, Benchmark.of(real["band"], 5.0))
                   for names in (["band"], ["band", "region"]))  # fmt: skip
    np.testing.assert_array_equal(alone.cost[:, 0], both.cost[:, 0])
    np.testing.assert_array_equal(alone.squares[:, 0], both.squares[:, 0])


def test_costs_of_a_calendar_grow_as_the_root_of_variance_and_a_band_trades_as_the_variance(market: Market) -> None:
    real = played(market, lag=0, daily=Calendar(HELD, "day"), band=Threshold(HELD, band=0.02))
    found = simulated_tests(real, Benchmark.of(real["daily"], 0.0))
    assert found.elasticities(0.0) == pytest.approx([0.5, 1.0], abs=0.12)
    logs = found.logs(0.0)
    usual = found.expected(float(found.variance.mean()), logs)
    covariance = usual.left.T @ usual.left
    assert np.exp(usual.log) == pytest.approx(found.cost.mean(axis=0), rel=0.2)
    assert (np.diag(covariance) < 0.1).all()
    assert found.expected(0.04, logs).log - found.expected(0.01, logs).log == pytest.approx(
        found.elasticities(0.0) * np.log(4.0)
    )


def test_the_gaps_of_tests_are_what_a_regression_on_the_variance_leaves(market: Market) -> None:
    real = played(market, band=Threshold(HELD, band=0.02))
    found = simulated_tests(real, Benchmark.of(real["band"], 5.0))
    fit = linregress(np.log(found.variance), found.logs(5.0)[:, 0])
    assert found.elasticities(5.0)[0] == pytest.approx(fit.slope, rel=1e-9)
    assert found.elasticity_errors(5.0)[0] == pytest.approx(fit.stderr, rel=1e-9)
    gaps = found.expected(0.02, found.logs(5.0)).left
    spread = fit.stderr * np.sqrt(
        TESTS * np.var(np.log(found.variance))
    )  # the error of a slope, times that of its axis
    assert np.sqrt((gaps**2).sum()) == pytest.approx(spread, rel=1e-9)


def test_a_line_without_a_target_may_be_listed_late(market: Market) -> None:
    returns = np.column_stack([market.returns, np.zeros(len(market.dates))])
    returns[-5:, 2] = 0.01
    three = market_of(returns)
    late = three.tradable.copy()
    late[:-6, 2] = False
    held, given = FixedWeights((0.6, 0.4, 0.0)), {"start": market.dates[300], "lag": 1}
    real = backtest(replace(three, tradable=late), Threshold(held, band=0.02), Costs.bps(3, commission=10), **given)
    found = simulated_tests({"band": real}, Benchmark.of(real, 5.0))
    usual = 252 * np.var(market.returns[300:] @ [0.6, 0.4], ddof=1)
    assert np.sqrt(found.variance.mean()) == pytest.approx(np.sqrt(usual), rel=0.1)


def test_an_elasticity_that_no_theory_gives_errs_by_what_bands_are_apart_from_calendars(market: Market) -> None:
    calendars = {each: Calendar(HELD, each) for each in ("day", "month", "quarter")}
    bands = {"1": Threshold(HELD, band=0.01), "2": Threshold(HELD, band=0.02), "by cost": NoTradeRegion(HELD)}
    real = played(market, **calendars, **bands)
    power = simulated_tests(real, Benchmark.of(real["2"], 5.0)).elasticities(5.0)
    assert power[3:].mean() - power[:3].mean() == pytest.approx(UNTOLD, abs=0.1)


def test_only_compiled_rules_on_the_strategic_target_are_simulated(market: Market) -> None:
    class Own(Calendar):
        def decide(self, view):  # type: ignore[no-untyped-def]
            return super().decide(view)

    real = played(
        market, band=Threshold(HELD, band=0.01), own=Own(HELD, "month"), hrp=Threshold(HRP(window=60), band=0.01),
        estimates=NoTradeRegion(HELD, returns=120),
    )  # fmt: skip
    found = simulated_tests(real, Benchmark.of(real["band"], 5.0))
    assert found.names == ("band", "estimates")
    known = elasticities(list(real), found, 5.0)
    assert known.value[[1, 2]].tolist() == [1.0, 1.0]
    assert known.error[[1, 2]].tolist() == [UNTOLD, UNTOLD]
    assert known.value[[0, 3]].tolist() == found.elasticities(5.0).tolist()
    assert (known.error[[0, 3]] < 0.1).all()
    assert simulated_tests(real, Benchmark.of(real["hrp"], 5.0)) is None


def test_they_are_the_same_to_the_bit_and_know_nothing_of_the_order_of_returns(market: Market) -> None:
    real = played(market, band=Threshold(HELD, band=0.01))
    benchmark = Benchmark.of(real["band"], 5.0)
    one, again = simulated_tests(real, benchmark), simulated_tests(real, benchmark)
    assert one.cost.tobytes() == again.cost.tobytes()
    turned = replace(market, returns=np.vstack([market.returns[:300], market.returns[:299:-1]]))
    other = simulated_tests(played(turned, band=Threshold(HELD, band=0.01)), benchmark)
    np.testing.assert_allclose(other.cost, one.cost, rtol=1e-9)


def test_a_monthly_rule_trades_twelve_times_a_year_and_ranges_are_left_as_often_as_weights_leave_them(
    market: Market,
) -> None:
    real = played(market, lag=0, monthly=Calendar(HELD, "month"), daily=Calendar(HELD, "day"))
    benchmark = Benchmark.of(real["monthly"], 5.0)
    found = simulated_tests(real, replace(benchmark, lower=np.array([0.59, 0.39]), upper=np.array([0.61, 0.41])))
    assert (found.days[:, 0] == found.days[0, 0]).all()
    assert found.days[0, 0] == pytest.approx(12.0, abs=0.6)
    assert found.orders[:, 0] == pytest.approx(2.0 * found.days[:, 0])
    assert (found.outside[:, 1] == 0.0).all()
    assert (found.outside[:, 0] > 0.1).mean() > 0.9
    assert (simulated_tests(real, benchmark).outside == 0.0).all()
    assert found.keeping(None, 0.05) == {"monthly": (found.outside[:, 0] <= 0.05).mean(), "daily": 1.0}
    assert found.keeping(0.0005, 1.0)["monthly"] == (found.squares[:, 0] <= 0.0005**2).mean()


def test_growth_of_the_real_test_is_in_no_theory(market: Market) -> None:
    """Or it would count twice, as the losses of the test tell it already."""
    rules = {"never": Never(HELD), "yearly": Calendar(HELD, "year")}
    grown = market.with_returns((1.0 + market.returns) * np.exp([0.002, 0.0]) - 1.0)
    found = [
        simulated_tests(real := played(each, **rules), Benchmark.of(real["never"], 5.0)) for each in (market, grown)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].squares == pytest.approx(found[0].squares, rel=1e-6)


def test_each_test_grows_by_itself_and_drifts_what_never_trades(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights drift by w(1 - w) X, and X² has a mean of V T / 2 over a test, with growth s² V T² / 3 more."""
    monkeypatch.setattr("backtests.comparison.simulated_tests.TESTS", 1000)
    real, found = played(market, never=Never(HELD)), {}
    for ratios in (0.0, 0.7):
        split = ratios * 0.6, ratios * 0.8 * np.sqrt((len(market.dates) - 300) / 252.0)
        monkeypatch.setattr("backtests.comparison.simulated_tests.SHARPE_RATIOS", split)
        tests = simulated_tests(real, Benchmark.of(real["never"], 5.0))
        found[ratios] = tests.squares.mean()
    assert found[0.7] / found[0.0] == pytest.approx(1.0 + 0.7**2 * tests.years * 2.0 / 3.0, rel=0.1)
