"""Mean-variance portfolios: against optimality conditions and PyPortfolioOpt, with prices of bounds that hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.allocation import MeanVariance, NotSolvedError, target_path
from research.allocation.mean_variance import least_volatile
from research.errors import ConfigError, PolicyError
from research.forecast import Estimated, Moments
from research.market import Past


@pytest.fixture(scope="module")
def moments(stocks):
    """Of twenty real stocks, a day."""
    covariance = np.cov(stocks.to_numpy(), rowvar=False)
    return Moments(tuple(stocks.columns), stocks.mean().to_numpy(), covariance, 1.0, stocks.index[-1])


def bounds(lower, upper, lines=20):
    return np.full(lines, lower), np.full(lines, upper)


def test_two_lines_by_hand():
    # Volatilities 1 and 2, no correlation: 4/5 and 1/5; held at 0.7, a point more lowers sqrt(0.49 + 0.36) as below.
    free = Moments(("A", "B"), np.zeros(2), np.diag([1.0, 4.0]), 1.0, None)
    assert least_volatile(free, *bounds(0.0, 1.0, 2)).weights == pytest.approx([0.8, 0.2], abs=1e-9)
    held = least_volatile(free, *bounds(0.0, 0.7, 2))
    assert held.weights.tolist() == pytest.approx([0.7, 0.3], abs=1e-12)
    assert held.value == pytest.approx(0.85**0.5)
    price = (4.0 * 0.3 - 0.7) / 0.85**0.5  # -d/dw sqrt(w^2 + 4 (1 - w)^2) at 0.7
    assert [(one.limit, one.price) for one in held.binding] == [("A at most 0.7", pytest.approx(price, rel=1e-6))]


def test_weights_and_multipliers_are_those_of_pypfopt_and_meet_the_conditions_of_optimality(moments):
    from pypfopt import EfficientFrontier

    lower, upper = bounds(0.01, 0.12)
    answer = least_volatile(moments, lower, upper)
    unit = np.diag(moments.covariance).mean()
    peer = EfficientFrontier(
        None, moments.covariance / unit, (0.01, 0.12), solver="CLARABEL", solver_options={"tol_gap_rel": 1e-12}
    )
    peer.min_volatility()
    assert answer.weights == pytest.approx(peer.weights, abs=1e-6)
    # Karush, Kuhn, Tucker: gradient of the volatility = one number, less the price of a cap, plus that of a floor.
    prices = {one.limit: one.price for one in answer.binding}
    caps = np.array([prices.get(f"{name} at most 0.12", 0.0) for name in moments.assets])
    floors = np.array([prices.get(f"{name} at least 0.01", 0.0) for name in moments.assets])
    gradient = moments.covariance @ answer.weights / answer.value
    assert np.ptp(gradient + caps - floors) < 1e-8 * gradient.mean()
    assert (np.minimum(caps, 0.12 - answer.weights) < 1e-9).all()
    assert (np.minimum(floors, answer.weights - 0.01) < 1e-9).all()
    assert len(prices) == ((caps > 0) | (floors > 0)).sum() >= 10
    # PyPortfolioOpt keeps its own multipliers of the variance: bounds first, floors then caps, as it states them.
    theirs = [np.ravel(one.dual_value) for one in peer._constraints[:2]]
    for mine, their in zip((floors, caps), theirs, strict=True):
        assert mine == pytest.approx(their * unit / (2.0 * answer.value), abs=2e-7)


def test_a_price_is_what_a_little_more_room_brings(moments):
    lower, upper = bounds(0.0, 0.12)
    answer, step = least_volatile(moments, lower, upper), 1e-5
    caps = [one for one in answer.binding if "at most" in one.limit]
    assert len(caps) >= 3
    for one in caps:
        i = moments.assets.index(one.limit.split()[0])
        wider = least_volatile(moments, lower, upper + step * (np.arange(20) == i))
        assert (answer.value - wider.value) / step == pytest.approx(one.price, rel=1e-3)


@settings(max_examples=60)
@given(data=st.data())
def test_any_bounds_that_admit_a_portfolio_hold_to_the_last_digit_and_in_any_order_of_lines(data, moments):
    cells = st.lists(st.floats(0.0, 1.0), min_size=20, max_size=20)
    lower = np.array(data.draw(cells)) / 25.0
    upper = np.minimum(lower + np.array(data.draw(cells)), 1.0)
    upper += max(1.0 - upper.sum(), 0.0) / 20.0
    answer = least_volatile(moments, lower, upper)
    assert abs(answer.weights.sum() - 1.0) <= 1e-12
    assert (lower - answer.weights).max() <= 1e-12
    assert (answer.weights - upper).max() <= 1e-12
    order = data.draw(st.permutations(range(20)))
    turned = Moments(
        tuple(moments.assets[i] for i in order),
        moments.mean[order],
        moments.covariance[np.ix_(order, order)],
        1.0,
        None,
    )
    other = least_volatile(turned, lower[order], upper[order])
    assert other.weights == pytest.approx(answer.weights[order], abs=1e-6)
    assert other.value == pytest.approx(answer.value, rel=1e-10)


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (0.1, 1.0, "the least weights of 20 lines sum to 2, more than 1"),
        (0.0, 0.04, r"the most weights of 20 lines sum to 0\.8, less than 1"),
        (0.3, 0.2, r"\w+ is to be at least 0\.3 and at most 0\.2"),
    ],
)
def test_bounds_that_exclude_every_portfolio_are_named(moments, lower, upper, message):
    with pytest.raises(NotSolvedError, match=message):
        least_volatile(moments, *bounds(lower, upper))


def test_a_first_refit_without_a_solution_says_what_to_do(noisy):
    with pytest.raises(
        PolicyError, match=r"no solution on 2018-03-29, and none before: the most weights of 4 lines sum"
    ):
        target_path(MeanVariance(forecast=Estimated(window=50), upper=0.2), noisy, start=70)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "maximum"}, "objective of MeanVariance is 'maximum': use one of minimum_volatility"),
        ({"upper": 40}, "upper of MeanVariance is 40: give a fraction of NAV"),
        ({"lower": {"A": "x"}}, "lower of MeanVariance for A is 'x': give a fraction of NAV"),
        ({"lower": (("A", 0.1), ("A", 0.2))}, "lower of MeanVariance names 'A' twice"),
        ({"schedule": "listing"}, "schedule of MeanVariance is 'listing'"),
    ],
)
def test_a_setting_that_is_none_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        MeanVariance(**given)


def test_a_bound_of_a_line_that_the_market_does_not_have_is_named(noisy):
    allocation = MeanVariance(forecast=Estimated(window=50), upper={"A00": 0.5, "QQQ": 0.3})
    with pytest.raises(
        ConfigError, match="a bound names 'QQQ', which the market does not have: its lines are A00, A01"
    ):
        allocation.target(noisy.past(100))


def test_a_forecast_of_ones_own_takes_the_place_of_estimates(noisy):
    class Known:
        window = 0

        def predict(self, past: Past) -> Moments:
            return Moments(("A02", "A00"), np.zeros(2), np.diag([4.0, 1.0]), 21.0, past.date, ("made up (by hand)",))

    answer = MeanVariance(forecast=Known()).answer(noisy.past(100))
    assert answer.weights == pytest.approx([0.8, 0.0, 0.2, 0.0, 0.0, 0.0], abs=1e-9)
    assert (answer.objective, answer.notes) == ("volatility over 21 periods", ("made up (by hand)",))
    assert replace(answer, notes=()).seen == noisy.dates[100]
