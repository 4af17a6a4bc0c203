"""Money to exchange as a ticket has it: beside the orders, each with an id of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from desk.tickets.order_ids import client_order_id_of
from foundation.dataclasses import dataclass

if TYPE_CHECKING:
    from research.orders.cash_by_currency import CashByCurrency, CurrencyExchange
    from research.portfolio import Portfolio


@dataclass(frozen=True)
class ExchangeOrder:
    """Money of a foreign currency to buy or sell for the basis of the portfolio, beside the orders.

    priority     : place in the sequence, after the orders.
    side         : buy or sell, of `currency`.
    pair         : the foreign currency and the basis as the market names them, such as EURUSD and USDJPY.
    currency     : the foreign currency.
    amount       : amount of the foreign currency.
    rate         : rate of the pair: the value of one unit of its first currency in its second.
    basis_amount : amount paid or received in the basis, at that rate.
    account      : account that trades, or "".
    settlement_date : day by which the money must be there: if bought, the first settlement of the buys that it pays
                   for; if sold, the last of the sells that bring it; without such orders, as all orders.
    reason       : cash that would be short without the exchange, in words.
    client_order_id : id made from the content of the order.
    """

    priority: int
    side: str
    pair: str
    currency: str
    amount: float
    rate: float
    basis_amount: float
    account: str
    settlement_date: str
    reason: str
    client_order_id: str


def exchange_orders(portfolio: "Portfolio", money: "CashByCurrency", before: int) -> Iterator[ExchangeOrder]:
    """The exchange orders of a portfolio, with priorities that follow those of `before` orders."""
    from research.portfolio.holdings.prices import newest_day  # the journal starts without it

    terms, day = portfolio.ticket, str(newest_day(portfolio.market, portfolio.prices))
    numbers = {account.name: account.number for account in portfolio.accounts}
    places = {account.name: a for a, account in enumerate(portfolio.accounts)}
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
            settlement_date=str(portfolio.settlement_date(_days(portfolio, money, each, places.get(each.account, 0)))),
            reason=each.reason,
            client_order_id=client_order_id_of(sent, portfolio.cash, portfolio.name, day, terms),
        )


def _days(portfolio: "Portfolio", money: "CashByCurrency", each: "CurrencyExchange", a: int) -> int:
    """Sessions from the trade to the settlement of an exchange of account `a` (see `ExchangeOrder`)."""
    assert portfolio.currencies is not None
    way, terms = (1.0 if each.side == "buy" else -1.0), portfolio.ticket
    paid = [
        terms.days(asset)
        for asset, units, currency in zip(
            portfolio.market.assets, money.sized.parts[a], portfolio.currencies.lines, strict=True
        )
        if currency == each.currency and units * way > 0.0
    ]
    return (min if each.side == "buy" else max)(paid, default=terms.settlement_days)


def exchange_row(each: ExchangeOrder) -> dict[str, Any]:
    """An exchange in the columns of an order."""
    same = ("priority", "side", "currency", "rate", "account", "settlement_date", "reason", "client_order_id")
    named = {name: getattr(each, name) for name in same} | dict.fromkeys(("asset", "symbol"), each.pair)
    amounts = {"quantity": each.amount, "notional": each.amount, "notional_basis": each.basis_amount}
    return named | amounts | {"order_type": "market", "time_in_force": "DAY"}
