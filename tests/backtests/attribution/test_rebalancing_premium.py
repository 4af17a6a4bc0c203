"""The rebalancing premium: its terms add up, and are those of the literature where that has a closed form."""

from collections.abc import Mapping

import numpy as np
import pytest
from drawn_cases import case
from hypothesis import given
from hypothesis import strategies as st
from simulated import MakeMarket

from backtests.attribution.attribution import attribution
from backtests.attribution.rebalancing_premium import excess_growth, rebalancing_premium
from backtests.comparison.fitting.candidates import backtest_candidate
from backtests.engine import Backtest, backtest
from foundation.errors import DataError, PolicyError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.market import delist
from research.portfolio import load_portfolio
from research.rules import Calendar, Never

HALVES = FixedWeights((0.5, 0.5))


@pytest.fixture(scope="module")
def main() -> dict[str, Backtest]:
    portfolio = load_portfolio("data/portfolios/global_multi_asset.yaml")
    names = ("never", "monthly", "quarterly", "threshold", "hrp_monthly")
    return {name: backtest_candidate(portfolio, portfolio.policies[name], name) for name in names}


def test_doubling_and_halving_on_paper(make_market: MakeMarket) -> None:
    """A doubles, then halves; B stands still: half and half rebalanced grows by 9/8, left alone by nothing."""
    market = make_market([[0.0, 0.0], [1.0, 0.0], [-0.5, 0.0]])
    found = rebalancing_premium(backtest(market, Calendar(HALVES, "day"), Costs.bps(2), lag=0))
    assert found.net == pytest.approx(np.log(9.0 / 8.0), abs=1e-15)
    assert found.terms["volatility return"] == pytest.approx(np.log(9.0 / 8.0), abs=1e-15), "A's growth rate is 0"
    assert found.terms["dispersion discount"] == pytest.approx(0.0, abs=1e-15), "the assets end where they began"
    assert found.drifting.tolist() == [1.0, 1.5, 1.0]


def test_the_dispersion_discount_is_the_relative_entropy_of_the_opening_to_the_drifted_weights(main) -> None:
    found, weights = rebalancing_premium(main["never"]), main["never"].weights.to_numpy()
    entropy = float((weights[0] * np.log(weights[0] / weights[-1])).sum())
    assert found.terms["dispersion discount"] == pytest.approx(-entropy, abs=1e-12)
    assert found.net == pytest.approx(0.0, abs=1e-12), "what never trades has no premium over itself"


def test_the_premium_net_of_costs_is_the_gap_to_never_trading(main: Mapping[str, Backtest]) -> None:
    for name in ("monthly", "quarterly", "threshold"):
        found = rebalancing_premium(main[name])
        assert found.net == pytest.approx(attribution(main[name], main["never"]).gap, abs=1e-10)
        assert found.residual <= 1e-10
        assert found.by_year["net"].sum() == pytest.approx(found.net, abs=1e-12)
        costs = [c for c in attribution(main[name], main["never"]).components if c in ("commission", "half_spread")]
        paid = attribution(main[name], main["never"]).by_component[costs].sum()
        assert found.terms["costs"] == pytest.approx(paid, rel=1e-2)


def test_another_target_has_its_own_drifting_portfolio(main: Mapping[str, Backtest]) -> None:
    played = main["hrp_monthly"]
    opening = tuple(played.targets.rows[played.targets.row[played.first]])
    alone = backtest(
        played.market, Never(FixedWeights(opening)), played.costs, start=played.dates[1], nav=played.wealth
    )
    gap = np.log(played.ledger.nav[-1] / played.ledger.nav[0]) - np.log(alone.ledger.nav[-1] / alone.ledger.nav[0])
    assert rebalancing_premium(played).net == pytest.approx(gap, abs=1e-10)


def test_constant_weights_have_the_excess_growth_rate_of_continuous_time(make_market: MakeMarket) -> None:
    """Fernholz and Shay (1982): half the weighted variances less the portfolio's; weekly returns of 1 % a day."""
    market = make_market(np.random.default_rng(2).normal(0.0, 0.01, (1_000, 2)), begin="2015-01-02")
    found = rebalancing_premium(backtest(market, Calendar(HALVES, "day"), Costs.bps(2), lag=0))
    covariance = np.cov(market.returns[1:].T, ddof=0)
    expected = 0.5 * (np.diag(covariance).mean() - np.full(2, 0.5) @ covariance @ np.full(2, 0.5)) * 999
    assert found.terms["volatility return"] == pytest.approx(expected, rel=0.02)
    assert abs(found.terms["weight changes"]) < 1e-12


def test_random_mixtures_of_every_cost_and_event_add_up() -> None:
    told, refused = set(), 0
    for seed in range(100):
        try:
            played = case(seed).played()
        except PolicyError:
            continue
        if (played.market.returns[played.first + 1 :] == -1.0).any():
            refused += 1
            with pytest.raises(DataError, match="lost everything"):
                rebalancing_premium(played)
            continue
        found = rebalancing_premium(played)
        assert found.residual <= 1e-10
        told |= {term for term, part in found.terms.items() if part != 0.0}
    assert told == set(found.terms.index)
    assert refused > 0


def test_a_delisted_line_is_cash_from_then_on_in_the_drifting_portfolio_too(make_market: MakeMarket) -> None:
    made = make_market(np.zeros((6, 2)), cash=0.01, halted=[(t, 0) for t in range(2, 6)])
    played = backtest(delist(made, "A00", made.dates[3], -0.3), Never(HALVES), Costs.bps(2), nav=100.0)
    found = rebalancing_premium(played)
    assert found.drifting[-1] == pytest.approx(0.5 + 0.35 * 1.01**2, abs=1e-14)
    assert found.net == pytest.approx(0.0, abs=1e-14)


def test_a_line_that_lost_everything_is_refused(make_market: MakeMarket) -> None:
    made = make_market(np.zeros((6, 2)), halted=[(t, 0) for t in range(2, 6)])
    market = delist(made, "A00", made.dates[3], -1.0)
    with pytest.raises(DataError, match=r"an asset that lost everything has no growth rate"):
        rebalancing_premium(backtest(market, Never(HALVES), Costs.bps(2)))


@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(-0.9, 3.0)), min_size=1, max_size=6))
def test_long_weights_have_no_negative_excess_growth(drawn: list[tuple[float, float]]) -> None:
    shares, returns = np.array(drawn).T
    assert excess_growth((shares / shares.sum())[None], returns[None])[0] >= -1e-15


def test_small_returns_have_the_rate_of_continuous_time() -> None:
    rng = np.random.default_rng(3)
    covariance = np.array([[4.0, 1.0, 0.0], [1.0, 2.0, -0.5], [0.0, -0.5, 0.0]]) + np.diag([0.1, 0.1, 0.5])
    returns = 1e-4 * rng.multivariate_normal(np.zeros(3), covariance, 400_000)
    weights = np.array([0.5, 0.3, 0.2])
    found = excess_growth(np.broadcast_to(weights, returns.shape), returns).mean()
    expected = 0.5e-8 * (weights @ np.diag(covariance) - weights @ covariance @ weights)
    assert found == pytest.approx(expected, rel=0.02)


def test_one_line_has_none_and_a_total_loss_is_refused() -> None:
    assert excess_growth(np.array([[0.0, 1.0]]), np.array([[0.5, 0.1]])).tolist() == [0.0]
    with pytest.raises(DataError, match=r"return -1 in period 0 of asset 1: an asset that lost everything"):
        excess_growth(np.array([[0.5, 0.5]]), np.array([[0.1, -1.0]]))
