"""The kernels of a region on regions made by hand, with numbers that a reader can do on paper."""

from dataclasses import replace

import numpy as np
import pytest
from cases import cases

from foundation.arrays import Array
from foundation.compiled import compiled
from research.rules.optimum.region import Region, Surfaces, destination, wants

ENDS = np.array([-0.1, 0.1])
COMMON = {"interval": 1 / 52, "tracking_penalty": 5.0, "value": 1e-4}
# The interval of either gap is [-0.02, 0.02] less half the other, so from -0.03 to 0.07 at the lower end of the grid.
LEANING = Region(
    np.array([0.4, 0.3]), np.array([1e-3, 1e-3]), 0.0, **COMMON, axes=(ENDS, ENDS), values=np.zeros((2, 2)),
    advantage=np.zeros((2, 2)), lower=(np.array([0.03, -0.07]),) * 2, upper=(np.array([0.07, -0.03]),) * 2,
)  # fmt: skip
# One line: a trade saves 0.0004 at either end and nothing in the middle.
ONE = Region(
    np.array([0.6]), np.array([1e-3]), 1e-4, **COMMON, axes=(np.array([-0.1, 0.0, 0.1]),),
    values=np.array([4e-4, 0.0, 4e-4]), advantage=np.array([4e-4, 0.0, 4e-4]), lower=(np.array([-0.01]),),
    upper=(np.array([0.015]),),
)  # fmt: skip


def sent(region: Region, *gap: float) -> list[float]:
    out = np.empty(len(gap))
    destination(np.array(gap), region.surfaces, out)
    return out.tolist()


@cases(
    "gap, to",
    ((0.01, 0.005), (0.01, 0.005)),
    ((0.1, 0.0), (0.02, 0.0)),  # one asset moves, and the other has room where that leaves it
    ((0.1, 0.1), (0.04 / 3, 0.04 / 3)),  # both at their upper end: x = 0.02 - x / 2
    ((0.05, -0.05), (0.04, -0.04)),  # and at the opposite ones: x = 0.02 + x / 2
    ((9.0, 9.0), (0.04 / 3, 0.04 / 3)),  # beyond the grid
)
def test_a_trade_of_two_lines_ends_where_both_intervals_agree(
    gap: tuple[float, float], to: tuple[float, float]
) -> None:
    assert sent(LEANING, *gap) == pytest.approx(to, abs=1e-12)
    assert wants(np.array(gap), LEANING.surfaces) == (gap != to)
    assert not wants(np.array(to), LEANING.surfaces)


def test_without_a_ticket_a_gap_may_be_a_rounding_past_its_end() -> None:
    assert [wants(np.array([0.02 + past, 0.0]), LEANING.surfaces) for past in (0.9e-6, 1.1e-6)] == [False, True]
    assert [wants(np.array([0.0, -0.02 - past]), LEANING.surfaces) for past in (0.9e-6, 1.1e-6)] == [False, True]


def test_with_a_ticket_a_trade_waits_until_it_saves_the_ticket() -> None:
    """One line: 0.0004 x |gap| / 0.1 is the ticket at a gap of 0.025."""
    gaps = (-0.5, -0.0251, -0.0249, 0.0, 0.0249, 0.0251, 0.5)
    assert [wants(np.array([gap]), ONE.surfaces) for gap in gaps] == [True, True, False, False, False, True, True]
    assert [sent(ONE, gap) for gap in (-0.5, 0.005, 0.5)] == [[-0.01], [0.005], [0.015]]


def test_what_a_trade_of_two_lines_saves_is_read_between_four_points() -> None:
    """With 0.0004 at one corner alone, 0.0001 is where the two shares of the way to it multiply to a quarter."""
    region = replace(LEANING, ticket=1e-4, advantage=np.array([[0.0, 0.0], [0.0, 4e-4]]))
    near = [(0.001, 0.0), (0.0, 0.001), (-0.001, 0.0), (0.1, -0.049), (0.1, -0.051), (-0.1, 0.1)]
    assert [wants(np.array(gap), region.surfaces) for gap in near] == [True, True, False, True, False, False]


def test_a_compiled_loop_may_call_the_kernels() -> None:
    gaps = np.array([[0.1, 0.1], [0.0, 0.0]])
    assert _moved(gaps, LEANING.surfaces) == 1
    assert gaps.tolist() == [pytest.approx([0.04 / 3, 0.04 / 3]), [0.0, 0.0]]


@compiled
def _moved(gaps: Array, region: Surfaces) -> int:
    moved = 0
    for k in range(len(gaps)):
        if wants(gaps[k], region):
            destination(gaps[k], region, gaps[k])
            moved += 1
    return moved


def test_a_region_is_read_only() -> None:
    for array in (*LEANING.lower, LEANING.advantage, *LEANING.surfaces[:7]):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0
