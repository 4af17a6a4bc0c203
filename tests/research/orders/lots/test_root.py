"""Roots are those of scipy, to the bit, by the same calls of the function."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq

from research.orders.lots.root import root_between


def asked(solve: Callable[..., float], function: Callable[[float], float], low: float, high: float) -> list[float]:
    """Points at which a solver asks a function, and the root that it gives."""
    points: list[float] = []

    def told(x: float) -> float:
        points.append(x)
        return function(x)

    root = float(solve(told, low, high))
    return [root, *points]


@pytest.mark.parametrize("seed", range(60))
def test_a_root_and_the_way_to_it_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    knots, values = np.sort(rng.random(7)), np.sort(rng.normal(0.0, 1e6, 9))
    a, b = rng.normal(size=2)
    functions: list[Callable[[float], float]] = [
        lambda x: float(np.interp(x, [0.0, *knots, 1.0], values - values[4])),  # as cash by the part of buys
        lambda x: float(np.sum(x > knots)) - 3.5,  # steps
        lambda x: x**3 + abs(a) * x - 0.5 * abs(b) ** 2 / (1.0 + b * b),
        lambda x: float(np.expm1(abs(a) * 9.0 * x) - np.expm1(abs(a) * 3.0)),
    ]
    for function in functions:
        assert asked(root_between, function, 0.0, 1.0) == asked(brentq, function, 0.0, 1.0)


def test_a_root_at_an_end_is_that_end() -> None:
    assert root_between(lambda x: x, 0.0, 1.0) == 0.0
    assert root_between(lambda x: x - 1.0, 0.0, 1.0) == 1.0


def test_equal_signs_are_refused() -> None:
    with pytest.raises(ValueError, match="no root between"):
        root_between(lambda x: x + 1.0, 0.0, 1.0)


@pytest.mark.parametrize("solve", [root_between, brentq])
def test_a_root_that_a_hundred_steps_do_not_reach_is_refused(solve: Callable[..., float]) -> None:
    with pytest.raises(RuntimeError, match="100"):
        solve(lambda x: (x - 0.3) ** 9, 0.0, 1.0)
