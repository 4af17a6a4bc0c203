"""From a box to orders: the exact step of the accounting kernel, in whole lots that cash can pay for, to the cent.

Rounding must not make a desk trade twice. So the rule is asked again of what its orders would leave behind, and what it
then still wants is added, until nothing that can be sent is left: executed and asked again, a list is empty.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from research.accounting import Trade
from research.accounting.costs import COLUMNS
from research.accounting.kernel import REFUSED, book, charge, wealth, weigh
from research.accounting.tariff import Lots, Scratch, Tariff
from research.arrays import Array, Mask, frozen
from research.errors import PolicyError
from research.market import Market
from research.portfolio import Portfolio

CENT = 0.01  # what a line without a quote trades in, currency; and what amounts are counted in
WHOLE = 1e-6  # of a lot: nearer than this to a whole number of lots is that number
COUNTS = 1e-6  # of NAV: an order that is not larger is no trade
TURNS = 100  # times that a rule is asked at most; two are the usual number


@dataclass(frozen=True, eq=False)
class Position:
    """What is held at one close, and how it may be traded.

    units, prices, lots : (n,) held; quoted close, currency a unit; least number of units in a trade. A line without a
    quote is held in units of one currency unit, and trades in cents.
    quoted, tradable : (n,) bool.  cash, minimum : currency; a smaller order is not sent.  tariff : what orders cost,
    row `day` of what it has by the day, without tax: what was paid for a holding is not known here.
    """

    units: Array
    prices: Array
    lots: Array
    quoted: Mask
    tradable: Mask
    cash: float
    minimum: float
    tariff: Tariff
    day: int

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Position":
        """The portfolio at its last close."""
        market, last = portfolio.market, len(portfolio.market.dates) - 1
        tariff, minimum = portfolio.costs.tariff(market, last), portfolio.limits.minimum_trade
        made = cls.at(market, last, portfolio.holdings, portfolio.cash, portfolio.limits.lots, minimum, tariff)
        return replace(made, units=np.where(np.isnan(portfolio.shares), made.units, portfolio.shares))

    @classmethod
    def at(
        cls, market: Market, day: int, holdings: Array, cash: float, lots: Array, minimum: float, tariff: Tariff
    ) -> "Position":
        """Lines of this value (n,) and cash, currency, at the close of row `day` of their market."""
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
            tariff=tariff._replace(tax=0.0, minimum_trade=0.0),
            day=day,
        )

    @cached_property
    def nav(self) -> float:
        """Lines and cash, currency."""
        return float(wealth(self.units, frozen(self.prices[None]), 0, self.cash, 1.0))

    @cached_property
    def weights(self) -> Array:
        """(n,) fraction of NAV, as the kernel weighs them; cash is the rest."""
        weights = np.empty(len(self.units))
        weigh(self.units, frozen(self.prices[None]), 0, self.nav, weights)
        return frozen(weights)

    @property
    def cash_weight(self) -> float:
        """What the lines leave to cash, fraction of NAV."""
        return 1.0 - float(self.weights.sum())


@dataclass(frozen=True, eq=False)
class Orders:
    """Signed units (n,) to trade from a position, buys positive; their cost and what they leave is exact to the cent.

    wished : (n,) signed units of the exact step.  rounded : the same in whole lots, before small orders were dropped
    and buys were cut.  goal : (n,) weights that the exact step ends at, fraction of NAV.
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
        """How far the costs of the exact step may keep a line from a bound, fraction of NAV."""
        return COUNTS + float(_charges(self.position, self.wished).sum()) / 100.0 / self.position.nav

    @cached_property
    def cash(self) -> float:
        """After the orders and their costs, currency."""
        return _cash_cents(self.position, self.units) / 100.0

    @cached_property
    def after(self) -> Position:
        """The position that the orders leave behind; what was sold whole is held no more, not by a rounding either."""
        before, left = self.position.units, self.position.units + self.units
        rounding = (before >= 0.0) & (left < 0.0) & (left > -WHOLE * self.position.lots)
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
    """The orders that a rule's box comes to, in whole lots.

    ask    : what the rule wants of a position, None to hold; the flag says that it was asked before at this close.
    target : (n,) in force, fraction of NAV.  policy : its name, for messages.
    Toward a target an order is rounded toward no trade. Toward the edge of a box it is rounded to the first lot inside,
    if there is one: sells that pay for buys as well, so that the buys need not be cut. If cash would go negative, buys
    are cut, the costliest first, the largest of equal cost first. Orders under the minimum are not sent.
    """
    none = np.zeros(len(target))
    orders = Orders(position, none, none, none, position.weights)
    for turn in range(TURNS):
        state = orders.after
        trade = ask(state, turn > 0)
        if trade is None:
            break
        exact, nav = _exact(state, trade, target, policy)
        wished = exact - state.units
        rounded = _in_lots(state, wished, trade, nav)
        sent = _large(state, _affordable(state, _large(state, rounded)))
        if turn == 0:
            orders = Orders(position, orders.units, wished, rounded, exact * state.prices / nav)
        if not sent.any():
            break
        orders = replace(orders, units=_clean(orders.units + sent, position.lots))
    # The costs of one order may be a cent more than those of the same order in two turns.
    return replace(orders, units=_affordable(position, orders.units))


def _exact(position: Position, trade: Trade, target: Array, policy: str) -> tuple[Array, float]:
    """Units (n,) and NAV after the self-financing step into the box, before any rounding."""
    n = len(position.units)
    units = position.units.copy()
    lower, upper, aim = (frozen(np.array(row, dtype=float)[None]) for row in (trade.lower, trade.upper, target))
    prices, tradable = frozen(position.prices[None]), frozen(position.tradable[None])
    box = (lower, upper, aim, 0, float(trade.cash_lower), float(trade.cash_upper), float(trade.part))
    record = (np.empty((1, n)), np.empty((1, len(COLUMNS), n)), 0)
    status, nav, _, _, _ = book(
        units, prices, 0, position.cash, 1.0, position.nav, tradable, *box, position.tariff, position.day,
        Lots.empty(n, 0), np.empty((0, n)), 1.0, Scratch.of(n), *record,
    )  # fmt: skip
    if status == REFUSED:
        raise PolicyError(
            f"the trade of policy {policy!r} cannot be paid for: its costs would take more than the lines that trade "
            "are worth. Lower the costs in the portfolio file."
        )
    return units, nav


def _in_lots(position: Position, wished: Array, trade: Trade, nav: float) -> Array:
    """(n,) signed units in whole lots: toward no trade, or one lot further where that brings a line into its box."""
    size = np.abs(wished) / position.lots
    way = np.sign(wished)
    short = way * np.floor(size + WHOLE) * position.lots
    far = way * np.ceil(size - WHOLE) * position.lots

    def inside(units: Array) -> Mask:
        value = (position.units + units) * position.prices
        slack = COUNTS * nav / 2.0
        result: Mask = (value >= trade.lower * nav - slack) & (value <= trade.upper * nav + slack)
        return result

    box = trade.lower < trade.upper
    sells_pay = (way < 0.0) & inside(far) & (position.units + far >= 0.0)
    buys_reach = (way > 0.0) & inside(far) & ~inside(short)
    return np.where(box & (sells_pay | buys_reach) & (size > WHOLE), far, short)


def _large(position: Position, units: Array) -> Array:
    """The orders that are worth sending; the others are zero."""
    notional = np.abs(units) * position.prices
    return np.where((notional >= position.minimum) & counts(notional, position.nav), units, 0.0)


def counts(notional: Array | float, nav: float) -> Mask:
    """Is an order of this notional a trade at all?"""
    return np.asarray(notional) > COUNTS * nav


def _affordable(position: Position, units: Array) -> Array:
    """The orders with as few buys cut, the costliest first, as leave no cash below zero."""
    units = units.copy()
    while (short := -_cash_cents(position, units) / 100.0) > 0.0 and (units > 0.0).any():
        buys = np.flatnonzero(units > 0.0)
        cost = position.tariff.total[min(position.day, len(position.tariff.total) - 1)]
        rank = np.lexsort((-(units * position.prices)[buys], -cost[buys]))
        i = buys[rank[0]]
        each = position.lots[i] * position.prices[i] * (1.0 + cost[i])
        units[i] = max(units[i] - np.ceil(short / each) * position.lots[i], 0.0)
        units[i] = _clean(units[i], position.lots[i])
    return units


def _clean(units: Array, lots: Array) -> Array:
    """Units as the nearest whole number of lots, without the dust of adding them up: 0.3, not 0.30000000000000004."""
    count = np.rint(units / lots)
    return np.where(lots < 1.0, count / (1.0 / lots), count * lots)


# -- in whole cents --------------------------------------------------------------------------------------------------


def _cents(amount: Array | float) -> Array:
    return np.rint(np.asarray(amount) * 100.0)


def _charges(position: Position, units: Array) -> Array:
    """(columns, n) each cost of each order, in cents."""
    charges = np.empty((len(COLUMNS), len(units)))
    charge(position.tariff, position.day, np.abs(_cents(units * position.prices) / 100.0), charges)
    return _cents(charges)


def _cash_cents(position: Position, units: Array) -> float:
    """Cash after the orders and their costs, in cents: whole numbers, so that sums are exact."""
    spent = _cents(units * position.prices).sum() + _charges(position, units).sum()
    return float(_cents(position.cash) - spent)
