"""A target tilted by a forecast: nothing without evidence, the budget with it, and never further out of its limits."""

from dataclasses import dataclass, replace
from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import world

from foundation.errors import ConfigError
from research.allocation import EqualWeights, FixedWeights, Tilt, Tilted, target_path
from research.allocation.constraints.records import Bounds, Constraints, Group, Most
from research.forecast import Estimated, EWMAVolatility, Moments
from research.market import Market, Past
from research.portfolio import load_portfolio

HELD = FixedWeights((0.3, 0.25, 0.2, 0.15, 0.1))


@dataclass(frozen=True)
class Told:
    """Means that are written down, a period, with the covariance of a window."""

    means: tuple[float, ...] = (0.002, -0.001, 0.0005, 0.0, 0.003)
    window: int = 63
    notes: tuple[str, ...] = ()

    def predict(self, past: Past) -> Moments:
        return replace(Estimated(window=self.window).predict(past), mean=np.array(self.means), notes=self.notes)


@pytest.fixture(scope="module")
def market() -> Market:
    return world(days=400, n=5, seed=5)


def risk(market: Market, tilt: Tilt) -> float:
    covariance = 252.0 * Estimated(window=63).predict(market.past(399)).covariance
    return float(np.sqrt(tilt.moved @ covariance @ tilt.moved))


def test_without_confidence_the_target_is_the_portfolio_to_the_bit_even_outside_its_ranges(market: Market) -> None:
    for confidence in (0.0, None):
        tilted = Tilted(HELD, Told(), confidence=confidence, ranges=(("A", 0.0, 0.2), ("E", 0.2, 0.4)))
        assert np.array_equal(tilted.target(market.past(399)), HELD.target(market.past(399)))


def test_the_whole_budget_is_the_best_tilt_of_its_risk(market: Market) -> None:
    """Grinold and Kahn: active weights in proportion to the inverse covariance times alpha, scaled to the budget."""
    tilt = Tilted(HELD, Told(), 0.005, 1.0).tilt(market.past(399))
    covariance = 252.0 * Estimated(window=63).predict(market.past(399)).covariance
    best = np.linalg.solve(covariance, tilt.view)
    assert tilt.moved == pytest.approx(best * 0.005 / np.sqrt(best @ covariance @ best), rel=1e-9)
    assert [tilt.moved.sum(), tilt.tracking_error] == pytest.approx([0.0, 0.005], abs=1e-12)
    half = Tilted(HELD, Told(), 0.005, 0.5).tilt(market.past(399))
    assert half.moved == pytest.approx(tilt.moved / 2.0, rel=1e-9)
    assert tilt.binding[0].price == pytest.approx(float(np.sqrt(tilt.view @ best)), rel=1e-9)
    slope = f"{100.0 * tilt.binding[0].price:.3g} bp to the return a year that the view expects"
    assert tilt.binding[0].brings == f"one point a year more of room adds {slope}"


def test_ranges_and_groups_hold_it_back_as_a_peer_solves_it(market: Market) -> None:
    group = Group(lines=("A", "E"), most=0.45)
    asked = Tilted(HELD, Told(), 0.04, 1.0, constraints=Constraints(groups={"both": group}), upper=0.4)
    tilt = asked.tilt(market.past(399))
    covariance = 252.0 * Estimated(window=63).predict(market.past(399)).covariance
    d, base = cp.Variable(5), np.array(HELD.weights)
    within = [base + d >= 0.0, base + d <= 0.4, cp.sum(d) == 0.0, base[0] + d[0] + base[4] + d[4] <= 0.45]
    problem = cp.Problem(cp.Maximize(tilt.view @ d), [*within, cp.quad_form(d, cp.psd_wrap(covariance)) <= 0.04**2])
    problem.solve(solver=cp.CLARABEL)
    assert tilt.view @ tilt.moved == pytest.approx(problem.value, rel=1e-6)
    assert tilt.moved == pytest.approx(d.value, abs=1e-4)
    said = tilt.sentences()
    assert said[0] == "The confidence is stated: 100 %."
    assert "held back by: " in said[1]
    assert "both (A, E) is at most 45.00 % of NAV" in said[1]
    assert "tilt.sum" not in {one.key for one in tilt.binding}


@settings(max_examples=25)
@given(st.lists(st.floats(-0.01, 0.01), min_size=5, max_size=5), st.floats(0.0, 1.0), st.floats(0.001, 0.2))
def test_the_sum_stays_the_budget_is_kept_and_no_weight_goes_further_out(
    means: list[float], confidence: float, budget: float
) -> None:
    market, ranges = world(days=400, n=5, seed=5), (("A", 0.35, 0.5), ("B", 0.0, 0.2), ("C", 0.1, 0.3))
    tilt = Tilted(HELD, Told(tuple(means)), budget, confidence, ranges=ranges).tilt(market.past(399))
    assert tilt.weights.sum() == pytest.approx(1.0, abs=1e-9)
    assert risk(market, tilt) <= confidence * budget + 1e-8
    low, high = np.array([0.30, 0.0, 0.1, 0.0, 0.0]), np.array([0.5, 0.25, 0.3, 1.0, 1.0])
    assert (tilt.weights >= low - 1e-8).all()
    assert (tilt.weights <= high + 1e-8).all()
    assert tilt.view @ tilt.moved >= -1e-9


def test_shorts_and_cash_of_the_portfolio_stay(market: Market) -> None:
    """Cash keeps its weight, and a short asset beyond its bound is not shorted further."""
    short = FixedWeights((0.5, 0.4, 0.2, -0.1, -0.2))
    asked = Constraints(gross=Most(most=1.6), net=Bounds(least=0.5, most=1.0))
    tilt = Tilted(short, Told(), 0.02, 1.0, constraints=asked, lower=-0.15).tilt(market.past(399))
    assert tilt.weights.sum() == pytest.approx(0.8, abs=1e-9)
    assert np.abs(tilt.weights).sum() <= 1.6 + 1e-8
    assert tilt.moved.any()
    assert (tilt.weights >= np.array([-0.15, -0.15, -0.15, -0.15, -0.2]) - 1e-8).all()


def test_a_forecast_that_says_nothing_moves_nothing_at_any_confidence(market: Market) -> None:
    tilt = Tilted(HELD, EWMAVolatility(estimate=63), confidence=1.0).tilt(market.past(399))
    assert not tilt.moved.any()
    assert tilt.sentences() == (
        "The confidence is stated: 100 %. Today the forecast says nothing beyond the mean so far.",
        "The target is the one without the forecast.",
    )


def test_the_notes_of_the_forecast_stand_among_the_sentences(market: Market) -> None:
    for confidence in (0.0, 1.0):
        tilt = Tilted(HELD, Told(notes=("the trees showed no skill",)), 0.005, confidence).tilt(market.past(399))
        assert tilt.sentences()[1] == "The forecast notes: the trees showed no skill."


def test_settings_outside_their_bounds_are_refused() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"tracking_error": 2.0}, "tracking_error of Tilted is 2.0"),
        ({"confidence": 1.5}, "confidence of Tilted is 1.5"),
        ({"constraints": Constraints(turnover=Most(most=0.1))}, "turnover among the constraints of Tilted"),
    ]
    for given_, message in wrong:
        with pytest.raises(ConfigError, match=message):
            Tilted(EqualWeights(), Told(), **given_)


def test_the_shipped_portfolio_holds_its_strategic_target_while_its_signals_have_earned_nothing() -> None:
    portfolio = load_portfolio("data/portfolios/forecasts.yaml")
    tilted = portfolio.policies["tilted"].allocation
    assert [name for name, *_ in tilted.ranges] == list(portfolio.market.assets)
    last = len(portfolio.market.dates) - 1
    held, strategic = (target_path(one, portfolio.market, start=last).at(last) for one in (tilted, portfolio.strategic))
    assert held == pytest.approx(strategic, abs=1e-12)
