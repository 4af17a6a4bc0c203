"""An optimal no-trade region in one or two gaps as arrays: where trading is worth its cost, and where a trade goes.

A gap is a weight less its target, one number an asset. One or two assets have *the rest* beside them, which is cash,
or, where the portfolio is fully invested, the last asset, whose gap is what theirs sum to, with the other sign. A
region
holds two things: the gaps from which a trade saves more than it costs, and the intervals into which a trade brings the
gaps. The interval of one asset depends on the gap of the other. Where the rest costs something, two assets may also be
traded with one another: the interval of the first then depends on the sum of both, which such a trade leaves.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from foundation.arrays import Array, MadeAnew, freeze_fields, frozen
from foundation.compiled import inlined, linked
from foundation.dataclasses import dataclass
from foundation.tolerances import DESTINATION, TRIGGER

SWEEPS = 1000  # far more than two assets need, unless their returns are one and the same


class Surfaces(NamedTuple):
    """A region as plain arrays, the same for one gap and for two: the second axis of one gap is a single one, 0.

    first        : (a,) gaps of the first asset on the grid, evenly spaced, fraction of NAV.
    second       : (b,) gaps of the second line, likewise.
    advantage    : (a, b) saving of a trade, before the ticket, fraction of NAV.
    lower_first  : (b,) lower end of the interval of the first gap for each second one, fraction of NAV.
    upper_first  : (b,) its upper end, fraction of NAV.
    lower_second : (a,) lower end of the interval of the second gap for each first one, fraction of NAV.
    upper_second : (a,) its upper end, fraction of NAV.
    sums         : (a + b - 1,) sums of both gaps, evenly spaced; (0,) where the rest costs nothing.
    lower_pair   : lower end of the interval of the first gap for each sum, where two assets trade with one another.
    upper_pair   : its upper end, fraction of NAV.
    ticket       : fraction of NAV for an event.
    """

    first: Array
    second: Array
    advantage: Array
    lower_first: Array
    upper_first: Array
    lower_second: Array
    upper_second: Array
    sums: Array
    lower_pair: Array
    upper_pair: Array
    ticket: float


@dataclass(frozen=True, eq=False)
class Region(MadeAnew):
    """An optimal policy in d gaps, one or two, and the problem that it solves.

    target           : (n,) fraction of NAV; n = d where cash is the rest, n = d + 1 where the last asset is.
    cost             : (n,) a side, fraction of the notional.
    ticket           : cost of an event, whatever is traded, fraction of NAV.
    interval         : years between two decisions.
    tracking_penalty : g, price of squared tracking.
    value            : loss a year of the policy in the long run, fraction of NAV.
    axes             : the gaps of each axis of the grid, fraction of NAV.
    values           : on the grid, cost of a gap from before a decision on, relative to other gaps, fraction of NAV: a
                       number for each gap, of which only differences have a meaning.
    advantage        : on the grid, saving of a trade from a gap before the ticket, fraction of NAV; up to the ticket
                       the policy holds.
    lower            : for each axis the lower end of the interval into which a trade with the rest brings its gap,
                       fraction of NAV: one for each gap of the other axis; of one axis (1,). Where three assets are
                       fully invested, there is a third, of the first gap, for each sum of both, where two assets trade.
    upper            : the upper ends likewise, fraction of NAV.
    """

    target: Array
    cost: Array
    ticket: float
    interval: float
    tracking_penalty: float
    value: float
    axes: tuple[Array, ...]
    values: Array
    advantage: Array
    lower: tuple[Array, ...]
    upper: tuple[Array, ...]

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        freeze_fields(self, "target", "cost", "values", "advantage", dtype=None)
        for name in ("axes", "lower", "upper"):
            object.__setattr__(self, name, tuple(frozen(array) for array in getattr(self, name)))

    def __repr__(self) -> str:
        """One line: its problem, and its loss."""
        target, cost = ([round(float(x), 6) for x in values] for values in (self.target, self.cost))
        return (
            f"Region(target={target}, cost={cost}, ticket={self.ticket:g}, tracking_penalty={self.tracking_penalty:g}, "
            f"value={self.value:.4g})"
        )

    @cached_property
    def surfaces(self) -> Surfaces:
        """The region as `wants` and `destination` take it."""
        still, none = frozen(np.zeros(len(self.axes[0]))), frozen(np.empty(0))  # what a second gap would have
        first, second = (*self.axes, frozen(np.zeros(1)))[:2]
        pair = len(self.lower) == 3
        lower_first, lower_second, lower_pair = self.lower if pair else (*(*self.lower, still)[:2], none)
        upper_first, upper_second, upper_pair = self.upper if pair else (*(*self.upper, still)[:2], none)
        return Surfaces(
            first, second, frozen(self.advantage.reshape(len(first), len(second))), lower_first, upper_first,
            lower_second, upper_second, self.sums, lower_pair, upper_pair, self.ticket,
        )  # fmt: skip

    @cached_property
    def sums(self) -> Array:
        """The sums of both gaps for which there are intervals of a trade of two assets; none where cash is the rest."""
        if len(self.lower) < 3:
            return frozen(np.empty(0))
        first, second = self.axes
        return frozen(np.linspace(first[0] + second[0], first[-1] + second[-1], len(self.lower[2])))


@linked
def wants(gap: Array, region: Surfaces) -> bool:
    """True if a trade from these gaps (n,) is worth its cost. Gaps beyond the grid are as those at its edge.

    With a ticket where a trade saves more than the ticket; without one where a gap is outside its interval, by more
    than 1e-6 of NAV.
    """
    first, second = gap[0], gap[1] if len(region.second) > 1 else 0.0
    a, b = _place(region.first, first), _place(region.second, second)
    if region.ticket > 0.0:
        return _across(region.advantage, a, b) > region.ticket
    past_first = max(_along(region.lower_first, b) - first, first - _along(region.upper_first, b))
    past_second = max(_along(region.lower_second, a) - second, second - _along(region.upper_second, a))
    past = max(past_first, past_second)
    if len(region.sums) > 0:
        s = _place(region.sums, first + second)
        past = max(past, _along(region.lower_pair, s) - first, first - _along(region.upper_pair, s))
    return past > TRIGGER


@linked
def destination(gap: Array, region: Surfaces, out: Array) -> None:
    """Put the gaps (n,) to trade to into `out` (n,): the cheapest place, when the cost of getting there is counted.

    A trade is made of what each asset trades with the rest, and of what two assets trade with one another. Each part in
    turn goes to the nearest point of its interval, which the others decide, until all stay: descent by coordinates,
    which finds the least of a smooth convex function plus the cost of each part (Tseng (2001), Convergence of a block
    coordinate descent method for nondifferentiable minimization, theorem 4.1).
    """
    first, second = gap[0], gap[1] if len(region.second) > 1 else 0.0
    to_first, to_second, swapped = first, second, 0.0  # both gaps, and what the second line has given to the first
    for _ in range(SWEEPS):
        from_first, from_second = to_first, to_second
        b = _place(region.second, to_second)
        to_first = min(max(first + swapped, _along(region.lower_first, b)), _along(region.upper_first, b))
        a = _place(region.first, to_first)
        to_second = min(max(second - swapped, _along(region.lower_second, a)), _along(region.upper_second, a))
        if len(region.sums) > 0:
            s, before = _place(region.sums, to_first + to_second), to_first - swapped
            there = min(max(before, _along(region.lower_pair, s)), _along(region.upper_pair, s))
            to_first, to_second, swapped = there, to_second + to_first - there, there - before
        if max(abs(to_first - from_first), abs(to_second - from_second)) < DESTINATION:
            break
    out[0] = to_first
    if len(region.second) > 1:
        out[1] = to_second
    last = 2 if len(region.second) > 1 else 1
    if len(gap) > last:
        out[last] = -to_first - to_second


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
