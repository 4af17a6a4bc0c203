"""Money to exchange as a ticket has it: beside the orders, each with an id of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from research.portfolio import Portfolio
from research.portfolio.prices import newest_day
from research.trading.cash_by_currency import CashByCurrency
from research.trading.order_ids import client_order_id_of


@dataclass(frozen=True)
class ExchangeOrder:
    """Money of a foreign currency to buy or sell for the basis of the portfolio, beside the orders.

    priority     : after those of the orders.
    side         : buy or sell, of `currency`.
    pair         : the foreign currency and the basis as the market names them, such as EURUSD and USDJPY.
    currency     : foreign.
    amount       : of it.
    rate         : of the pair: what one unit of its first currency is worth in its second.
    basis_amount : that is paid or received, in the basis, at that rate.
    account      : that trades, or "".
    reason       : which cash lacks it.
    client_order_id : from the content of the order.
    """

    priority: int
    side: str
    pair: str
    currency: str
    amount: float
    rate: float
    basis_amount: float
    account: str
    reason: str
    client_order_id: str


def exchange_orders(portfolio: Portfolio, money: CashByCurrency, before: int) -> Iterator[ExchangeOrder]:
    """What is exchanged, after so many orders."""
    terms, day = portfolio.ticket, str(newest_day(portfolio.market, portfolio.prices))
    numbers = {account.name: account.number for account in portfolio.accounts}
    for priority, each in enumerate(money.exchanges, start=before + 1):
        account = numbers.get(each.account, terms.account)
        sent = {
            "side": each.side,
            "symbol": each.pair,
            "quantity": float(each.amount),
            "currency": each.currency,
            "account": account,
        }
        yield ExchangeOrder(
            priority=priority,
            side=each.side,
            pair=each.pair,
            currency=each.currency,
            amount=float(each.amount),
            rate=each.rate,
            basis_amount=float(each.basis_amount),
            account=account,
            reason=each.reason,
            client_order_id=client_order_id_of(sent, portfolio.cash, portfolio.name, day, terms),
        )


def exchange_row(each: ExchangeOrder) -> dict[str, Any]:
    """An exchange in the columns of an order."""
    same = ("priority", "side", "currency", "rate", "account", "reason", "client_order_id")
    named = {name: getattr(each, name) for name in same} | dict.fromkeys(("asset", "symbol"), each.pair)
    amounts = {"quantity": each.amount, "notional": each.amount, "notional_basis": each.basis_amount}
    return named | amounts | {"order_type": "market", "time_in_force": "DAY"}
