"""The step of an earlier list whose orders are not all filled: the next list completes it before the policy decides."""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from foundation.arrays import Array
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from research.accounting import Trade, Why
from research.orders.cash_by_currency import CashByCurrency
from research.orders.lots.position import Position
from research.orders.lots.sizing import SizedOrders
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import BUY_OR_SELL, SIGN_OF_SIDE, SentOrder
from research.portfolio.holdings.household import decimal_sum
from research.portfolio.keys.ticket import TICKET_DIGITS

UNFINISHED = Why("unfinished")


@dataclass(frozen=True, eq=False)
class Unfinished:
    """The open part of the orders that were sent last.

    goal : (n,) weight of each asset after the exact step, fraction of NAV, NaN for an asset without an open order.
    left : (A, n) signed units of each account that are not filled; of an asset without a quote, currency.
    same : true if prices are those at which the orders were sized.
    """

    goal: Array
    left: Array
    same: bool

    @classmethod
    def of(cls, portfolio: Portfolio) -> "Unfinished | None":
        """That of the blotter of a portfolio; None where nothing is open in its assets."""
        assets, names = portfolio.market.assets, portfolio.account_names
        orders = () if portfolio.blotter is None else portfolio.blotter.open
        orders = tuple(each for each in orders if each.asset in assets and each.account in names)
        goal, left = np.full(len(assets), np.nan), np.zeros((len(names), len(assets)))
        for order in orders:
            i = assets.index(order.asset)
            rate = portfolio.currencies.of_lines[i] if order.in_money and portfolio.currencies else 1.0
            goal[i] = order.goal
            left[names.index(order.account), i] = SIGN_OF_SIDE[order.side] * float(order.left) * rate
        same = all(_price(portfolio, assets.index(order.asset)) == order.price for order in orders)
        return cls(goal, left, same) if orders else None

    @property
    def units(self) -> Array:
        """(n,) signed units of all accounts that are not filled."""
        return np.array([decimal_sum(of_line) for of_line in self.left.T])

    def as_sent(self, orders: SizedOrders) -> SizedOrders:
        """The open part of the orders as they were sent, where prices are the same and limits allow it; else `orders`.

        One that is too small to be sent is left out.
        At other prices the step is sized anew, and no order is larger than what is left of it.
        """
        if not self.same or orders.asked is None:
            return orders
        left = np.where(orders.asked.sendable(self.units), self.units, 0.0)
        return orders if orders.asked.broken(left) else replace(orders, units=left, solved=None)

    def only(self, position: Position) -> Position:
        """The position whose orders are at most what is left, and of its side; free in assets without an open order."""
        free = np.isnan(self.goal)
        return replace(
            position,
            open_units=np.where(free, np.inf, np.abs(self.units)),
            buyable=position.buyable & (free | (self.units > 0.0)),
            sellable=position.sellable & (free | (self.units < 0.0)),
        )

    @property
    def trade(self) -> Trade:
        """The trade to the goals, which leaves the other assets where they are."""
        free = np.isnan(self.goal)
        return Trade(np.where(free, -np.inf, self.goal), np.where(free, np.inf, self.goal), UNFINISHED, 0.0, 1.0)


def sent_orders(portfolio: Portfolio, sized: SizedOrders, money: CashByCurrency | None) -> Iterator[SentOrder]:
    """The orders of a list, and the money that it exchanges, as they are sent; nothing of them is filled."""
    names = portfolio.account_names
    for a, i in sized.rows():
        quoted = bool(sized.position.quoted[i])
        amount = abs(sized.each_notional[a, i]) if money is None else abs(money.local(a, i).notional)
        yield SentOrder(
            order_id="",
            account=names[a],
            asset=portfolio.market.assets[i],
            side=BUY_OR_SELL[int(sized.parts[a, i] < 0.0)],
            quantity=_plain(abs(sized.parts[a, i])) if quoted else decimal(amount),
            in_money=not quoted,
            goal=float(sized.goal[i]),
            price=_price(portfolio, i),
        )
    for each in () if money is None else money.exchanges:
        yield SentOrder("", each.account, each.currency, BUY_OR_SELL[each.side == "sell"], each.amount)


def _price(portfolio: Portfolio, i: int) -> float | None:
    """The price of asset `i` in its currency, to the digits that a ticket has; None without a quote."""
    held = portfolio.currencies
    price = float((portfolio.prices.per_unit if held is None else held.prices)[i])
    return None if np.isnan(price) else float(_plain(price))


def _plain(amount: float) -> Decimal:
    """Units or a price as a ticket states them."""
    return Decimal(f"{amount:.{TICKET_DIGITS}g}")
