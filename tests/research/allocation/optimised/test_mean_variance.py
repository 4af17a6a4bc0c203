"""Mean-variance portfolios: against optimality conditions, PyPortfolioOpt and skfolio, with prices of limits."""

import numpy as np
import pandas as pd
import pytest

from foundation.errors import ConfigError, DataError, PolicyError
from research.allocation import MeanVariance, NotSolvedError, target_path
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import optimum
from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    CVaRLimit,
    Exposure,
    Group,
    Most,
    TrackingErrorLimit,
)
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import (
    maximum_return,
    maximum_sharpe,
    minimum_volatility,
    return_limit,
    utility,
    volatility_limit,
)
from research.allocation.optimised.frontier import frontier
from research.allocation.risk_based.risks import volatility_risk
from research.forecast import Estimated, Moments
from research.market import Past

A_YEAR = 252.0
TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}


class Stocks:
    """Twenty real stocks, a year."""

    def __init__(self, returns: pd.DataFrame) -> None:
        self.assets = tuple(returns.columns)
        self.returns = returns.to_numpy()
        self.mean = A_YEAR * self.returns.mean(axis=0)
        self.covariance = A_YEAR * np.cov(self.returns, rowvar=False)
        self.root = root_of(self.covariance, self.assets)
        self.sector = [f"s{i % 4}" for i in range(20)]
        self.score = np.linspace(0.0, 10.0, 20)

    def known(self, **more):
        columns = {"sector": self.sector, "score": self.score.tolist()}
        return Known(self.assets, columns, self.covariance, **more)

    def limits(self, asked=None, **more):
        return build(asked or Constraints(), self.known(**more))


@pytest.fixture(scope="module")
def twenty(stocks):
    return Stocks(stocks)


LIMITED = Constraints(
    every_line=Bounds(least=0.0, most=0.15),
    groups={"first": Group(where={"sector": "s0"}, least=0.3), "last": Group(where={"sector": "s3"}, most=0.2)},
    exposures={"score": Exposure(column="score", least=4.8)},
)


def test_two_lines_by_hand():
    # Volatilities 1 and 2, no correlation: 4/5 and 1/5; held at 0.7, a point more lowers sqrt(0.49 + 0.36) as below.
    known = Known(("A", "B"), covariance=np.diag([1.0, 4.0]))
    aim = minimum_volatility(root_of(known.covariance, known.assets))
    assert optimum(build(Constraints(), known), aim).weights == pytest.approx([0.8, 0.2], abs=1e-8)
    held = optimum(build(Constraints(lines={"A": Bounds(most=0.7)}), known), aim)
    assert held.weights.tolist() == pytest.approx([0.7, 0.3], abs=1e-9)
    assert held.value == pytest.approx(0.85**0.5)
    price = (4.0 * 0.3 - 0.7) / 0.85**0.5  # -d/dw sqrt(w^2 + 4 (1 - w)^2) at 0.7
    assert held.prices["lines.A.most"] == pytest.approx(price, rel=1e-6)
    said = {one.limit: one.brings for one in held.binding}["A is at most 70.00 % of NAV"]
    assert said == "one point of NAV more of room takes 54.2 bp off the volatility a year"


def peer(twenty, **more):
    """PyPortfolioOpt's programme with the limits of `LIMITED`, stated by hand."""
    from pypfopt import EfficientFrontier

    found = EfficientFrontier(
        twenty.mean, twenty.covariance, (0.0, 0.15), solver="CLARABEL", solver_options=TIGHT, **more
    )
    first, last = (np.array([one == name for one in twenty.sector], float) for name in ("s0", "s3"))
    found.add_constraint(lambda w: first @ w >= 0.3)
    found.add_constraint(lambda w: last @ w <= 0.2)
    found.add_constraint(lambda w: twenty.score @ w >= 4.8)
    return found


def test_each_aim_gives_the_weights_of_pypfopt(twenty):
    limits, mean, root = twenty.limits(LIMITED), twenty.mean, twenty.root
    first = peer(twenty)
    first.min_volatility()
    assert optimum(limits, minimum_volatility(root)).weights == pytest.approx(first.weights, abs=2e-5)
    sharpe = peer(twenty)
    sharpe.max_sharpe(risk_free_rate=0.02)
    mine = optimum(limits, maximum_sharpe(mean, root, 0.02))
    assert mine.weights == pytest.approx(sharpe.weights, abs=2e-5)
    assert mine.value == pytest.approx(sharpe.portfolio_performance(risk_free_rate=0.02)[2], rel=1e-8)
    useful = peer(twenty)
    useful.max_quadratic_utility(risk_aversion=4.0)
    assert optimum(limits, utility(mean, root, 4.0)).weights == pytest.approx(useful.weights, abs=2e-5)
    target = float(mean @ mine.weights)
    returning = peer(twenty)
    returning.efficient_return(target)
    with_target = limits.with_limits([*limits.limits, return_limit(mean, target)])
    assert optimum(with_target, minimum_volatility(root)).weights == pytest.approx(returning.weights, abs=2e-5)
    risky = peer(twenty)
    risky.efficient_risk(0.2)
    at_risk = limits.with_limits([*limits.limits, volatility_limit(root, 0.2)])
    assert optimum(at_risk, maximum_return(mean)).weights == pytest.approx(risky.weights, abs=2e-5)


def test_minimum_volatility_and_sharpe_give_the_weights_of_skfolio(twenty, stocks):
    from skfolio import RiskMeasure
    from skfolio.optimization import MeanRisk, ObjectiveFunction

    limits = twenty.limits(Constraints(every_line=Bounds(least=0.01, most=0.15)))
    for aim, wanted in (
        (minimum_volatility(twenty.root), ObjectiveFunction.MINIMIZE_RISK),
        (maximum_sharpe(twenty.mean, twenty.root, 0.0), ObjectiveFunction.MAXIMIZE_RATIO),
    ):
        theirs = MeanRisk(
            wanted, RiskMeasure.VARIANCE, min_weights=0.01, max_weights=0.15, solver_params=dict(TIGHT)
        ).fit(stocks)
        assert optimum(limits, aim).weights == pytest.approx(theirs.weights_, abs=1e-4)


def test_robust_utility_is_that_of_skfolio_s_ellipsoid(twenty, stocks, noisy):
    import cvxpy as cp
    from skfolio.prior import EmpiricalPrior
    from skfolio.uncertainty_set import EmpiricalMuUncertaintySet

    theirs = EmpiricalMuUncertaintySet(EmpiricalPrior(), confidence_level=0.9, diagonal=False).fit(stocks)
    ellipsoid = theirs.uncertainty_set_
    width = ellipsoid.radius * ellipsoid.geometry.T  # a day
    weights = cp.Variable(20)
    worst = twenty.mean @ weights - A_YEAR * cp.norm(width @ weights)
    programme = cp.Problem(
        cp.Maximize(worst - 0.5 * 4.0 * cp.sum_squares(twenty.root @ weights)),
        [cp.sum(weights) == 1, weights >= 0, weights <= 1],
    )
    programme.solve(solver="CLARABEL", **TIGHT)
    forecast = Estimated(covariance="sample", window=len(stocks))
    allocation = MeanVariance("robust_utility", forecast=forecast, risk_aversion=4.0, confidence=0.9)
    mine = allocation.best(twenty.limits(), _a_year(twenty), 0.0)
    assert mine.value == pytest.approx(programme.value, rel=1e-6)
    assert mine.weights == pytest.approx(weights.value, abs=5e-5)  # Clarabel's own end at 1e-5, elsewhere by processor


def _a_year(twenty):
    return Moments(twenty.assets, twenty.mean, twenty.covariance, A_YEAR, pd.Timestamp("2022-12-28"))


def test_minimum_volatility_meets_the_conditions_of_optimality(twenty):
    limits = twenty.limits(Constraints(every_line=Bounds(least=0.01, most=0.12)))
    found = optimum(limits, minimum_volatility(twenty.root))
    # Karush, Kuhn, Tucker: gradient of the volatility = one number, less the price of a cap, plus that of a floor.
    prices = {one.limit: one.price for one in found.binding}
    caps = np.array([prices.get(f"{name} is at most 12.00 % of NAV", 0.0) for name in twenty.assets])
    floors = np.array([prices.get(f"{name} is at least 1.00 % of NAV", 0.0) for name in twenty.assets])
    gradient = twenty.covariance @ found.weights / found.value
    assert np.ptp(gradient + caps - floors) < 1e-6 * gradient.mean()
    assert -found.prices["net"] == pytest.approx((gradient + caps - floors).mean())
    assert ((caps > 0) | (floors > 0)).sum() >= 10


@pytest.mark.parametrize("aim", ["minimum_volatility", "maximum_sharpe", "utility"])
def test_a_price_is_what_a_little_more_room_brings(twenty, aim):
    asked = Constraints(
        every_line=Bounds(least=-0.2, most=0.15),
        gross=Most(most=1.3),
        groups={"first": Group(where={"sector": "s0"}, least=0.4), "last": Group(where={"sector": "s3"}, most=0.05)},
        exposures={"score": Exposure(column="score", least=5.5)},
        turnover=Most(most=0.5),
        tracking_error=TrackingErrorLimit(most=0.08, benchmark=dict.fromkeys(twenty.assets[:10], 0.1)),
        cvar=CVaRLimit(most=0.025, level=0.9),
    )
    more = {"previous": np.full(20, 0.05), "returns": twenty.returns[-120:]}
    limits = twenty.limits(asked, **more)
    wanted = {
        "minimum_volatility": minimum_volatility(twenty.root),
        "maximum_sharpe": maximum_sharpe(twenty.mean, twenty.root, 0.01),
        "utility": utility(twenty.mean, twenty.root, 2.0),
    }[aim]
    found, step, better = optimum(limits, wanted), 1e-5, -1.0 if aim == "minimum_volatility" else 1.0
    assert sum(abs(price) > 1e-4 for price in found.prices.values()) >= 4
    for k, limit in enumerate(limits.limits):
        slopes = []  # where the tail or a bound changes with the step, those to the two sides differ
        for way in (step, -step):
            wider = _raised(limit, way) if limit.equation else limit.widened(way)
            moved = [wider if j == k else one for j, one in enumerate(limits.limits)]
            slopes.append(better * (optimum(limits.with_limits(moved), wanted).value - found.value) / way)
        room = 0.005 * max(map(abs, slopes)) + 2e-4
        assert min(slopes) - room <= found.prices[limit.key] <= max(slopes) + room


def _raised(limit, step):
    from dataclasses import replace

    return replace(limit, lower=limit.lower + step, upper=limit.upper + step)


@pytest.mark.parametrize("aim", ["minimum_volatility", "maximum_sharpe", "utility", "target_risk"])
def test_weights_of_random_feasible_sets_keep_every_limit_in_any_order_of_columns(drawn, turned, aim):
    for seed in range(75):
        rng = np.random.default_rng(seed)
        asked, known, mean = drawn(rng, int(rng.integers(3, 9)))

        def best(known, mean, asked=asked):
            root, limits = root_of(known.covariance, known.assets), build(asked, known)
            if aim == "target_risk":
                least = optimum(limits, minimum_volatility(root)).value
                limits = limits.with_limits([*limits.limits, volatility_limit(root, 1.05 * least)])
            wanted = {
                "minimum_volatility": minimum_volatility(root),
                "maximum_sharpe": maximum_sharpe(mean + 0.2, root, 0.01),
                "utility": utility(mean, root, 3.0),
                "target_risk": maximum_return(mean),
            }[aim]
            return limits, optimum(limits, wanted)

        limits, found = best(known, mean)
        assert abs(found.weights.sum() - 1.0) <= 1e-9
        assert limits.outside(found.weights).max() <= 1e-8
        if seed % 5:
            continue
        order = rng.permutation(len(known.assets))
        other = best(turned(known, order), mean[order])[1]
        assert other.value == pytest.approx(found.value, rel=1e-7, abs=1e-8)
        assert other.weights == pytest.approx(found.weights[order], abs=1e-6 if aim == "target_risk" else 1e-9)


def test_the_frontier_is_convex_and_each_point_is_the_target_return_s_portfolio(twenty):
    limits = twenty.limits(LIMITED)
    found = frontier(limits, twenty.mean, volatility_risk(twenty.root), 12)
    assert (np.diff(found.mean) > 0.0).all()
    assert (np.diff(found.risk) >= -1e-9).all()
    assert (np.diff(np.diff(found.risk) / np.diff(found.mean)) > -1e-4).all()
    theirs = peer(twenty)
    theirs.efficient_return(float(found.mean[5]))
    assert found.weights[5] == pytest.approx(theirs.weights, abs=2e-5)
    assert max(limits.outside(weights).max() for weights in found.weights) <= 1e-8
    said = [one.limit for one in found.binding[6]]
    assert said
    assert not any("expected return" in words for words in said)


def test_few_lines_are_those_of_the_best_of_all_subsets(twenty):
    from itertools import combinations

    mean, covariance = twenty.mean[:8] + 1.0, twenty.covariance[:8, :8]
    known = Known(twenty.assets[:8], covariance=covariance)
    root = root_of(covariance, known.assets)
    asked = Constraints(every_line=Bounds(least=0.0, most=0.6), cardinality=Cardinality(most=3, if_held=0.1))
    for aim in (minimum_volatility(root), maximum_sharpe(mean, root, 0.0), utility(mean, root, 3.0)):
        found = optimum(build(asked, known), aim)
        values = []
        for some in (*combinations(range(8), 2), *combinations(range(8), 3)):
            lines = {name: Bounds(most=0.0) for i, name in enumerate(known.assets) if i not in some}
            lines |= {known.assets[i]: Bounds(least=0.1) for i in some}
            values.append(optimum(build(Constraints(every_line=asked.every_line, lines=lines), known), aim).value)
        best = min(values) if aim.sign > 0.0 and aim.numerator is None else max(values)
        assert found.value == pytest.approx(best, rel=1e-6)
        assert (found.weights > 0.0).sum() <= 3
        assert found.weights[found.weights > 0.0].min() >= 0.1 - 1e-8


def test_no_room_of_a_line_that_is_left_out_by_the_number_of_lines_brings_anything(twenty):
    known = Known(twenty.assets[:8], covariance=twenty.covariance[:8, :8])
    asked = Constraints(every_line=Bounds(least=0.0, most=0.45), cardinality=Cardinality(most=3, if_held=0.1))
    root = root_of(known.covariance, known.assets)
    found = optimum(build(asked, known), minimum_volatility(root))
    left_out = {name for name, weight in zip(known.assets, found.weights, strict=True) if weight == 0.0}
    assert len(left_out) == 5
    assert not left_out & {one.limit.split()[0] for one in found.binding}
    for one in frontier(build(asked, known), twenty.mean[:8], volatility_risk(root), 4).binding:
        assert not any("assets are held" in bound.limit for bound in one)


def test_soft_limits_are_exceeded_where_that_brings_more_than_their_price(twenty):
    def at(price):
        asked = Constraints(groups={"last": Group(where={"sector": "s3"}, most=0.05, price=price)})
        return optimum(twenty.limits(asked), minimum_volatility(twenty.root))

    dear, cheap = at(10.0), at(1e-6)
    hard = optimum(
        twenty.limits(Constraints(groups={"last": Group(where={"sector": "s3"}, most=0.05)})),
        minimum_volatility(twenty.root),
    )
    free = optimum(twenty.limits(), minimum_volatility(twenty.root))
    assert dear.weights == pytest.approx(hard.weights, abs=1e-5)
    assert cheap.weights == pytest.approx(free.weights, abs=1e-3)
    assert "exceeded at its price" in cheap.notes[0]
    assert not dear.notes
    between = at(hard.prices["groups.last.most"] / 2.0)
    assert between.prices["groups.last.most"] == pytest.approx(hard.prices["groups.last.most"] / 2.0, rel=1e-5)


def test_what_gives_way_is_said(twenty):
    asked = Constraints(
        every_line=Bounds(least=0.0, most=0.1),
        groups={
            "first": Group(where={"sector": "s0"}, most=0.2, gives_way=1),
            "rest": Group(where={"sector": ["s1", "s2", "s3"]}, most=0.7, gives_way=2),
        },
    )
    found = optimum(twenty.limits(asked), minimum_volatility(twenty.root))
    assert found.weights[np.array(twenty.sector) == "s0"].sum() == pytest.approx(0.3, abs=1e-6)
    assert found.notes == ("first (sector s0) is at most 20.00 % of NAV: it gave way (place 1), and is at 30.00 %.",)


def test_a_conflict_is_told_where_no_weights_exist(twenty):
    asked = Constraints(every_line=Bounds(least=0.0, most=0.04))
    said = r"every asset is at most 4\.00 % of NAV; the sum of the weights is 100\.00 %"
    with pytest.raises(NotSolvedError, match=said):
        optimum(twenty.limits(asked), minimum_volatility(twenty.root))
    limits = twenty.limits()
    with pytest.raises(NotSolvedError, match=r"lower the goal from 300\.00 % to"):
        optimum(limits.with_limits([*limits.limits, return_limit(twenty.mean, 3.0)]), minimum_volatility(twenty.root))
    with pytest.raises(NotSolvedError, match="no weights within the limits earn more than cash, 500"):
        optimum(twenty.limits(), maximum_sharpe(twenty.mean, twenty.root, 5.0))


def test_a_covariance_that_is_none_names_its_portfolio():
    covariance = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]])
    with pytest.raises(DataError, match=r"not positive semidefinite: the portfolio .* would have the variance -0\.8"):
        root_of(covariance, ("A", "B", "C"))
    with pytest.raises(DataError, match=r"covariance of A and B is 0\.5 and 0\.4"):
        root_of(np.array([[1.0, 0.5], [0.4, 1.0]]), ("A", "B"))


def test_a_first_refit_without_a_solution_says_what_to_do(noisy):
    with pytest.raises(PolicyError, match="no solution on 2018-03-29, and none before: no weights keep these"):
        target_path(MeanVariance(forecast=Estimated(window=50), upper=0.1), noisy, start=70)


def test_a_bound_of_a_line_that_the_market_does_not_have_is_named(noisy):
    allocation = MeanVariance(forecast=Estimated(window=50), upper={"A00": 0.5, "QQQ": 0.3})
    with pytest.raises(ConfigError, match=r"lines\.QQQ: unknown asset: found 'QQQ'\. Use A00, A01"):
        allocation.target(noisy.past(100))


def test_a_forecast_of_ones_own_takes_the_place_of_estimates(noisy):
    class Known:
        window = 0

        def predict(self, past: Past) -> Moments:
            return Moments(("A02", "A00"), np.zeros(2), np.diag([4.0, 1.0]), 21.0, past.date, ("made up (by hand)",))

    answer = MeanVariance(forecast=Known()).answer(noisy.past(100))
    assert answer.weights == pytest.approx([0.8, 0.0, 0.2, 0.0, 0.0, 0.0], abs=1e-8)
    assert (answer.objective, answer.notes) == ("volatility a year", ("made up (by hand)",))
    assert answer.value == pytest.approx((12.0 * (0.64 + 4.0 * 0.04)) ** 0.5)
    assert answer.seen == noisy.dates[100]


def test_turnover_is_kept_from_target_to_target_and_does_not_depend_on_the_start(noisy):
    constraints = Constraints(turnover=Most(most=0.02))
    allocation = MeanVariance(forecast=Estimated(window=50), constraints=constraints, schedule="month")
    whole = target_path(allocation, noisy, start=60)
    moved = np.maximum(np.diff(whole.rows, axis=0), 0.0).sum(axis=1)
    listed = np.isclose(noisy.listed[whole.seen[1:]].sum(axis=1), noisy.listed[whole.seen[:-1]].sum(axis=1))
    assert (moved[listed] <= 0.02 + 1e-8).all()
    assert (moved[listed] > 0.0199).any()
    assert np.array_equal(target_path(allocation, noisy, start=200).at(220), whole.at(220))
