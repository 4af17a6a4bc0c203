"""One row of a rule: its box, whether it asks for a trade, and what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.tolerances import TRIGGER
from research.rules.bands import Triggers, ask, band_rows, near, reason
from research.rules.no_trade_bands import NoTradeBands

Rows = dict[str, np.ndarray]


def rows(*target: float, trigger: float = 0.02, box: float = 0.01) -> Rows:
    return band_rows(np.array([target]), trigger, box)


def state(weights: list[float], tradable: list[bool] | None = None) -> tuple[np.ndarray, float, np.ndarray, int]:
    can = np.ones(len(weights), dtype=bool) if tradable is None else np.array(tradable)
    return np.array(weights), 1.0 - sum(weights), can[None], 0


def triggers(of: Rows) -> Triggers:
    return Triggers(of["trigger_lower"], of["trigger_upper"], of["cash"], 0)


def asks(of: Rows, weights: list[float], tradable: list[bool] | None = None) -> bool:
    return ask(*state(weights, tradable), triggers(of))


def says(of: Rows, weights: list[float], tradable: list[bool] | None = None) -> tuple[int, float, float]:
    line, size, allowed = reason(*state(weights, tradable), of["target"], triggers(of))
    return line, round(size, 12), round(allowed, 12)


# -- the box ---------------------------------------------------------------------------------------------------------


def test_a_band_lies_round_its_target_and_cash_has_one_of_its_own() -> None:
    of = rows(0.5, 0.3)
    assert of["trigger_lower"][0] == pytest.approx([0.48, 0.28])
    assert of["trigger_upper"][0] == pytest.approx([0.52, 0.32])
    assert of["lower"][0] == pytest.approx([0.49, 0.29])
    assert of["upper"][0] == pytest.approx([0.51, 0.31])
    assert of["cash"][0] == pytest.approx([0.18, 0.22, 0.19, 0.21])


def test_bands_end_at_zero_on_the_side_of_their_target() -> None:
    """Long assets and cash are not sold short, a short asset is not bought, however wide the band.

    The trigger of cash goes on below zero: an overdraft of fees, smaller than the band, waits for the next trade.
    """
    of = rows(0.005, -0.005, 0.995, trigger=0.02, box=0.02)
    assert of["lower"][0] == pytest.approx([0.0, -0.025, 0.975])
    assert of["upper"][0] == pytest.approx([0.025, 0.0, 1.015])
    assert of["cash"][0] == pytest.approx([-0.015, 0.025, 0.0, 0.025])


def test_a_target_without_cash_gives_cash_no_box() -> None:
    """Ten times 0.1 is a little less than one in floating point: that is no cash."""
    assert rows(*[0.1] * 10)["cash"][0].tolist() == [-0.02, 0.02, 0.0, 0.0]


def test_borrowed_cash_is_not_lent_by_a_band() -> None:
    assert rows(1.005, trigger=0.02, box=0.02)["cash"][0] == pytest.approx([-0.025, 0.015, -0.025, 0.0])


# -- does it ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [-1.0, 1.0])
def test_a_trigger_fires_past_its_limit_and_not_by_rounding(way: float) -> None:
    of = rows(0.5, 0.3)
    assert not asks(of, [0.5 + way * (0.02 + 0.9 * TRIGGER), 0.3])
    assert asks(of, [0.5 + way * (0.02 + 1.1 * TRIGGER), 0.3])


def test_cash_triggers_like_a_line() -> None:
    of = rows(0.5, 0.3)
    assert not asks(of, [0.49, 0.29])
    assert asks(of, [0.489, 0.289])


def test_a_line_that_cannot_trade_does_not_trigger() -> None:
    of = rows(0.5, 0.3)
    assert asks(of, [0.45, 0.35], [True, False])
    assert not asks(of, [0.50, 0.30 + 0.02], [True, False])
    assert not asks(rows(0.5, 0.3, trigger=0.10), [0.5, 0.39], [True, True])
    assert not asks(rows(0.5, 0.0, 0.5), [0.5, 0.06, 0.44], [True, False, False])


# -- what it says ----------------------------------------------------------------------------------------------------


def test_the_reason_names_the_line_that_is_furthest_past_its_trigger() -> None:
    assert says(rows(0.5, 0.3, 0.2), [0.45, 0.33, 0.22]) == (0, -0.05, -0.02)
    assert says(rows(0.5, 0.3, 0.2), [0.47, 0.35, 0.18]) == (1, 0.05, 0.02)


def test_the_reason_passes_over_a_line_that_cannot_trade() -> None:
    assert says(rows(0.5, 0.3, 0.2), [0.45, 0.32, 0.23], [False, True, True]) == (2, 0.03, 0.02)


def test_cash_is_named_when_it_is_furthest_and_not_when_it_ties() -> None:
    assert says(rows(0.5, 0.3), [0.485, 0.285]) == (-1, 0.03, 0.02)
    assert says(rows(0.5, 0.3), [0.53, 0.30]) == (0, 0.03, 0.02)


def test_the_first_of_two_lines_that_tie_is_named_whatever_the_rounding() -> None:
    """0.6 - 0.5 and 0.5 - 0.4 differ in the seventeenth digit."""
    assert says(rows(0.5, 0.5), [0.6, 0.4]) == (0, 0.1, 0.02)
    assert says(rows(0.5, 0.5), [0.4, 0.6]) == (0, -0.1, -0.02)


def test_inside_the_bands_it_names_the_line_closest_to_leaving() -> None:
    assert says(rows(0.5, 0.3, 0.2), [0.505, 0.29, 0.205]) == (1, -0.01, -0.02)


def test_lying_on_a_bound_at_zero_is_not_being_close_to_it() -> None:
    """The second line has a small target and lies at zero, the third has none: only the first can leave its band."""
    assert says(rows(0.99, 0.01, 0.0), [0.995, 0.0, 0.0]) == (0, 0.005, 0.02)


def test_a_line_without_target_that_is_held_is_named() -> None:
    assert says(rows(0.6, 0.4, 0.0), [0.57, 0.38, 0.05]) == (2, 0.05, 0.02)


def test_no_trade_bands_cannot_be_written_to() -> None:
    asked, row = np.ones(3, dtype=bool), np.zeros(3, dtype=np.int64)
    bands = NoTradeBands(asked, row, **rows(0.5, 0.3), fraction=1.0, trigger="band")
    asked[0] = False
    assert bands.asked.all()
    for array in bands.arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=24),
    st.lists(st.integers(-3, 3), min_size=24, max_size=24),
    st.sampled_from([0.0, 0.01, 0.05]),
)
def test_the_first_look_never_misses_what_the_rule_would_ask_for(
    values: list[int], steps: list[int], trigger: float
) -> None:
    """Weights on the trigger and within a hair of it, on each side."""
    target = np.array(values) / 50.0 / max(1.0, sum(values) / 50.0)
    of = rows(*target, trigger=trigger)
    step = np.array(steps[: len(target)])
    weights = target + np.sign(step) * (trigger + (np.abs(step) - 2) * TRIGGER)
    if asks(of, weights.tolist()):
        assert near(weights, np.ones((1, len(weights))), 0, 1.0, 1.0 - weights.sum(), triggers(of))
