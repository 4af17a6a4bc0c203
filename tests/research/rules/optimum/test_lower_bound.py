"""The bound from below: against known optima, computed and played, and on drawn returns; a law or two."""

import os
import subprocess
import sys
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from cases import cases

from backtests.laboratory.fully_invested import families_without_cash
from backtests.laboratory.learned.known_optimum import region_losses
from backtests.laboratory.simulate import Laboratory, estimate, play
from backtests.laboratory.simulated_market import FULLY_INVESTED
from foundation.errors import ConfigError
from research.accounting import Costs
from research.allocation import FixedWeights
from research.risk import GBM
from research.rules import PairRegion, Threshold
from research.rules.optimum import bound_search
from research.rules.optimum import lower_bound as module
from research.rules.optimum.bound_terms import beside, directions_of, divided, divided_tickets, loss_by_ticket
from research.rules.optimum.dynamic_programming import optimal_region
from research.rules.optimum.lower_bound import lower_bound

Array = np.ndarray
BP, WEEK = 1e-4, 1 / 52
Market = tuple[Array, Array, Array, Array, float, float]  # as `lower_bound` takes them
DESCENTS = """
from threadpoolctl import threadpool_info
from research.rules.optimum import bound_search
from research.rules.optimum.lower_bound import lower_bound

drawn = bound_search.Search.drawn

def first(*given):
    print(*(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
    return drawn(*given)

bound_search.Search.drawn = first
lower_bound([0.5, 0.5], [0.0, 0.0], [[0.04, 0.0], [0.0, 0.04]], [0.001, 0.001], 5.0, 1 / 52, mixed=False)
"""


def drawn(seed: int, whole: bool) -> Market:
    """Two assets beside cash, or three without: volatility 8 to 60 %, cost 1 to 50 bp, tracking penalty 1 to 20."""
    rng, n = np.random.default_rng(seed), 3 if whole else 2
    volatility = np.exp(rng.uniform(np.log(0.08), np.log(0.6), n))
    loadings = rng.normal(size=(n, n + 2))
    correlation = loadings @ loadings.T
    correlation /= np.sqrt(np.outer(np.diag(correlation), np.diag(correlation)))
    covariance = (0.8 * correlation + 0.2 * np.eye(n)) * np.outer(volatility, volatility)
    target, cost = rng.dirichlet(np.full(3, 3.0))[:n], np.exp(rng.uniform(np.log(1e-4), np.log(5e-3), n))
    return target, 0.25 * volatility, covariance, cost, float(np.exp(rng.uniform(0.0, np.log(20.0)))), WEEK


def equal(n: int, cost: float = 10 * BP) -> Market:
    """Fully invested in equal parts: volatility 20 %, correlation 0.3."""
    covariance = 0.04 * (0.3 + 0.7 * np.eye(n))
    return np.full(n, 1.0 / n), np.full(n, 0.05), covariance, np.full(n, cost), 5.0, WEEK


@pytest.mark.parametrize("whole", [False, True])
def test_where_lines_are_correlated_it_is_below_the_known_optimum(whole: bool) -> None:
    gaps = []
    for seed in range(5):
        market = drawn(seed, whole)
        gaps.append(lower_bound(*market).value / optimal_region(*market).value - 1.0)
    assert max(gaps) < 0.0
    assert np.median(gaps) > -0.05
    assert min(gaps) > -0.1


def test_where_the_terms_as_they_are_are_loose_the_programme_stretches_them() -> None:
    """Correlations of -0.8: the terms as they are are 10 % below the optimum."""
    market = drawn(163, True)
    bound, optimum = lower_bound(*market), optimal_region(*market).value
    assert 0.95 * optimum < bound.value < optimum
    assert bound.shares[:, 1:].any()


def test_where_gaps_drift_as_far_as_their_region_in_a_week_it_is_below_the_optimum_too() -> None:
    """Seven nodes stated 1.6 % too little of this optimum, and the bound was 1 % above it."""
    market = drawn(197, True)
    assert 0.99 < lower_bound(*market).value / optimal_region(*market).value < 1.0


def test_with_unequal_costs_it_is_nearer_than_a_programme_over_single_assets_and_pairs() -> None:
    """Solved apart from this code: an optimum of 2.430 bp a year, and 2.269 as such a programme's least charge."""
    market = FULLY_INVESTED["three assets, 5, 10 and 30 bp"]
    optimum = 1e4 * optimal_region(*market.problem, 5.0, WEEK).value
    assert optimum == pytest.approx(2.430, rel=4e-3)  # on another grid, good to 0.3 %
    assert 2.269 < market.lower_bound() < optimum


@pytest.mark.parametrize(("bps", "below"), [(1.0, 0.012), (10.0, 0.023), (50.0, 0.032), (100.0, 0.035)])
def test_where_they_are_not_it_is_below_it_too_and_near(bps: float, below: float) -> None:
    """To leading order the bound is above the optimum here: squared gaps, which grow with cost, are what that omits."""
    market = np.full(2, 0.4), np.zeros(2), 0.15**2 * np.eye(2), np.full(2, bps * BP), 5.0, WEEK
    bound, optimum = lower_bound(*market), optimal_region(*market).value
    assert bound.losses.sum() > optimum
    assert -below < bound.value / optimum - 1.0 < 0.0


def test_strong_drifts_do_not_lift_it_above_the_optimum() -> None:
    """Drifts of up to two volatilities a year: the losses of the assets come to 2 % more than the optimum."""
    rng, above = np.random.default_rng(0), []
    for _ in range(3):
        volatility, correlation = np.exp(rng.uniform(np.log(0.05), np.log(0.6), 2)), rng.uniform(-0.3, 0.3)
        covariance = np.outer(volatility, volatility) * [[1.0, correlation], [correlation, 1.0]]
        market = (rng.dirichlet(np.full(3, 2.0))[:2], rng.uniform(-2.0, 2.0, 2) * volatility, covariance,
                  np.exp(rng.uniform(np.log(1e-4), np.log(1e-2), 2)), np.exp(rng.uniform(0.0, 3.0)), WEEK)  # fmt: skip
        bound, optimum = lower_bound(*market), optimal_region(*market).value
        above.append([bound.value / optimum - 1.0, bound.losses.sum() / optimum - 1.0])
    assert max(above)[0] < 0.0
    assert np.median(above, axis=0)[0] > -0.1


def test_no_held_portfolio_is_charged_less_on_drawn_returns() -> None:
    """The inequality itself, with joint lognormal returns of all assets instead of each asset's quadrature."""
    target, mean, covariance, cost, penalty, interval = drawn(5, whole=True)
    bound, n = lower_bound(target, mean, covariance, cost, penalty, interval), len(target)
    rng = np.random.default_rng(3)
    shocks = rng.normal(size=(50_000, n))
    shocks = np.concatenate([shocks, -shocks]) @ np.linalg.cholesky(covariance * interval).T
    growth = np.exp((mean - 0.5 * np.diag(covariance)) * interval + shocks)
    regions = []
    for k, direction in enumerate(bound.directions):
        share = direction @ target
        part, rest = direction * target / share, (1.0 - direction) * target / (1.0 - share)
        growths = [weights @ mean - 0.5 * weights @ covariance @ weights for weights in (part, rest)]
        apart = float((part - rest) @ covariance @ (part - rest))
        regions.append(
            optimal_region(
                [share], [growths[0] - growths[1] + 0.5 * apart], [[apart]], bound.cost[k : k + 1],
                penalty * bound.variance[k] / apart, interval,
            )
        )  # fmt: skip
        assert regions[k].value == pytest.approx(bound.losses[k], rel=1e-6)

    def alone(k: int, moved: Array) -> Array:
        axis, values = regions[k].axes[0], regions[k].values
        inside = np.clip(moved, axis[0], axis[-1])
        return np.interp(inside, axis, values) + bound.cost[k] * np.abs(moved - inside)

    def value(gaps: Array) -> Array:
        moved = gaps @ bound.directions.T
        return sum(
            bound.shares[k, j] * stretch * alone(k, (moved[:, k] - shift * bound.width[k]) / stretch)
            for k in range(len(regions))
            for j, (stretch, shift) in enumerate(bound_search.TERM_SHAPES)
            if bound.shares[k, j] > 0.0
        )

    assert bound.shares[:, 1:].any()
    for _ in range(20):
        gaps = 0.25 * target * rng.uniform(-1.0, 1.0, n)
        gaps -= target * gaps.sum()
        worth = (target + gaps) * growth
        after = value(worth / worth.sum(axis=1, keepdims=True) - target)
        error = 4.0 * after.std() / np.sqrt(len(after)) / interval
        charged = 0.5 * penalty * gaps @ covariance @ gaps + (after.mean() - value(gaps[None])[0]) / interval
        assert charged + error > bound.value
        assert error < 0.2 * bound.value


def test_an_order_ticket_is_that_of_an_event_where_each_trade_has_one_order_or_two() -> None:
    fee = 0.2 * BP
    one = [0.6], [0.02], [[0.16**2]], [0.001], 2.0, WEEK
    assert lower_bound(*one, order_tickets=np.array([fee])).value == lower_bound(*one, ticket=fee).value
    two = [0.6, 0.4], [0.02, 0.01], [[0.04, 0.01], [0.01, 0.02]], [0.001, 0.0005], 2.0, WEEK
    both = lower_bound(*two, order_tickets=np.array([fee, 2.0 * fee])).value
    assert both == pytest.approx(lower_bound(*two, ticket=3.0 * fee).value, rel=1e-9)


def test_orders_worth_their_tickets_come_near_the_bound() -> None:
    """Ten assets of one correlation, 0.1 bp an order: no rule can lose much less than the pair region."""
    market, fee = equal(10), 0.1 * BP
    target, mean, covariance, cost, penalty, _ = market
    bound = 1e4 * lower_bound(*market, order_tickets=np.full(10, fee)).value
    held = FixedWeights(tuple(target))
    laboratory = Laboratory(
        GBM(mean, covariance, 52), held.weights, Costs(cost, np.zeros(10), ticket=np.full(10, fee)), penalty, 12,
        13 * 52, 1, warm_up=3 * 52, periods_per_year=52, calendar="24/5",
    )  # fmt: skip
    region = PairRegion(held, 2.0 * penalty, covariance=covariance.tolist(), periods_per_year=52.0)
    found = estimate(play(laboratory, region).loss)
    assert bound < found.upper
    assert found.value < 1.06 * bound
    assert bound > 1.4e4 * lower_bound(*market).value, "tickets count"


def test_clusters_are_charged_a_part_of_order_tickets() -> None:
    """Where only the terms of single assets are charged one, it is 2.30 bp."""
    market, fee = FULLY_INVESTED["two clusters of five, 10 bp"], 0.1 * BP
    bound = 1e4 * lower_bound(*market.problem, 5.0, WEEK, order_tickets=np.full(10, fee)).value
    costs = Costs(market.costs, np.zeros(10), ticket=np.full(10, fee))
    rule = PairRegion(market.holding, covariance=market.covariance.tolist(), periods_per_year=52.0, power=0.5)
    found = estimate(play(replace(market.laboratory(24, 1), costs=costs), rule).loss)
    assert 2.45 < bound < found.upper
    assert found.value < 1.1 * bound


@pytest.mark.parametrize("event", [0.0, 0.3 * BP])
def test_no_trade_pays_terms_more_than_its_tickets(event: float) -> None:
    """Each set of two assets or more, and each term that a trade of them can move; all of the tickets are paid out."""
    market, rng = FULLY_INVESTED["six stocks and four bonds, 2 to 10 bp"], np.random.default_rng(2)
    target, mean, covariance, cost = market.problem
    orders = rng.uniform(0.0, 0.3, 10) * BP * (rng.uniform(size=10) > 0.2)
    assert (orders == 0.0).any()
    directions = directions_of(covariance)
    share, _, apart = beside(directions, target, mean, covariance)
    squared = (share * (1.0 - share)) ** 2 * apart
    paid, variance = divided(directions, covariance, cost, squared)
    kept = variance * paid > 1e-6 * (variance * paid).max()
    terms = paid[kept], 5.0 * variance[kept], squared[kept]
    fees = divided_tickets(directions[kept], terms, event, orders)
    traded = (np.arange(2**10)[:, None] >> np.arange(10)) % 2 == 1
    traded = traded[traded.sum(axis=1) > 1]
    weights = np.where(traded[:, None, :], directions[kept], np.nan)
    moved = np.nanmax(weights, axis=2) > np.nanmin(weights, axis=2)
    assert 0.999 < ((moved @ fees) / (event + traded @ orders + 1e-20)).max() < 1.0 + 1e-9
    assert (fees > 0.0).sum() > 5


def test_the_loss_of_a_term_by_its_ticket_is_that_of_the_programme() -> None:
    """To leading order: one asset of 30 % watched daily, at tickets of 0 to 3 bp of NAV."""
    squared = np.array([(0.3 * 0.7 * 0.15) ** 2])
    loss, fee, slope = (found[0] for found in loss_by_ticket(np.array([BP]), np.array([5.0 * 0.15**2]), squared))
    for ticket in (0.0, 0.1 * BP, BP, 3.0 * BP):
        optimum = optimal_region([0.3], [0.0], [[0.15**2]], [BP], 5.0, 1 / 252, ticket=ticket).value
        assert np.interp(ticket, fee, loss) == pytest.approx(optimum, rel=0.05)
    between = np.diff(loss) / np.diff(fee)
    assert ((slope[1:] < between) & (between < slope[:-1])).all()


@pytest.mark.parametrize("ticket", [0.0, 1 * BP])
def test_it_is_below_what_the_optimum_loses_on_two_thousand_paths(ticket: float) -> None:
    market = equal(3)
    region = optimal_region(*market, ticket=ticket)
    laboratory = Laboratory(
        GBM(market[1], market[2], 52), tuple(market[0].tolist()), Costs(market[3], np.zeros(3)), 5.0, 2_000, 52 * 8,
        seed=2, warm_up=156, periods_per_year=52,
    )  # fmt: skip
    losses = region_losses(laboratory, region) * BP
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert lower_bound(*market, ticket=ticket).value < losses.mean() - 1.96 * error


def test_small_lines_that_are_not_correlated_lose_nothing_by_being_alone() -> None:
    market = np.array([0.03, 0.03]), np.zeros(2), np.diag([0.04, 0.09]), np.array([5.0, 20.0]) * BP, 5.0, WEEK
    assert lower_bound(*market).value == pytest.approx(optimal_region(*market).value, rel=2e-4)


def test_two_fully_invested_lines_are_bounded_by_all_that_they_lose() -> None:
    """Two gaps of one size: half the tracking each, and its own cost each, come to all tracking at both costs."""
    market = equal(2)
    assert lower_bound(*market).value == pytest.approx(optimal_region(*market).value, rel=0.01)


@pytest.mark.parametrize("whole", [False, True])
def test_terms_never_take_more_than_a_trade_costs_or_a_gap_is_charged(whole: bool) -> None:
    market = drawn(6, whole)
    covariance, cost, bound = market[2], market[3], lower_bound(*market)
    if not whole:
        covariance, cost = np.pad(covariance, (0, 1)), np.append(cost, 0.0)
    trades = np.random.default_rng(0).normal(size=(2_000, len(cost)))
    trades = np.concatenate([trades, [[1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, -1.0]]])
    trades -= np.array([0.0, 0.0, 1.0]) * trades.sum(axis=1, keepdims=True)
    moved = trades @ bound.directions.T
    paid = (np.abs(moved) @ (bound.cost * bound.shares.sum(axis=1))) / (np.abs(trades) @ cost)
    charged = (moved**2 @ bound.variance) / np.einsum("ki,ij,kj->k", trades, covariance, trades)
    assert 0.999 < paid.max() < 1.0 + 1e-9
    assert 0.99 < charged.max() < 1.0 + 1e-9


@cases(
    "name, horizon, below", ("two clusters of five, 10 bp", 0.2, 0.02), ("six stocks and four bonds, 10 bp", 0.5, 0.06)
)
def test_where_assets_cluster_it_is_near_a_rule_that_knows_it(name: str, horizon: float, below: float) -> None:
    """A sum over assets alone is 0.75 bp where two clusters of five lose 2.0."""
    market = FULLY_INVESTED[name]
    losses = play(market.laboratory(200, 1), families_without_cash(market)["best point"].make(horizon)).loss
    error = losses.std(ddof=1) / np.sqrt(len(losses)) / losses.mean()
    assert -below - 2.0 * error < market.lower_bound() / losses.mean() - 1.0 < 2.0 * error
    assert error < 0.015


def test_where_costs_differ_a_cluster_less_one_asset_is_a_term_too() -> None:
    """Without such terms it is 0.390 bp; mixed, by eight programmes that do not go half-way, 0.409."""
    market = FULLY_INVESTED["six stocks and four bonds, 2 to 10 bp"]
    rule = PairRegion(market.holding, covariance=market.covariance.tolist(), periods_per_year=52.0, power=0.5)
    losses = play(market.laboratory(200, 1), rule).loss
    assert 1e4 * lower_bound(*market.problem, 5.0, WEEK, mixed=False).value > 0.4
    assert 0.411 < market.lower_bound() < losses.mean() < 0.46


def test_how_often_a_line_is_watched_hardly_matters_where_it_drifts_slowly() -> None:
    """Watched twice a day it drifts 3.4 % of its half-width. Where it drifts less a programme may not come to rest."""
    problem = [0.3], [0.0], [[0.15**2]], [0.005], 5.0
    bound = lower_bound(*problem, 1 / 504).value
    for optimum in (optimal_region(*problem, 1 / 504).value, optimal_region(*problem, WEEK).value):
        assert 0.995 * optimum < bound < 1.005 * optimum


@pytest.mark.parametrize("market", [drawn(2, True), FULLY_INVESTED["six stocks and four bonds, 2 to 10 bp"].problem])
def test_costs_and_charges_are_split_as_the_programme_in_cvxpy_has_them(market: tuple[Array, ...]) -> None:
    target, mean, covariance, cost = market[:4]
    directions = directions_of(covariance)
    share, _, apart = beside(directions, target, mean, covariance)
    squared = (share * (1.0 - share)) ** 2 * apart
    one, other = np.triu_indices(len(cost), 1)
    occurring = np.linalg.svd(np.ones((1, len(cost))))[2][1:].T
    seen, scale = directions @ occurring, np.linalg.norm(covariance)
    paid, variance, loss = (cp.Variable(len(directions)) for _ in range(3))
    gain = (squared / squared.max()) ** (2.0 / 3.0)
    programme = cp.Problem(
        cp.Maximize(gain @ loss),
        [cp.PowCone3D(paid, variance, loss, 2.0 / 3.0),
         np.abs(directions[:, one] - directions[:, other]).T @ paid <= (cost[one] + cost[other]) / cost.max(),
         occurring.T @ covariance @ occurring / scale - seen.T @ cp.diag(variance) @ seen >> 0],
    )  # fmt: skip
    programme.solve(solver=cp.CLARABEL)
    costs, charges = divided(directions, covariance, cost, squared)
    found = gain @ np.cbrt((costs / cost.max()) ** 2 * charges / scale)
    assert found == pytest.approx(programme.value, rel=1e-5)


def test_the_order_of_the_lines_changes_nothing() -> None:
    target, mean, covariance, cost, penalty, interval = drawn(3, whole=True)
    order = np.array([2, 0, 1])
    turned = lower_bound(target[order], mean[order], covariance[np.ix_(order, order)], cost[order], penalty, interval)
    assert turned.value == pytest.approx(lower_bound(*drawn(3, whole=True)).value, rel=2.0 * bound_search.AGREED)


@pytest.mark.parametrize(("ticket", "found"), [(0.0, 1e-6), (BP, 2e-3)])
def test_charges_times_four_make_four_times_the_bound(
    ticket: float, found: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a ticket the search ends in one of many low places; where it begins is drawn alike for both."""
    monkeypatch.setattr(module, "WITH_TICKET", bound_search.DESCENTS)
    target, mean, covariance, cost, penalty, interval = drawn(4, whole=True)
    there = lower_bound(target, mean, covariance, cost, penalty, interval, ticket=ticket)
    fourfold = lower_bound(target, mean, covariance, 4 * cost, 4 * penalty, interval, ticket=4 * ticket)
    np.testing.assert_allclose(fourfold.losses, 4.0 * there.losses, rtol=1e-4)
    assert fourfold.value == pytest.approx(4.0 * there.value, rel=found)


def test_descents_take_one_blas_thread_from_the_first_of_a_process_on() -> None:
    """With two, the second spins between products of eight numbers: a search took 12 to 150 times the processor."""
    done = subprocess.run(
        [sys.executable, "-c", DESCENTS], capture_output=True, text=True, check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "2"},
    )  # fmt: skip
    assert set(done.stdout.split()) == {"1"}


def test_ten_lines_are_bounded_within_a_tenth_of_a_plain_band() -> None:
    market = equal(10)
    holding = FixedWeights(tuple(market[0].tolist()))
    laboratory = Laboratory(
        GBM(market[1], market[2], 52), holding.weights, Costs(market[3], np.zeros(10)), 5.0, 200, 52 * 13, seed=1,
        warm_up=156, periods_per_year=52,
    )  # fmt: skip
    losses = play(laboratory, Threshold(holding, 0.014, "edge")).loss * BP
    assert 1.0 < losses.mean() / lower_bound(*market).value < 1.1


@cases(
    "given, message",
    ({"covariance": np.full((2, 2), 0.04)}, r"covariance of lower_bound is .* give one that is not singular"),
    ({"covariance": np.array([[0.04, 0.03], [0.0, 0.04]])}, "covariance of lower_bound"),
    ({"target": [0.8, 0.8]}, r"target of lower_bound is \[0.8, 0.8\]: weights sum to one, or to less"),
    ({"mean": [0.0]}, r"mean of lower_bound has shape \(1,\): give \(2,\)"),
    ({"cost": [0.0, 0.0]}, r"cost of lower_bound is \[0.0, 0.0\]: give a fraction of the notional above 0"),
    ({"ticket": -1.0}, "ticket is -1.0: give a fraction of NAV"),
    ({"interval": float("nan")}, "interval is nan"),
)
def test_numbers_out_of_range_are_refused(given: dict[str, object], message: str) -> None:
    problem = {"target": [0.4, 0.3], "mean": [0.0, 0.0], "covariance": 0.04 * np.eye(2), "cost": [BP, BP]}
    with pytest.raises(ConfigError, match=message):
        lower_bound(**(problem | {"tracking_penalty": 5.0, "interval": WEEK} | given))
