"""An optimal no-trade region of one or two lines as arrays: where trading is worth its cost, and where a trade goes.

A gap is a weight less its target, one number a line. A region holds two things: the gaps from which a trade saves more
than it costs, and the intervals into which a trade brings the gaps. The interval of one line depends on the gap of the
other.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from research.arrays import Array, frozen
from research.compiled import inlined, linked
from research.tolerances import DESTINATION, TRIGGER

SWEEPS = 1000  # far more than two lines need, unless their returns are one and the same


class Surfaces(NamedTuple):
    """A region as plain arrays, the same for one line and for two: the second axis of one line is a single gap, 0.

    first        : (a,) gaps of the first line on the grid, evenly spaced, fraction of NAV.
    second       : (b,) gaps of the second line, likewise.
    advantage    : (a, b) what a trade would save, before the ticket, fraction of NAV.
    lower_first  : (b,) lower end of the interval of the first gap for each second one, fraction of NAV.
    upper_first  : (b,) its upper end, fraction of NAV.
    lower_second : (a,) lower end of the interval of the second gap for each first one, fraction of NAV.
    upper_second : (a,) its upper end, fraction of NAV.
    ticket       : fraction of NAV for an event.
    """

    first: Array
    second: Array
    advantage: Array
    lower_first: Array
    upper_first: Array
    lower_second: Array
    upper_second: Array
    ticket: float


@dataclass(frozen=True, eq=False)
class Region:
    """An optimal policy of one or two lines beside cash, and the problem that it solves.

    target           : (n,) fraction of NAV.
    cost             : (n,) a side, fraction of the notional.
    ticket           : fraction of NAV that an event costs, whatever is traded.
    interval         : years between two decisions.
    tracking_penalty : g, price of squared tracking.
    value            : loss a year of the policy in the long run, fraction of NAV.
    axes             : for each line its (m,) gaps on the grid, fraction of NAV.
    advantage        : (m,) or (m, m) what a trade from a gap saves before the ticket, fraction of NAV; up to the ticket
                       the policy holds.
    lower            : for each line the lower end of the interval into which a trade brings its gap, fraction of NAV:
                       of two lines (m,), one for each gap of the other line on the grid; of one line (1,).
    upper            : for each line the upper end, (m,) or (1,) likewise, fraction of NAV.
    """

    target: Array
    cost: Array
    ticket: float
    interval: float
    tracking_penalty: float
    value: float
    axes: tuple[Array, ...]
    advantage: Array
    lower: tuple[Array, ...]
    upper: tuple[Array, ...]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        for name in ("target", "cost", "advantage"):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        for name in ("axes", "lower", "upper"):
            object.__setattr__(self, name, tuple(frozen(array) for array in getattr(self, name)))

    def __repr__(self) -> str:
        """One line: its problem, and what it is worth."""
        target, cost = ([round(float(x), 6) for x in values] for values in (self.target, self.cost))
        return (
            f"Region(target={target}, cost={cost}, ticket={self.ticket:g}, tracking_penalty={self.tracking_penalty:g}, "
            f"value={self.value:.4g})"
        )

    @cached_property
    def surfaces(self) -> Surfaces:
        """The region as `wants` and `destination` take it."""
        still = frozen(np.zeros(len(self.axes[0])))  # the interval of a second line that is not there
        first, second = (*self.axes, frozen(np.zeros(1)))[:2]
        lower_first, lower_second = (*self.lower, still)[:2]
        upper_first, upper_second = (*self.upper, still)[:2]
        advantage = frozen(self.advantage.reshape(len(first), len(second)))
        return Surfaces(
            first, second, advantage, lower_first, upper_first, lower_second, upper_second, self.ticket
        )  # fmt: skip


@linked
def wants(gap: Array, region: Surfaces) -> bool:
    """Is a trade from this gap (n,) worth its cost? Gaps beyond the grid are as those at its edge.

    With a ticket where a trade saves more than the ticket; without one where a gap is outside its interval, by more
    than 1e-6 of NAV.
    """
    first, second = gap[0], gap[1] if len(gap) > 1 else 0.0
    a, b = _place(region.first, first), _place(region.second, second)
    if region.ticket > 0.0:
        return _across(region.advantage, a, b) > region.ticket
    past_first = max(_along(region.lower_first, b) - first, first - _along(region.upper_first, b))
    past_second = max(_along(region.lower_second, a) - second, second - _along(region.upper_second, a))
    return max(past_first, past_second) > TRIGGER


@linked
def destination(gap: Array, region: Surfaces, out: Array) -> None:
    """Put the gap (n,) to trade to into `out` (n,): the cheapest place, when the cost of getting there is counted.

    Each gap in turn goes to the nearest point of its interval, which the other's decides, until both stay: descent by
    coordinates, which finds the least of a smooth convex function plus the cost of each line (Tseng (2001), Convergence
    of a block coordinate descent method for nondifferentiable minimization, theorem 4.1).
    """
    first, second = gap[0], gap[1] if len(gap) > 1 else 0.0
    to_first, to_second = first, second
    for _ in range(SWEEPS):
        from_first, from_second = to_first, to_second
        b = _place(region.second, to_second)
        to_first = min(max(first, _along(region.lower_first, b)), _along(region.upper_first, b))
        a = _place(region.first, to_first)
        to_second = min(max(second, _along(region.lower_second, a)), _along(region.upper_second, a))
        if max(abs(to_first - from_first), abs(to_second - from_second)) < DESTINATION:
            break
    out[0] = to_first
    if len(gap) > 1:
        out[1] = to_second


@inlined
def _place(axis: Array, x: float) -> tuple[int, float]:
    """(k, part): x, or the nearest end of the axis, lies this part of the way from point k to the next."""
    last = len(axis) - 1
    if last == 0:
        return 0, 0.0
    at = min(max((x - axis[0]) * last / (axis[last] - axis[0]), 0.0), float(last))
    k = min(int(at), last - 1)
    return k, at - k


@inlined
def _along(values: Array, place: tuple[int, float]) -> float:
    """Linear between the points of an axis."""
    k, part = place
    return values[k] + part * (values[min(k + 1, len(values) - 1)] - values[k])


@inlined
def _across(values: Array, a: tuple[int, float], b: tuple[int, float]) -> float:
    """Linear along either axis of a table."""
    k, part = a
    after = min(k + 1, len(values) - 1)
    j, across = b
    beyond = min(j + 1, values.shape[1] - 1)
    here = values[k, j] + across * (values[k, beyond] - values[k, j])
    there = values[after, j] + across * (values[after, beyond] - values[after, j])
    return here + part * (there - here)
