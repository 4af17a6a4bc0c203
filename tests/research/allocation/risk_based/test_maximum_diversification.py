"""The most diversified portfolio: its closed form, its conditions of optimality, and skfolio."""

import re

import numpy as np
import pytest

from research.allocation import MaximumDiversification
from research.allocation.constraints import branch
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.optimum import optimum
from research.allocation.constraints.records import Cardinality, Constraints
from research.allocation.constraints.roots import root_of
from research.allocation.optimised.aims import minimum_volatility
from research.forecast import Estimated
from research.risk.decomposition.concentration import diversification_ratio


def weights_of(market, row, **more):
    return MaximumDiversification(forecast=Estimated(window=60, covariance="sample"), **more).answer(market.past(row))


def test_weights_are_those_of_least_volatility_of_the_correlations_over_volatilities(noisy):
    answer = weights_of(noisy, 100)
    covariance = np.cov(noisy.past(100).returns[-60:, :4], rowvar=False)
    volatilities = np.sqrt(np.diag(covariance))
    correlations = covariance / np.outer(volatilities, volatilities)
    known = Known(("A", "B", "C", "D"), covariance=correlations)
    least = optimum(build(Constraints(), known), minimum_volatility(root_of(correlations, known.assets)))
    scaled = least.weights / volatilities
    assert answer.weights[:4] == pytest.approx(scaled / scaled.sum(), abs=1e-8)
    assert answer.value == pytest.approx(diversification_ratio(answer.weights[:4], covariance), rel=1e-9)


def test_what_is_held_is_correlated_alike_with_the_portfolio_and_what_is_not_more(noisy):
    """Choueifaty, Froidure and Reynier (2013), the core property."""
    found = weights_of(noisy, 360).weights
    covariance = np.cov(noisy.past(360).returns[-60:, :5], rowvar=False)
    with_it = covariance @ found[:5] / np.sqrt(np.diag(covariance))
    held = found[:5] > 1e-6
    assert np.ptp(with_it[held]) < 1e-8 * with_it.mean()
    assert (with_it[~held] >= with_it[held].mean() * (1.0 - 1e-9)).all()


def test_weights_are_those_of_skfolio(stocks, make_market):
    from skfolio.optimization import MaximumDiversification as Theirs

    market = make_market(np.vstack([np.zeros(20), stocks.to_numpy()]))
    forecast = Estimated(window=252, covariance="sample")
    mine = MaximumDiversification(forecast=forecast, upper=0.1).target(market.past(252))
    assert mine == pytest.approx(Theirs(max_weights=0.1).fit(stocks).weights_, abs=1e-3)


def test_a_search_that_ends_early_says_by_how_much_the_ratio_may_be_higher(stocks, make_market, monkeypatch):
    past = make_market(np.vstack([np.zeros(20), stocks.to_numpy()])).past(252)
    few = MaximumDiversification(constraints=Constraints(cardinality=Cardinality(most=5)))
    proven = few.answer(past)
    assert proven.notes == ()
    monkeypatch.setattr(branch, "MOST_RELAXATIONS", 4)
    monkeypatch.setattr(branch, "EXCHANGES", 0)
    early = few.answer(past)
    said = re.fullmatch(
        r"which assets .* not proven the best: the diversification ratio may be higher by (.*)\.", early.notes[0]
    )
    assert early.value < proven.value <= early.value + 1.05 * float(said[1])


def test_a_bound_that_binds_has_a_price_of_the_ratio(noisy):
    answer, step = weights_of(noisy, 100, upper={"A00": 0.2}), 1e-4
    wider, tighter = (weights_of(noisy, 100, upper={"A00": 0.2 + way}) for way in (step, -step))
    price = {one.limit: one for one in answer.binding}["A00 is at most 20.00 % of NAV"]
    assert price.price == pytest.approx((wider.value - tighter.value) / (2 * step), rel=1e-3)
    assert price.brings.endswith("to the diversification ratio")
