"""The universal portfolio beside Cover's own numbers, a closed form, quadrature and package universal-portfolios."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from universal.algos import UP

from research.allocation import UniversalPortfolio
from research.allocation.online import universal_weights
from research.market import Market

STEPS = np.linspace(0.0, 1.0, 21)
TWENTIETHS = np.column_stack([STEPS, 1.0 - STEPS])  # the portfolios that Cover took the mean of


@pytest.mark.parametrize(
    ("pair", "best", "universal"),
    [(("T", "W"), 73.619, 38.6727), (("F", "W"), 144.0035, 78.4742), (("F", "Z"), 102.9589, 72.6289)],
    ids=["Iroquois and Kin Ark", "Commercial Metals and Kin Ark", "Commercial Metals and Meicco Corp."],
)
def test_wealth_over_twenty_two_years_is_that_of_cover(nyse: pd.DataFrame, pair, best, universal) -> None:
    """Cover (1991), section 8, whose integral is the mean of 21 portfolios; the file of the data hides names."""
    days = nyse[list(pair)].to_numpy()
    wealth = 1.0
    for t, day in enumerate(days[:250]):  # a year by the weights of each day, the rest by their identity
        wealth *= universal_weights(days[:t], TWENTIETHS) @ day
    of_each = np.exp(np.log(days @ TWENTIETHS.T).sum(axis=0))
    assert wealth == pytest.approx(np.exp(np.log(days[:250] @ TWENTIETHS.T).sum(axis=0)).mean(), rel=1e-12)
    assert of_each.mean() == pytest.approx(universal, abs=5e-5)
    assert of_each.max() == pytest.approx(best, abs=5e-4)


def test_the_weights_are_those_of_the_package_on_its_own_draws(nyse: pd.DataFrame) -> None:
    days = nyse[["A", "F", "T", "W"]].iloc[:61]
    np.random.seed(3)  # noqa: NPY002  # the package draws from the global generator
    peer = UP(eval_points=500)
    theirs = peer.weights(days, log_progress=False).iloc[-1]  # before the last day
    ours = universal_weights(days.to_numpy()[:-1], np.asarray(peer.W))
    assert ours == pytest.approx(theirs.to_numpy(), abs=1e-12)


@pytest.mark.parametrize("concentration", [0.5, 1.0, 3.0])
def test_after_one_day_the_weights_are_a_closed_form(concentration: float) -> None:
    """E[b b.x] / E[b.x] by the second moments of a Dirichlet distribution: (x_i + c sum x) / ((k c + 1) sum x)."""
    day = np.array([1.3, 1.0, 0.6, 0.9])
    held = UniversalPortfolio(points=40_000, concentration=concentration)
    exact = (day + concentration * day.sum()) / ((4 * concentration + 1) * day.sum())
    assert universal_weights(day[None], held._portfolios(4)) == pytest.approx(exact, abs=3e-4)


def test_the_mean_over_two_lines_is_the_integral(nyse: pd.DataFrame) -> None:
    days = nyse[["T", "W"]].to_numpy()[:500]
    nodes, of_node = np.polynomial.legendre.leggauss(60)
    first = (nodes + 1.0) / 2.0
    wealth = of_node * np.exp(np.log(days @ np.array([first, 1.0 - first])).sum(axis=0))
    drawn = universal_weights(days, UniversalPortfolio(points=40_000)._portfolios(2))
    assert drawn[0] == pytest.approx(first @ wealth / wealth.sum(), abs=1e-3)


@given(st.lists(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3), min_size=1, max_size=8))
def test_it_loses_no_more_to_any_constant_portfolio_than_the_law_says(given_days: list[list[float]]) -> None:
    """Cover (1991): the wealth is a mean over all, so it is at least that of the best over C(T + k - 1, k - 1)."""
    days = np.array(given_days)
    wealth = np.exp(np.log(days @ UniversalPortfolio(points=4_000)._portfolios(3).T).sum(axis=0))
    assert wealth.mean() * 1.1 >= wealth.max() / math.comb(len(days) + 2, 2)


def test_what_has_not_moved_has_equal_weights_exactly() -> None:
    for k in (1, 2, 5):
        portfolios = UniversalPortfolio(points=7)._portfolios(k)
        assert universal_weights(np.ones((3, k)), portfolios) == pytest.approx(np.full(k, 1.0 / k), abs=1e-15)


def test_the_order_of_the_lines_changes_no_bit_and_the_seed_does(noisy: Market) -> None:
    order = np.array([2, 0, 5, 4, 1, 3])
    other, held = noisy.select([noisy.assets[i] for i in order]), UniversalPortfolio(window=60, points=20)
    assert np.array_equal(held.target(other.past(300)), held.target(noisy.past(300))[order])
    seeded = UniversalPortfolio(window=60, points=20, seed=1).target(noisy.past(300))
    assert not np.array_equal(seeded, held.target(noisy.past(300)))
