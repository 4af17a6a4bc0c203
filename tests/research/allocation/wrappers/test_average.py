"""Averages of allocations, and a reserve in one line."""

from collections.abc import Callable

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation import (
    Allocation,
    Average,
    EqualWeights,
    FixedWeights,
    InverseVolatility,
    MeanVariance,
    MinimumVariance,
    Reserve,
    Shrunk,
)
from research.allocation.allocation import answer_of
from research.forecast import Estimated
from research.market import Market

ONE, OTHER = FixedWeights((0.8, 0.2)), FixedWeights((0.4, 0.2))


def test_an_average_is_the_weighted_mean(make_market: Callable[..., Market]) -> None:
    past = make_market(np.zeros((3, 2))).past(2)
    assert Average((ONE, OTHER)).target(past) == pytest.approx([0.6, 0.2], abs=1e-15)
    assert Average((ONE, OTHER), (0.25, 0.75)).target(past) == pytest.approx([0.5, 0.2], abs=1e-15)
    assert Average((ONE, InverseVolatility(30), InverseVolatility(90))).window == 90


def test_shrinking_ends_at_the_target_and_at_equal_weights(noisy: Market) -> None:
    past, held = noisy.past(250), MinimumVariance(window=60)
    assert Shrunk(held, 0.0).target(past) == pytest.approx(held.target(past), abs=1e-16)
    assert Shrunk(held, 1.0).target(past) == pytest.approx(EqualWeights().target(past), abs=1e-16)
    half = (held.target(past) + EqualWeights().target(past)) / 2
    assert Shrunk(held).target(past) == pytest.approx(half, abs=1e-16)


def test_an_unlisted_line_leaves_its_equal_weight_to_its_class(make_market: Callable[..., Market]) -> None:
    market = make_market(np.zeros((9, 3)), first=[0, 0, 5], asset_class=["equity", "bond", "equity"])
    assert Shrunk(FixedWeights((0.0, 1.0, 0.0)), 0.5).target(market.past(4)) == pytest.approx([1 / 3, 2 / 3, 0.0])


def test_a_reserve_is_a_fixed_fraction_on_top(make_market: Callable[..., Market]) -> None:
    market = make_market(np.zeros((9, 3)), first=[0, 0, 5], assets=["SPY", "AGG", "USDC"])
    held = Reserve(FixedWeights((0.5, 0.4, 0.1)), "USDC", 0.2)
    assert held.target(market.past(8)) == pytest.approx([0.4, 0.32, 0.28], abs=1e-15)
    before = held.target(market.past(4))  # not listed: its fraction is cash
    assert before[2] == 0.0
    assert before.sum() == pytest.approx(0.8, abs=1e-15)
    with pytest.raises(ConfigError, match="line of Reserve is 'USDT', which the market does not have"):
        Reserve(ONE, "USDT", 0.2).target(market.past(8))


def test_reasons_are_those_of_the_parts(noisy: Market) -> None:
    past = noisy.past(250)
    inner = MeanVariance(forecast=Estimated(window=60), upper={"A00": 0.3})
    solved = answer_of(inner, past)
    assert solved.binding
    for held in (Shrunk(inner, 0.3), Reserve(inner, "A01", 0.1), Average((InverseVolatility(60), inner))):
        answer = held.answer(past)
        assert (answer.solver, answer.status) == (solved.solver, solved.status)
        assert answer.objective == f"{solved.objective} of the inner allocation"
        assert (answer.binding, answer.notes, answer.seen) == (solved.binding, solved.notes, solved.seen)
    both = Average((inner, MinimumVariance(60))).answer(past)
    assert (both.solver, both.status, both.objective, both.binding) == (solved.solver, "optimal", "", ())


@cases(
    "make, said",
    (lambda: Average((ONE,)), "allocations of Average are .*: give two or more"),
    (lambda: Average((ONE, OTHER), (0.5, 0.6)), r"weights of Average are \(0.5, 0.6\): give 2 numbers"),
    (lambda: Average((ONE, OTHER), (1.5, -0.5)), "weights of Average are"),
    (lambda: Average((ONE, OTHER), (1.0,)), "weights of Average are"),
    (lambda: Shrunk(ONE, 1.1), "share of Shrunk is 1.1"),
    (lambda: Reserve(ONE, "SPY", -0.1), "fraction of Reserve is -0.1"),
)
def test_settings_with_no_sense_are_refused(make: Callable[[], Allocation], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()
