"""The impact of our own trade: the square root of its size in the day's volume, and the bounds of its numbers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from research.accounting.impact import Impact


@given(st.floats(0.1, 3.0), st.floats(1.01, 3.0), st.floats(1e-4, 1.0), st.floats(1e-3, 0.1), st.floats(1.0, 1e9))
def test_the_cost_is_that_of_boyd_and_others(
    coefficient: float, exponent: float, part: float, volatility: float, volume: float
) -> None:
    """Equation 2.2: b σ |x|^p / V^(p - 1), of which this is the cost over the notional."""
    move, x = Impact(coefficient, exponent).on_price(part * volume, volume, volatility), part * volume
    assert move * x == pytest.approx(coefficient * volatility * x**exponent / volume ** (exponent - 1.0))


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        pytest.param({"coefficient": -0.1}, "coefficient of impact is", id="below zero"),
        pytest.param({"coefficient": float("nan")}, "coefficient of impact is", id="not a number"),
        pytest.param({"exponent": 1.0}, "exponent of impact is", id="linear"),
        pytest.param({"exponent": 3.01}, "exponent of impact is", id="too steep"),
        pytest.param({"volume_window": 0}, "volume_window of impact is", id="no session"),
        pytest.param({"volatility_window": 1}, "volatility_window of impact is", id="one return has no deviation"),
        pytest.param({"volume_window": 1.5}, "volume_window of impact is", id="half a session"),
    ],
)
def test_numbers_out_of_their_bounds_are_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Impact(**given_)


def test_numbers_at_their_bounds_are_taken_and_each_asset_may_have_a_coefficient() -> None:
    assert Impact(0.0, 3.0, 1, 2).on_price(1.0, 1.0, 1.0) == 0.0
    assert Impact([0.5, 1.0]).coefficient == (0.5, 1.0)  # type: ignore[arg-type]
    assert Impact((0.5, 1.0)).on_price(1.0, 4.0, 0.02) == 0.005
