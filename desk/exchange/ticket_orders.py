"""The orders of a ticket in the sequence in which they are sent, and the cash that they move by day."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from desk.exchange.venue import Capabilities
from desk.exchange.venue_ids import venue_id
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.house import crossed_assets
from desk.tickets.ticket import Order, RatedOrder
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, fields, replace
from research.accounting.costs import CHARGED
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.keys.ticket import MARKET_ORDER

CROSS = "cross"  # side of the trades of accounts with each other


@dataclass(frozen=True)
class TicketOrder:
    """An order of a ticket, a slice of one, or an exchange of money, under the client id that the venue gets.

    order    : the order; of a slice, with its quantity and its part of value and costs.
    venue_id : client id at the venue.
    slice    : place of the slice, from 0; None for an order that is sent whole.
    minutes  : minutes after the first slices of the ticket at which it is sent.
    """

    order: Order | ExchangeOrder
    venue_id: str
    slice: int | None = None
    minutes: float = 0.0

    @property
    def id(self) -> str:
        """The id of the ticket."""
        return self.order.client_order_id

    @property
    def symbol(self) -> str:
        """The symbol of the venue; of an exchange of money, the pair."""
        return self.order.pair if isinstance(self.order, ExchangeOrder) else self.order.symbol

    @property
    def item(self) -> str:
        """The asset, or the foreign currency, that is bought or sold."""
        return self.order.currency if isinstance(self.order, ExchangeOrder) else self.order.asset

    @property
    def quantity(self) -> float | None:
        """Units, or the amount of the foreign currency; None where it trades in an amount."""
        return self.order.amount if isinstance(self.order, ExchangeOrder) else self.order.quantity

    @property
    def notional(self) -> float:
        """Value in the currency of the order."""
        return self.order.amount if isinstance(self.order, ExchangeOrder) else self.order.notional

    @property
    def value(self) -> float:
        """Value in the currency of the portfolio."""
        if isinstance(self.order, ExchangeOrder):
            return self.order.basis_amount
        return self.order.notional_basis if isinstance(self.order, RatedOrder) else self.order.notional

    @property
    def order_type(self) -> str:
        """Its type, one of `ORDER_TYPES`; money is exchanged at market."""
        return MARKET_ORDER if isinstance(self.order, ExchangeOrder) else self.order.order_type

    @property
    def limit_price(self) -> float | None:
        """Its limit, currency per unit, or None."""
        return None if isinstance(self.order, ExchangeOrder) else self.order.limit_price

    @property
    def price(self) -> float | None:
        """The close that it was sized at, currency per unit; None without a quote, and for an exchange of money."""
        return None if isinstance(self.order, ExchangeOrder) else self.order.price

    @property
    def text(self) -> str:
        """The order in words."""
        amount = f"{self.notional:,.2f}" if self.quantity is None else f"{self.quantity:,.10g}"
        if self.order.side == CROSS:
            return f"cross of {amount} {self.item} between accounts"
        part = "" if self.slice is None else f", slice {self.slice + 1},"
        return f"order {self.id}{part} to {self.order.side} {amount} {self.item}"

    def cash(self, basis: str) -> Iterator[tuple[str, Decimal]]:
        """The currencies that it moves, with their signed amounts, costs in them. basis : currency of the portfolio."""
        way = SIGN_OF_SIDE[self.order.side]
        if isinstance(self.order, ExchangeOrder):
            yield self.order.currency, way * decimal(self.order.amount)
            yield basis, -way * decimal(self.order.basis_amount)
        else:
            yield self.order.currency, -way * decimal(self.order.notional) - decimal(self.order.cost)


def orders_of_ticket(document: Mapping[str, Any]) -> list[Order | ExchangeOrder]:
    """The orders of a ticket in the sequence in which they are sent: sells, exchanges of money, buys."""
    kind = RatedOrder if document.get("cash") else Order
    every = [kind(**row) for row in document["orders"]]
    money = [ExchangeOrder(**row) for row in document.get("fx", ())]
    return [*(o for o in every if o.side == "sell"), *money, *(o for o in every if o.side == "buy")]


def ticket_orders(document: Mapping[str, Any], venue: Capabilities) -> tuple[TicketOrder, ...]:
    """The orders of a ticket under their client ids at a venue, in the sequence in which they are sent."""
    return tuple(TicketOrder(each, _client_id(each, 0, venue)) for each in orders_of_ticket(document))


def in_slices(document: Mapping[str, Any], orders: Iterable[TicketOrder], venue: Capabilities) -> list[TicketOrder]:
    """The orders in the slices that the ticket states, in the sequence in which they are sent; the others whole."""
    stated = document.get("slices", {})
    sent = [
        TicketOrder(part_of(each.order, units), _client_id(each.order, k, venue), k, minutes)
        for each in orders
        if each.id in stated
        for k, (minutes, units) in enumerate(stated[each.id]["slices"])
    ]
    whole = [each for each in orders if each.id not in stated]
    place = {each.id: i for i, each in enumerate(orders)}
    return sorted([*whole, *sent], key=lambda each: (each.minutes, place[each.id]))


def part_of(order: Order | ExchangeOrder, units: float) -> Order:
    """An order of so many units of another one, with its part of value and costs."""
    assert isinstance(order, Order)
    assert order.quantity
    fraction = units / order.quantity
    amounts = ("notional", "notional_basis", *CHARGED, "cost")
    parts = {name: round(getattr(order, name) * fraction, 2) for name in amounts if hasattr(order, name)}
    return replace(order, quantity=float(units), **parts)


def _client_id(order: Order | ExchangeOrder, part: int, venue: Capabilities) -> str:
    if not venue.id_length:
        return ""
    return venue_id(order.client_order_id, part, 0, venue.id_length, venue.id_alphabet)


def crossed_orders(document: Mapping[str, Any]) -> Iterator[TicketOrder]:
    """The trades of the accounts of a house with each other, as an order an asset, which no venue gets."""
    for of in crossed_assets(document.get("crosses", ())):
        values: dict[str, Any] = dict.fromkeys(field.name for field in fields(Order))
        values |= {name: of[name] for name in ("asset", "symbol", "price", "price_date", "quantity")}
        values |= {"side": CROSS, "client_order_id": "", "account": document["account"], "notional": of["value"]}
        yield TicketOrder(Order(**values), "")


def flows_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """The money that a ticket says comes, or goes where below zero: number of the account, currency and amount."""
    numbers = {row["account"]: row["number"] for row in document["accounts"]}
    for row in document.get("cash") or document["accounts"] or [document["totals"]]:
        if flow := row.get("flow"):
            account = numbers.get(row.get("account"), document["account"])
            yield account, row.get("currency", document["currency"]), flow


def calendar_of(document: Mapping[str, Any]) -> str:
    """The exchange calendar of a ticket; version 1 does not say it."""
    return str(document.get("sending", {}).get("calendar", "XNYS"))


class CashDay(NamedTuple):
    """The cash of an account in a currency once a day has settled. day : "" before the orders."""

    account: str
    currency: str
    day: str
    balance: Decimal


def cash_ladder(
    orders: Iterable[TicketOrder], cash: Mapping[str, Mapping[str, Decimal]], basis: str
) -> Iterator[CashDay]:
    """The cash of each account and currency before the orders, and after each day on which some of them settle.

    cash  : by account and currency, before the orders.
    basis : currency of the portfolio.
    """
    moves = [
        (each.order.account, currency, each.order.settlement_date, amount)
        for each in orders
        for currency, amount in each.cash(basis)
    ]
    days = sorted({day for _, _, day, _ in moves})
    for account, currency in sorted({move[:2] for move in moves}):
        balance = cash.get(account, {}).get(currency, NO_AMOUNT)
        yield CashDay(account, currency, "", balance)
        for day in days:
            balance += sum((move[3] for move in moves if move[:3] == (account, currency, day)), NO_AMOUNT)
            yield CashDay(account, currency, day, balance)
