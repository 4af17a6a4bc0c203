"""The protocol of venues: orders placed under a client id, their states, fills, cash, units and quotes.

A venue knows accounts by their numbers and assets by their symbols there, as the orders of a ticket name them. Amounts
are exact. What reaches it goes through `desk.exchange.execute`, which journals an order before it is placed and asks
for its client id before it places one again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Literal, Protocol, cast

from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from research.orders.fills import Fill
from research.portfolio.holdings.cash_entries import CashEntry

Status = Literal["open", "filled", "cancelled", "refused"]  # an order that expired is cancelled: its reason says so


class NotKnown(DataError):
    """The venue gave no answer that counts, such as a time-out: it may have what it was sent. Ask for the client id."""


@dataclass(frozen=True)
class Capabilities:
    """The orders that a venue takes.

    order_types : those of `TicketTerms` that it knows.
    id_length   : the most characters of a client id; 0 where it takes none, and an order that got no answer is not
                  found again.
    id_alphabet : characters of a client id.
    for_the_day : true where orders end with the session, and are not listed later.
    """

    order_types: frozenset[str]
    id_length: int
    id_alphabet: str
    for_the_day: bool = False


@dataclass(frozen=True)
class SymbolRules:
    """The steps of a symbol at a venue; None where the venue states none.

    lot, tick        : steps of quantity, units, and of price, currency per unit.
    minimum_notional : smallest value of an order, currency.
    """

    lot: Decimal | None = None
    tick: Decimal | None = None
    minimum_notional: Decimal | None = None


@dataclass(frozen=True)
class OrderState:
    """An order as a venue has it.

    client_id : id under which it was placed.
    status    : open, filled, cancelled or refused; a cancelled one may be filled in part.
    filled    : units that are filled; of an order in an amount, currency.
    reference : the venue's own id, or "".
    reason    : why it was refused or cancelled, in words.
    """

    client_id: str
    status: Status
    filled: Decimal = Decimal()
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True)
class QuotedFill(Fill):
    """A fill of a venue that knows the quote of its moment; others are asked for one when the fill is journalled."""

    quote: Quote | None = None


@dataclass(frozen=True)
class Depth:
    """The book of a symbol: price, currency per unit, and units of each level, the best first.

    fee : of an order that takes them, fraction of value.
    """

    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    fee: Decimal = Decimal()


class Venue(Protocol):
    """A venue. Each method raises NotKnown where it got no answer that counts."""

    name: str
    capabilities: Capabilities

    def now(self) -> datetime:
        """The venue's clock, in UTC."""
        ...

    def wait(self, until: datetime) -> None:
        """Return when the venue's clock shows a moment: one that plays another day moves it there."""
        ...

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """Place an order, or a slice of one: the ticket's order with the quantity of the slice.

        A client id that the venue has already gives the state of the order that it has: nothing is placed twice.
        """
        ...

    def state(self, client_id: str) -> OrderState | None:
        """The state of an order, or None if the venue does not have it."""
        ...

    def open_orders(self) -> list[OrderState]:
        """The orders that are open."""
        ...

    def cancel(self, client_id: str) -> OrderState:
        """Cancel what is open of an order, and give its state."""
        ...

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """The fills since a moment, the oldest first: `order_id` is the client id, `asset` the symbol of the venue."""
        ...

    def cash(self, account: str) -> Mapping[str, Decimal]:
        """By currency, the cash of an account that may be spent."""
        ...

    def units(self, account: str) -> Mapping[str, Decimal]:
        """By symbol, the units that an account holds."""
        ...

    def quotes(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        """Quotes of the moment; a symbol without one is left out."""
        ...

    def rules(self, symbols: Iterable[str]) -> Mapping[str, SymbolRules]:
        """The steps of each symbol. A symbol that the venue does not know is left out."""
        ...


def quotes_of(venue: Venue, symbols: Iterable[str]) -> dict[str, Quote]:
    """The quotes of the moment; a bid, ask or last price that is no number above zero is None."""

    def price(value: float | None) -> float | None:
        return value if value is not None and 0.0 < value < inf else None

    given = venue.quotes(symbols)
    return {
        symbol: replace(each, bid=price(each.bid), ask=price(each.ask), last=price(each.last))
        for symbol, each in given.items()
    }


def cash_entries_of(venue: Venue, since: datetime) -> list[CashEntry]:
    """The cash that came and went without an order since a moment, by `cash_entries(since)` of a venue that has it.

    `account` is its number, `asset` the symbol of the venue; [] of a venue that states none.
    """
    stated = getattr(venue, "cash_entries", None)
    return [] if stated is None else cast(list[CashEntry], stated(since))


def depth_of(venue: Venue, symbols: Iterable[str]) -> Mapping[str, Depth]:
    """The books of symbols, by `depth(symbols)` of a venue that has it; else the quotes, as books of one level.

    A symbol without a price is left out, and no fee is known of a venue that states no depth.
    """
    if (stated := getattr(venue, "depth", None)) is not None:
        return cast(Mapping[str, Depth], stated(symbols))
    books = {}
    for symbol, quote in quotes_of(venue, symbols).items():
        bid, ask = quote.bid or quote.last, quote.ask or quote.last
        if bid is not None and ask is not None:
            books[symbol] = Depth(((decimal(bid), Decimal(1)),), ((decimal(ask), Decimal(1)),))
    return books
