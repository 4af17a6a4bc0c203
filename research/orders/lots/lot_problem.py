"""The problem of whole lots nearest to the exact step: the objective, and the limits of the orders.

The objective is the distance of all assets and of cash from where the exact step brings them, plus the costs of the
orders, over NAV. Cash is what the orders leave, so its distance is the absolute sum of the assets' signed distances;
costs are counted once, and not as missing cash again. It weighs `CASH_WEIGHT` of an asset's: of two orders that are
equally far, the one that brings assets nearer is taken. But for cash, the objective is a sum over assets; lots, cash
and the limits of the orders tie them together. PyPortfolioOpt's linear programme for whole lots adds the cash that is
left to the assets' distances in the same way (Martin 2021, PyPortfolioOpt: portfolio optimization in Python).

Where cash does not suffice for all buys, each asset has a share of it: its way to its point reduced by one factor for
all, and distances are those from the shares. What is past an asset's share, and not past its point, weighs
`PAST_SHARE`. With u what assets lack of their shares and v what they have past them, u − v is left in cash, and all
lose u + 0.8 v + 0.9 (u − v) = 1.9 u − 0.1 v: the lots come near the shares first, and the cash that they leave buys
more of what was cut. In parts of lots each asset takes its share.

As an option, the ex-ante tracking error to the exact step's point takes the place of the distances: a tracking error of
1 bp a year weighs as much as 1 bp of NAV paid. It is not squared, as it is in J, because J's choice between costs and
tracking error was made by the rule, and its point must not be undone: near the point a square is flatter than any cost,
so that every order would stop short of it, and be asked for again. A norm rises at the same rate up to the point.
"""

from enum import StrEnum
from functools import cached_property

import numpy as np

from foundation.arrays import Array, Mask, Rows
from foundation.dataclasses import dataclass, field, replace
from foundation.tolerances import TRIGGER, WEIGHT
from research.orders.lots.lot_terms import (
    DIVISIBLE,
    GOAL,
    LOT_STEPS,
    LOT_VALUE,
    LOWER_BOUND,
    MOST_VOLUME,
    ODD,
    SHORT_BY,
    UPPER_BOUND,
    VALUE,
    WAY,
    WHOLE_LOTS,
    LotTerms,
    write_steps,
)
from research.orders.lots.order_limits import OrderLimit, broken_by, sendable
from research.orders.lots.position import Position
from research.portfolio import WeightLimit


class Proof(StrEnum):
    """Proven, or the best that was found."""

    EXACT = "exact"  # no better one exists
    BOUNDED = "within the search limit"  # the best that a solver found until its nodes ended it
    GREEDY = "greedy"  # found by a search that proves nothing


CASH_LIMIT = "cash"  # the name of its limit, and of its distance
CASH_WEIGHT = 0.9  # a currency unit between cash and its point weighs as much as so many between an asset and its own
OUTSIDE = 200.0  # a currency unit outside an asset's box weighs as much as so many between its point and the asset
PAST_SHARE = 0.8  # a currency unit past an asset's share of the cash, up to its point, weighs as much as so many before
COSTS_APART = 1e-3  # of NAV: more than by how much the costs of whole lots differ from those of the exact step


@dataclass(frozen=True, eq=False)
class LotProblem:
    """Orders in whole lots from a position toward the point of the exact step.

    position : holdings before the orders.
    goal     : (n,) value that each asset should have after them, currency.
    way      : (n,) 1 for an asset that may be bought, -1 for one that may be sold, 0 for one that stays.
    lower    : (n,) least value of each asset's box, currency, or -inf.
    upper    : (n,) largest value of each asset's box, currency, or inf.
    floor    : cash that stays, currency.
    most     : (n,) the most units of each order.
    further  : fraction of NAV by which a buy may go past the first lot beyond its point.
    unpaid   : (n,) distance of each asset's share of the cash from its point, currency; zero where cash suffices.
    """

    position: Position
    goal: Array
    way: Array
    lower: Array
    upper: Array
    floor: float
    most: Array
    further: float = COSTS_APART
    unpaid: Array = field(default_factory=lambda: np.array(0.0))

    # -- what an asset can do ----------------------------------------------------------------------------------------

    @cached_property
    def terms(self) -> LotTerms:
        """The problem as the kernels take it."""
        terms, position = LotTerms.of(self.position, self.floor), self.position
        of = {GOAL: self.goal, SHORT_BY: self.unpaid, WAY: self.way, LOWER_BOUND: self.lower, UPPER_BOUND: self.upper}
        for row, values in (of | {MOST_VOLUME: self.most}).items():
            terms.lines[row] = values
        return terms._replace(net=write_steps(terms, self.further if position.limits.weights else 0.0))

    @property
    def lot(self) -> Array:
        """(n,) value of a lot, currency."""
        return self.terms.lines[LOT_VALUE]

    @property
    def value(self) -> Array:
        """(n,) value held, currency."""
        return self.terms.lines[VALUE]

    @property
    def net(self) -> float:
        """Buys less sells of the step to the assets' shares, currency: then cash is at its point."""
        return self.terms.net

    @property
    def fine(self) -> Mask:
        """(n,) assets that are divided at will."""
        found: Mask = self.terms.lines[DIVISIBLE] > 0.0
        return found

    @property
    def whole(self) -> Array:
        """(n,) most whole lots of each order: no buy or short sale goes further than the first lot past its point.

        With limits of weights it may go `further`.
        """
        return self.terms.lines[WHOLE_LOTS]

    @property
    def odd(self) -> Array:
        """(n,) units that no lot divides of an asset to be sold completely: they are sold after its last lot."""
        return self.terms.lines[ODD]

    @property
    def steps(self) -> Array:
        """(n,) most steps of each order: its whole lots, and one more that sells the odd lot."""
        return self.terms.lines[LOT_STEPS]

    @cached_property
    def able(self) -> Rows:
        """(m,) assets that may trade, in an order that does not depend on that of the portfolio."""
        able = np.flatnonzero(self.steps > 0.0)
        return able[np.lexsort([key[able] for key in (self.way, self.lot, self.goal, self.position.units)])]

    def units(self, steps: Array) -> Array:
        """(n,) signed units of so many steps (n,), without rounding noise."""
        lots = clean(self.way * np.minimum(steps, self.whole) * self.position.lots, self.position.lots)
        return np.where((self.odd > 0.0) & (steps > self.whole), -self.position.units, lots)

    # -- what orders are worth -------------------------------------------------------------------------------------

    def each(self, units: Array) -> Array:
        """(n,) for each asset, its `away`, its cost, and the amount outside its box, fraction of NAV."""
        traded = units * self.position.prices
        after = self.value + traded
        cost = self.position.exact_charges(np.abs(traded)).sum(axis=0)
        return (self.away(after) + OUTSIDE * self.outside(after) + cost) / self.position.nav

    def away(self, after: Array) -> Array:
        """(n,) distances of values (n,) from the assets' shares of the cash; see `cash_distances`."""
        return cash_distances(after, self.goal, self.unpaid)

    def outside(self, after: Array) -> Array:
        """(n,) amounts by which values (n,) are outside the assets' boxes, currency."""
        return np.maximum(np.maximum(self.lower - after, after - self.upper), 0.0)

    @property
    def shared(self) -> "LotProblem":
        """The problem whose points are the assets' shares of the cash."""
        return replace(self, goal=self.goal - self.unpaid, unpaid=np.array(0.0))

    def objective(self, units: Array) -> float:
        """The sum of `each`, cash's distance, and the price of the excess over soft limits of weights, fraction of NAV.

        Where the position has a covariance, the tracking error to the point stands for the distances.
        """
        if self.position.covariance is None:
            return float(self.each(units).sum()) + self.of_cash(units) + self.priced(units)
        away = self.away(self.value + units * self.position.prices) / self.position.nav
        return self.tracking_error(units) + float((self.each(units) - away).sum()) + self.priced(units)

    def of_cash(self, units: Array) -> float:
        """The weighted distance of cash from its point, fraction of NAV."""
        return CASH_WEIGHT * abs(float(units @ self.position.prices) - self.net) / self.position.nav

    def tracking_error(self, units: Array) -> float:
        """sqrt(d'Σd), fraction a year, of the assets' distances d from their points, fraction of NAV; cash has no risk.

        For a position with a covariance.
        """
        covariance = self.position.covariance
        assert covariance is not None
        away = (self.value + units * self.position.prices - self.goal) / self.position.nav
        return float(np.sqrt(max(float(away @ covariance @ away), 0.0)))

    def priced(self, units: Array) -> float:
        """Excess over soft limits of weights times their prices, fraction of NAV."""
        return sum(limit.price * past for limit, past in self._outside(units) if not limit.binds)

    def _outside(self, units: Array) -> list[tuple[WeightLimit, float]]:
        """Each limit of weights, and the distance of orders outside of it, fraction of NAV after them."""
        if not self.position.limits.weights:
            return []
        traded = units * self.position.prices
        nav = self.position.nav - float(self.position.exact_charges(np.abs(traded)).sum())
        weights = (self.value + traded) / nav
        return [(limit, limit.outside(weights)) for limit in self.position.limits.weights]

    # -- what orders must keep -------------------------------------------------------------------------------------

    def sendable(self, units: Array) -> Mask:
        """(n,) orders that are large enough to be sent, and assets without an order."""
        return sendable(self.position, units, WEIGHT)

    def short(self, units: Array) -> float:
        """Shortfall of cash, currency; see `Position.short`."""
        return self.position.short(units, self.floor)

    def broken(self, units: Array) -> tuple[str, ...]:
        """Names of the limits that orders break: cash, those of `broken_by`, and those of weights."""
        found = {CASH_LIMIT: self.short(units) > 0.0} | broken_by(self.position, units[None], self.most, WEIGHT)
        found |= {limit.name: past > TRIGGER for limit, past in self._outside(units) if limit.binds}
        return tuple(name for name, broken in found.items() if broken)


def cash_distances(after: Array, goal: Array, unpaid: Array) -> Array:
    """(n,) distances of values from the assets' shares of the cash; past them they count `PAST_SHARE` up to the goal.

    unpaid : (n,) distance of each share from its point.
    """
    past = after - goal + unpaid
    return np.abs(past) - (1.0 - PAST_SHARE) * np.minimum(np.maximum(past, 0.0), unpaid)


def cash_distance(problem: LotProblem) -> OrderLimit:
    """Cash's distance from its point: buys less sells of orders, both ways, at the price of `CASH_WEIGHT`."""
    n, net = len(problem.way), problem.net / problem.position.nav
    rows = np.repeat(np.array([[1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])[:, :, None], n, axis=2)
    return OrderLimit(CASH_LIMIT, rows, np.array([net, -net]), CASH_WEIGHT)


def clean(units: Array, lots: Array) -> Array:
    """Units rounded to whole lots, without rounding noise: 0.3, not 0.30000000000000004."""
    count = np.rint(units / lots)
    return np.where(lots < 1.0, count / (1.0 / lots), count * lots)
