"""Relaxations of limits that no row over several assets states: those of single assets, and the least order.

Each is one of a position with one value of it changed, and a larger change lets more orders be.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, exp, floor, log

import numpy as np

from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import percent
from research.orders.lots.order_limits import MINIMUM, MOVE, NO_BUYS, NO_SELLS, OF_GAINS, OF_VOLUME, SIDE
from research.orders.lots.position import CENT, Position

SIDE_OPTIONS = {1.0: "--only buys", -1.0: "--only sells"}  # of the command line, by the way of orders


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A change that relaxes one limit.

    kind  : kind of the limit.
    line  : asset that it applies to, None where it applies to all.
    now   : its value.
    free  : the value at which it limits nothing.
    step  : largest amount by which a value may exceed the least change; inf where there are none between.
    at    : function of a value: the position with it.
    words : function of a value that says what to do, in words.
    """

    kind: str
    now: float
    free: float
    step: float
    at: Callable[[float], Position]
    words: Callable[[float], str]
    line: int | None = None

    def least(self, feasible: Callable[[Position], bool]) -> float | None:
        """The value with the least change that suffices, None where none does.

        feasible : function of a position: true if some orders are known that keep all limits.
        """
        short, enough = self.now, self.free
        if not feasible(self.at(enough)):
            return None
        while abs(enough - short) > self.step:
            middle = (short + enough) / 2.0
            short, enough = (short, middle) if feasible(self.at(middle)) else (middle, enough)
        return enough


def relaxations(position: Position, step: float) -> Iterator[Relaxation]:
    """All of them.

    step : largest amount above the least change, fraction of NAV.
    """
    limits, amount = position.limits, step * position.nav
    if position.minimum > 0.0:
        yield Relaxation(MINIMUM, position.minimum, 0.0, amount, lambda least: replace(position, minimum=least), _lower)
    if limits.adverse_move > 0.0:
        yield Relaxation(
            MOVE, limits.adverse_move, 0.0, step,
            lambda move: replace(position, limits=replace(limits, adverse_move=move)),
            lambda move: f"lower the adverse move to {percent(floor(move * 1e4) / 1e4, 2)}",
        )  # fmt: skip
    if position.way != 0.0:
        yield Relaxation(SIDE, 1.0, 0.0, np.inf, lambda _: replace(position, way=0.0),
                         lambda _: f"leave out {SIDE_OPTIONS[position.way]}")  # fmt: skip
    if (budget := position.gain_budget) is not None:
        yield Relaxation(OF_GAINS, budget.now, budget.enough, amount, partial(_within, position),
                         lambda value: f"raise the gain budget to {ceil(value / CENT) * CENT:,.2f}")  # fmt: skip
    if np.isfinite(position.most_units).any():
        yield _of_volume(position, step)
    for i in range(len(position.assets)):
        yield from (_of_line(position, kind, i) for kind in (NO_BUYS, NO_SELLS))


def _lower(least: float) -> str:
    whole = floor(least / CENT) * CENT
    return f"lower the minimum trade to {whole:,.2f}" if whole > 0.0 else "leave out the minimum trade"


def _within(position: Position, budget: float) -> Position:
    """The position with another gain budget."""
    of = position.gain_budget
    assert of is not None
    return replace(position, most_sold=np.array(np.inf) if budget >= of.enough else of.most_sold(budget))


def _of_volume(position: Position, step: float) -> Relaxation:
    """The logarithm of the factor by which the participation is raised."""
    n = len(position.units)
    most = np.broadcast_to(position.most_units, n)
    some = (most > 0.0) & np.isfinite(most)
    all_traded = 2.0 * max(position.nav, float((position.units * position.prices).max(initial=0.0))) / position.prices
    largest = float((all_traded[some] / most[some]).max(initial=1.0))
    return Relaxation(
        OF_VOLUME, 0.0, max(log(largest), 0.0), step,
        lambda of: replace(position, most_units=position.most_units * exp(of)),
        lambda of: f"raise the participation to {ceil(exp(of) * 1e3) / 1e3:,.8g} times what it is",
    )  # fmt: skip


def _of_line(position: Position, kind: str, i: int) -> Relaxation:
    """The relaxation of a restriction of asset `i`: purchases or sells are allowed."""
    this = np.arange(len(position.units)) == i
    freed, word = replace(position, sellable=position.sellable | this), "sells"
    if kind == NO_BUYS:
        freed, word = replace(position, buyable=position.buyable | this), "purchases"
    words = f"allow {word} of {position.assets[i]}"
    return Relaxation(kind, 1.0, 0.0, np.inf, lambda _: freed, lambda _: words, i)
