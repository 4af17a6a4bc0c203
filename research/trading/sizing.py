"""From a box to orders: the accounting's self-financing step, rounded to whole lots that cash can pay for, to the cent.

Rounding must not make a desk trade twice. So the rule is asked again with the position after its orders, and what it
still wants is added, until no more order can be sent: after these orders the list is empty.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from research.accounting import Trade
from research.accounting.cost_parameters import COLUMNS, CostParameters, Lots, Scratch
from research.accounting.kernel import REFUSED, Box, Pace, Quotes, Record, book, charge, wealth, weigh
from research.arrays import Array, Mask, frozen
from research.errors import PolicyError
from research.market import Market
from research.portfolio import Portfolio
from research.tolerances import COUNTED, LOT

CENT = 0.01  # what a line without a quote trades in, currency; and what amounts are counted in
TURNS = 100  # times that a rule is asked at most; two are the usual number


@dataclass(frozen=True, eq=False)
class Position:
    """Holdings and cash at one close, and the limits and costs of trading them.

    units           : (n,) units held.
    prices          : (n,) quoted close, currency per unit.
    lots            : (n,) least number of units in a trade. A line without a quote is held in units of one currency
                      unit, and trades in cents.
    quoted          : (n,) whether each line has a quote.
    tradable        : (n,) whether each line can be traded.
    cash            : currency.
    minimum         : currency; a smaller order is not sent.
    cost_parameters : costs of orders, without tax, since purchase prices are not known here.
    day             : row of the daily costs in `cost_parameters`.
    """

    units: Array
    prices: Array
    lots: Array
    quoted: Mask
    tradable: Mask
    cash: float
    minimum: float
    cost_parameters: CostParameters
    day: int

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Position":
        """The portfolio at its last close."""
        market, last = portfolio.market, len(portfolio.market.dates) - 1
        cost_parameters, minimum = portfolio.costs.cost_parameters(market, last), portfolio.limits.minimum_trade
        made = cls.at(market, last, portfolio.holdings, portfolio.cash, portfolio.limits.lots, minimum, cost_parameters)
        return replace(made, units=np.where(np.isnan(portfolio.shares), made.units, portfolio.shares))

    @classmethod
    def at(
        cls,
        market: Market,
        day: int,
        holdings: Array,
        cash: float,
        lots: Array,
        minimum: float,
        cost_parameters: CostParameters,
    ) -> "Position":
        """The position with these holdings at one close.

        market   : of the lines.
        day      : row of the close.
        holdings : (n,) value, currency.
        cash     : currency.
        lots     : (n,) least number of units in a trade.
        minimum  : currency; a smaller order is not sent.
        cost_parameters   : costs of orders.
        """
        quoted = ~np.isnan(market.prices[day])
        prices = np.where(quoted, market.prices[day], 1.0)
        return cls(
            units=holdings / prices,
            prices=prices,
            lots=np.where(quoted, lots, CENT),
            quoted=quoted,
            tradable=market.tradable[day],
            cash=float(_cents(cash) / 100.0),
            minimum=minimum,
            cost_parameters=cost_parameters._replace(tax=0.0, minimum_trade=0.0),
            day=day,
        )

    @cached_property
    def nav(self) -> float:
        """Holdings and cash, currency."""
        return float(wealth(self.units, frozen(self.prices[None]), 0, self.cash, 1.0))

    @cached_property
    def weights(self) -> Array:
        """(n,) fraction of NAV, as the kernel weighs them; cash is the rest."""
        weights = np.empty(len(self.units))
        weigh(self.units, frozen(self.prices[None]), 0, self.nav, weights)
        return frozen(weights)

    @property
    def cash_weight(self) -> float:
        """The weight of cash, fraction of NAV."""
        return 1.0 - float(self.weights.sum())


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders from a position; costs and the cash after them are exact to the cent.

    position : what is held before.
    units    : (n,) signed units to trade, buys positive.
    wished   : (n,) signed units of the exact step.
    rounded  : (n,) the same in whole lots, before small orders were dropped and buys reduced.
    goal     : (n,) weights after the exact step, fraction of NAV.
    """

    position: Position
    units: Array
    wished: Array
    rounded: Array
    goal: Array

    @cached_property
    def notional(self) -> Array:
        """(n,) signed currency, buys positive, in whole cents."""
        return _cents(self.units * self.position.prices) / 100.0

    @cached_property
    def charges(self) -> Array:
        """(columns, n) currency, in whole cents."""
        return _charges(self.position, self.units) / 100.0

    @property
    def slack(self) -> float:
        """The distance from a bound at which the costs of the exact step may leave a line, fraction of NAV."""
        return COUNTED + float(_charges(self.position, self.wished).sum()) / 100.0 / self.position.nav

    @cached_property
    def cash(self) -> float:
        """Cash after the orders and their costs, currency."""
        return _cash_cents(self.position, self.units) / 100.0

    @cached_property
    def after(self) -> Position:
        """The position after the orders.

        A line that was sold completely holds exactly zero units, whatever the rounding.
        """
        before, left = self.position.units, self.position.units + self.units
        rounding = (before >= 0.0) & (left < 0.0) & (left > -LOT * self.position.lots)
        return replace(self.position, units=np.where(rounding, 0.0, left), cash=self.cash)

    @property
    def buys(self) -> float:
        """Notional of all buys, currency."""
        return float(self.notional[self.units > 0.0].sum())

    @property
    def sells(self) -> float:
        """Notional of all sells, currency."""
        return float(np.abs(self.notional[self.units < 0.0]).sum())

    @property
    def turnover(self) -> float:
        """One-way: the larger of buys and sells over NAV before the trade."""
        return max(self.buys, self.sells) / self.position.nav


Ask = Callable[[Position, bool], Trade | None]


def size(position: Position, ask: Ask, target: Array, policy: str) -> Orders:
    """The orders, in whole lots, for the box of a rule.

    Orders are rounded down, but a buy that brings a line into its box to the first lot inside. If cash would become
    negative, sells are rounded up instead, those nearest to it first and none out of its box; then buys are reduced,
    those of lines that were in their box before others, the most expensive first, and the largest of equal cost first.
    Orders below the minimum are not sent.
    position : before the orders.
    ask      : gives what the rule wants of a position, None to hold; the flag is true after the first call at this
               close.
    target   : (n,) in force, fraction of NAV.
    policy   : its name, for messages.
    Raises   : PolicyError for a trade whose costs exceed the value of the lines traded.
    """
    none = np.zeros(len(target))
    orders = Orders(position, none, none, none, position.weights)
    for turn in range(TURNS):
        state = orders.after if turn > 0 else position
        trade = ask(state, turn > 0)
        if trade is None:
            break
        exact, nav = _exact(state, trade, target, policy)
        wished = exact - state.units
        rounded = _in_lots(state, wished, trade, nav)
        under, over = state.weights < trade.lower - COUNTED, state.weights > trade.upper + COUNTED
        sent = _large(state, _affordable(state, _large(state, rounded), under))
        due = (under | over) & (trade.lower < trade.upper)
        if trade.why is not None and trade.why.line in range(len(due)):
            due[trade.why.line] = True
        if wished[due].any() and not sent[due].any():  # too small to be sent; the others would pay for nothing
            sent = np.zeros(len(sent))
        if turn == 0:
            orders = Orders(position, orders.units, wished, rounded, exact * state.prices / nav)
        if not sent.any():
            break
        orders = replace(orders, units=_clean(orders.units + sent, position.lots))
    # The costs of one order may be a cent more than those of the same order in two turns.
    none_outside = np.zeros(len(target), dtype=bool)
    return orders if orders.cash >= 0.0 else replace(orders, units=_affordable(position, orders.units, none_outside))


def _exact(position: Position, trade: Trade, target: Array, policy: str) -> tuple[Array, float]:
    """Units (n,) and NAV after the self-financing step into the box, before rounding."""
    n = len(position.units)
    units = position.units.copy()
    lower, upper, aim = (frozen(np.array(row, dtype=float)[None]) for row in (trade.lower, trade.upper, target))
    prices, tradable = frozen(position.prices[None]), frozen(position.tradable[None])
    box = Box(lower, upper, aim, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.fraction))
    pace, lots = Pace(np.empty((0, n)), position.day, 1.0), Lots.empty(n, 0)
    record = Record(np.empty((1, n)), np.empty((1, len(COLUMNS), n)), 0)
    quotes = Quotes(prices, 0, 1.0, tradable)
    charged = (position.cost_parameters, lots, Scratch.of(n), record)
    status, nav, _, _, _ = book(units, position.cash, position.nav, quotes, box, pace, *charged)
    if status == REFUSED:
        raise PolicyError(
            f"the trade of policy {policy!r} cannot be paid for: its costs would take more than the lines that trade "
            "are worth. Lower the costs in the portfolio file."
        )
    return units, nav


def _in_lots(position: Position, wished: Array, trade: Trade, nav: float) -> Array:
    """(n,) signed units in whole lots, rounded down, or one lot more for a buy that only so comes into its box.

    Sells are one lot more too, those nearest to it first, as long as cash would become negative without.
    """
    size = np.abs(wished) / position.lots
    way = np.sign(wished)
    short = way * np.floor(size + LOT) * position.lots
    far = way * np.ceil(size - LOT) * position.lots

    def inside(units: Array) -> Mask:
        value = (position.units + units) * position.prices
        slack = COUNTED * nav / 2.0
        result: Mask = (value >= trade.lower * nav - slack) & (value <= trade.upper * nav + slack)
        return result

    box = (trade.lower < trade.upper) & (size > LOT) & inside(far)
    units = np.where(box & (way > 0.0) & ~inside(short), far, short)
    can_pay = np.flatnonzero(box & (way < 0.0) & (position.units + far >= 0.0) & (far != short))
    for i in can_pay[np.argsort((np.ceil(size) - size)[can_pay], kind="stable")]:
        if _cash_cents(position, units) >= 0.0:
            break
        units[i] = far[i]
    return units


def _large(position: Position, units: Array) -> Array:
    """The orders above the minimum; the others are zero."""
    notional = np.abs(units) * position.prices
    return np.where((notional >= position.minimum) & counts(notional, position.nav), units, 0.0)


def counts(notional: Array | float, nav: float) -> Mask:
    """Whether orders of this notional (n,), currency, are more than 1e-6 of `nav`; smaller ones are no trades."""
    return np.asarray(notional) > COUNTED * nav


def _affordable(position: Position, units: Array, outside: Mask) -> Array:
    """The orders with as few buys reduced as keep cash from going negative, the most expensive first.

    outside : (n,) lines that were under their box, whose buys are reduced after all others.
    """
    units = units.copy()
    while (short := -_cash_cents(position, units) / 100.0) > 0.0 and (units > 0.0).any():
        buys = np.flatnonzero(units > 0.0)
        cost = position.cost_parameters.total[min(position.day, len(position.cost_parameters.total) - 1)]
        rank = np.lexsort((-(units * position.prices)[buys], -cost[buys], outside[buys]))
        i = buys[rank[0]]
        each = position.lots[i] * position.prices[i] * (1.0 + cost[i])
        units[i] = max(units[i] - np.ceil(short / each) * position.lots[i], 0.0)
        units[i] = _clean(units[i], position.lots[i])
    return units


def _clean(units: Array, lots: Array) -> Array:
    """Units rounded to whole lots, without rounding noise: 0.3, not 0.30000000000000004."""
    count = np.rint(units / lots)
    return np.where(lots < 1.0, count / (1.0 / lots), count * lots)


# -- in whole cents --------------------------------------------------------------------------------------------------


def _cents(amount: Array | float) -> Array:
    return np.rint(np.asarray(amount) * 100.0)


def _charges(position: Position, units: Array) -> Array:
    """(columns, n) each cost of each order, in cents."""
    charges = np.empty((len(COLUMNS), len(units)))
    charge(position.cost_parameters, position.day, np.abs(_cents(units * position.prices) / 100.0), charges)
    return _cents(charges)


def _cash_cents(position: Position, units: Array) -> float:
    """Cash after the orders and their costs, in cents: whole numbers, so that sums are exact."""
    spent = _cents(units * position.prices).sum() + _charges(position, units).sum()
    return float(_cents(position.cash) - spent)
