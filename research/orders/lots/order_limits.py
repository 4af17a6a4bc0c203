"""The limits of orders, each stated once: in words, as rows over the sums of orders, and with its relaxation.

The best lots (`lot_solver`), the nearest point (`limited_point`) and the limits that conflict (`conflicts`) are
programmes over these rows. What single assets may do stands apart: it bounds columns, and needs no rows. Orders as they
are sent, of one account or of several, are held against the same limits by `broken_by`; the compiled search
(`lot_search`) is tested to agree with it. What cash lacks is stated by `Position.short`, to the cent.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, inf, isfinite
from typing import Any, NamedTuple

import numpy as np

from foundation.arrays import Array, Mask
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import percent
from foundation.tolerances import LOT
from research.orders.lots.position import CENT, Position
from research.portfolio import WeightLimit

HALTED, SIDE, NO_BUYS, NO_SELLS, OF_VOLUME, OF_GAINS = "halted", "side", "no buys", "no sells", "volume", "gains"
# What rows count of each asset: values and costs, fractions of NAV; orders, 0 or 1.
BOUGHT, SOLD, SENT, ORDER_COST = range(4)
MOVE = "adverse move"
MINIMUM, ORDERS_LIMIT, TURNOVER, VOLUME = "minimum trade", "limit of orders", "turnover limit", "volume limit"
LIMIT_ROUNDING = 1e-2  # of a basis point: less than a limit may be past before it counts as broken


class LimitChange(NamedTuple):
    """A limit that is relaxed.

    words    : change to make, with the value.
    position : position with that value.
    floor    : cash that stays with it, currency.
    """

    words: str
    position: Position
    floor: float


@dataclass(frozen=True, eq=False)
class OrderLimit:
    """A limit over all assets: the sum of rows[j] · (bought, sold, sent, cost) is at most most[j].

    name  : name in words.
    rows  : (k, 4, n) coefficients.
    most  : (k,) fraction of NAV, or orders.
    price : price of a unit by which it is exceeded, inf for a limit that binds.
    kind  : kind of a limit that has no `mend` and may be relaxed otherwise, see `relaxations`.
    mend  : function that relaxes it by so much, and so many steps of the written value besides; None where nobody can
            by so much. None where it cannot be relaxed at all.
    """

    name: str
    rows: Array
    most: Array
    price: float = inf
    mend: Callable[[float, int], LimitChange | None] | None = None
    kind: str = ""

    @property
    def binds(self) -> bool:
        """True if it may not be exceeded at any price."""
        return not isfinite(self.price)

    @property
    def counts(self) -> bool:
        """True if it counts orders, and no money."""
        return not self.rows[:, [BOUGHT, SOLD, ORDER_COST]].any()


@dataclass(frozen=True, eq=False)
class LineLimit:
    """Limits of single assets.

    kind   : source of the limit.
    words  : template for an asset's name and its largest number of units.
    bought : (n,) most units, inf where it does not limit the asset.
    sold   : (n,) most units, likewise.
    """

    kind: str
    words: str
    bought: Array
    sold: Array

    def name(self, asset: str, i: int) -> str:
        """The name of the limit of asset `i`, in words."""
        return self.words.format(asset, max(*(most for most in (self.bought[i], self.sold[i]) if isfinite(most)), 0.0))


def limits_of(position: Position, floor: float, spare: float = 0.0) -> list[OrderLimit]:
    """All limits over several assets.

    floor : cash that stays, currency.
    spare : cash that stays besides, also after an adverse move, currency.
    """
    return [*_of_number(position, floor), *cash_limits(position, floor, spare), *weight_limits(position, floor)]


def line_limits(position: Position) -> list[LineLimit]:
    """All limits of single assets."""
    n = len(position.units)
    none, can = np.full(n, inf), np.broadcast_to(position.tradable, n)
    halted, volume, gains = (np.where(can, inf, 0.0), *(np.broadcast_to(most, n) for most in
                             (position.most_units, position.most_sold)))  # fmt: skip
    no_buys, no_sells = (np.where((position.way * way < 0.0) & can, 0.0, inf) for way in (1.0, -1.0))
    return [
        LineLimit(SIDE, "{} may not be bought, where only sells are sent", no_buys, none),
        LineLimit(SIDE, "{} may not be sold, where only buys are sent", none, no_sells),
        LineLimit(HALTED, "{} cannot trade", halted, halted),
        LineLimit(NO_BUYS, "{} may not be bought", np.where(position.buyable | ~can, inf, 0.0), none),
        LineLimit(NO_SELLS, "{} may not be sold", none, np.where(position.sellable | ~can, inf, 0.0)),
        LineLimit(OF_VOLUME, "the volume limit of {}, {:,.8g} units", volume, volume),
        LineLimit(OF_GAINS, "the gain budget of {}, {:,.8g} units", none, gains),
    ]


def order_room(position: Position) -> tuple[Array, Array]:
    """(n,) most units that each asset may buy, and that it may sell; inf where nothing limits them."""
    found = line_limits(position)
    return np.min([limit.bought for limit in found], axis=0), np.min([limit.sold for limit in found], axis=0)


def sendable(position: Position, units: Array, slack: float) -> Mask:
    """Orders of signed units (..., n) that are large enough to be sent, and assets without one; see `broken_by`."""
    found: Mask = np.abs(units) * position.prices >= position.least(units) * (1.0 - slack)
    return found | (units == 0.0)


def broken_by(position: Position, parts: Array, most: Array, slack: float) -> dict[str, bool]:
    """By name of a limit besides those of cash and of weights, true if orders break it.

    parts : (A, n) signed units of each account's orders.
    most  : (n,) the most units of an asset's orders.
    slack : fraction of a limit by which orders may be past it, for what a solver rounds.
    """
    limits = position.limits
    return {
        MINIMUM: not bool(sendable(position, parts, slack).all()),
        ORDERS_LIMIT: limits.most is not None and int((parts != 0.0).sum()) > limits.most,
        TURNOVER: limits.turnover is not None and position.turnover(parts) > limits.turnover + slack,
        VOLUME: bool((np.abs(parts).sum(axis=0) > most * (1.0 + slack) + LOT * position.lots).any()),
    }


def cash_limits(position: Position, floor: float, spare: float = 0.0) -> Iterator[OrderLimit]:
    """Limits of cash at these prices and after an adverse move, on each day on which orders settle; see `limits_of`."""
    nav, move, days = position.nav, position.limits.adverse_move, (*position.early, inf)
    for day in days:
        early = isfinite(day)
        least = min(floor, position.cash) if early else floor
        debt = max(position.debt, -position.cash) if early else position.debt
        settled = 1.0 if position.settles is None else 1.0 * (position.settles <= day)
        when = f" where orders settle after {day:g} session{'s' if day != 1.0 else ''}" if early else ""
        if move > 0.0 or floor < -position.debt:
            rows = settled * _rows(position, [1.0 + move, move - 1.0, 0.0, 1.0 + move])
            most = (position.cash + debt - spare) / nav
            name = f"cash that covers an adverse move of {percent(move, 2)}{when}"
            yield OrderLimit(name, rows, np.array([most]), kind=MOVE)
        mend = None if early else partial(_lowered, position, floor)
        rows, most = settled * _rows(position, [1.0, -1.0, 0.0, 1.0]), (position.cash - least - spare) / nav
        yield OrderLimit(f"cash of at least {least:,.2f}{when}", rows, np.array([most]), mend=mend)


def weight_limits(position: Position, floor: float) -> Iterator[OrderLimit]:
    """Limits of weights, of NAV after costs; see `limits_of`."""
    for limit in position.limits.weights:
        of, weight = np.array(limit.exposures), limit.weight(position.weights)
        none = np.zeros(len(of))
        rows = [[of, -of, none, none + limit.upper], [-of, of, none, none - limit.lower]]
        most = [limit.upper - weight, weight - limit.lower]
        name = f"{limit.words}, now at {percent(weight, 2)}"
        yield OrderLimit(name, np.array(rows), np.array(most), limit.price, partial(_widened, position, floor, limit))


def _of_number(position: Position, floor: float) -> Iterator[OrderLimit]:
    """The number of orders, and their turnover."""
    limits = position.limits
    if (most := limits.most) is not None:
        rows, mend = _rows(position, [0.0, 0.0, 1.0, 0.0]), partial(_more_orders, position, floor, most)
        yield OrderLimit(f"at most {most} orders", rows, np.array([float(most)]), mend=mend)
    if (turnover := limits.turnover) is not None:
        rows = _rows(position, [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0])
        mend = partial(_raised, position, floor, turnover)
        yield OrderLimit(f"turnover of at most {percent(turnover, 2)}", rows, np.full(2, turnover), mend=mend)


def _rows(position: Position, *coefficients: list[float]) -> Array:
    """(k, 4, n) rows with the same coefficients for all assets."""
    return np.repeat(np.array(coefficients)[:, :, None], len(position.units), axis=2)


def _more_orders(position: Position, least: float, most: int, more: float, steps: int) -> LimitChange:
    allowed = ceil(most + more - LOT) + steps
    return LimitChange(f"allow {allowed} orders", _with(position, most=allowed), least)


def _raised(position: Position, least: float, turnover: float, more: float, steps: int) -> LimitChange:
    raised = _rounded_up(turnover + more, steps)
    return LimitChange(f"raise the turnover limit to {percent(raised, 2)}", _with(position, turnover=raised), least)


def _lowered(position: Position, least: float, more: float, steps: int) -> LimitChange | None:
    """Nobody may take cash that is not there, except for a debt that was there before."""
    left = (float(np.floor((least - more * position.nav) / CENT + CENT)) - steps) * CENT
    return LimitChange(f"let cash fall to {left:,.2f}", position, left) if left >= -position.debt - CENT else None


def _widened(position: Position, least: float, limit: WeightLimit, more: float, steps: int) -> LimitChange:
    by = _rounded_up(more, steps)
    wider = replace(limit, lower=limit.lower - by, upper=limit.upper + by)
    weights = tuple(wider if other is limit else other for other in position.limits.weights)
    return LimitChange(f"widen the {limit.name} by {percent(by, 2)} of NAV", _with(position, weights=weights), least)


def _with(position: Position, **limits: Any) -> Position:
    return replace(position, limits=replace(position.limits, **limits))


def _rounded_up(fraction: float, steps: int) -> float:
    """A fraction to a basis point that is not below it, and not zero; with so many basis points more."""
    return (max(ceil(fraction * 1e4 - LIMIT_ROUNDING), 1) + steps) / 1e4
