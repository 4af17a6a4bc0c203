"""The facts of a ticket that is to be sent: its content, its state in the journal, and the answers of its venue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from desk.exchange.ticket_orders import TicketOrder, calendar_of, in_slices, ticket_orders
from desk.exchange.venue import Capabilities, SymbolRules, Venue, quotes_of
from desk.journal.journal import Journal
from desk.journal.records import Filled, ListMade, OrderSent, Quote
from desk.journal.tickets import TicketState, ticket_state
from research.market.calendars import day_at
from research.market.reading.known_instruments import Instruments, known_instruments
from research.portfolio.holdings.blotter import SIGN_OF_SIDE


class Day(NamedTuple):
    """The orders and fills of a day of a portfolio, in its currency.

    notional : value of the orders that were sent.
    loss     : loss of the fills against the prices at which their orders were sized, fees in it.
    """

    notional: float
    loss: float


class Place(NamedTuple):
    """The facts of the desk's own files.

    file_sha256 : sha256 of the portfolio file as it is now, or "" where it is not there.
    remake      : command that makes the list anew.
    stop        : path of the file that stops all sending, or "" where there is none.
    """

    file_sha256: str
    remake: str
    stop: str


@dataclass(frozen=True)
class Moment:
    """The facts of a ticket that is to be sent.

    document     : the ticket (`ticket_json.read_document`).
    orders       : its orders in the sequence in which they are sent.
    place        : what the desk's own files say.
    state        : state of the ticket in the journal.
    day          : what was sent and filled today.
    sent_before  : by order id, the hash of another ticket with which it was sent.
    open_before  : (account, symbol) of the orders of other lists that are open at the venue.
    instruments  : the known instruments.
    venue, capabilities, now : name, orders and clock of the venue.
    rules, quotes : by symbol, as the venue states them.
    units, cash  : by account, and there by symbol or currency, as the venue has them.
    """

    document: Mapping[str, Any]
    orders: tuple[TicketOrder, ...]
    place: Place
    state: TicketState
    day: Day
    sent_before: Mapping[str, str]
    open_before: frozenset[tuple[str, str]]
    instruments: Instruments
    venue: str
    capabilities: Capabilities
    now: datetime
    rules: Mapping[str, SymbolRules]
    quotes: Mapping[str, Quote]
    units: Mapping[str, Mapping[str, Decimal]]
    cash: Mapping[str, Mapping[str, Decimal]]

    @cached_property
    def slices(self) -> tuple[TicketOrder, ...]:
        """The orders in the slices of the ticket, in the sequence in which they are sent."""
        return tuple(in_slices(self.document, self.orders, self.capabilities))

    @property
    def sending(self) -> Mapping[str, Any]:
        """The terms of sending; version 1 of tickets has none."""
        sending: Mapping[str, Any] = self.document.get("sending", {})
        return sending

    @property
    def limits(self) -> Mapping[str, Any]:
        """The limits of the portfolio file."""
        limits: Mapping[str, Any] = self.sending.get("limits", {})
        return limits

    @property
    def calendar(self) -> str:
        """The exchange calendar of the ticket; version 1 does not say it."""
        return calendar_of(self.document)

    @property
    def today(self) -> np.datetime64:
        """The day of the venue's clock at the exchange."""
        return day_at(self.now, self.calendar)

    @property
    def anew(self) -> str:
        """The advice to make the list anew."""
        return f"Make the list anew: {self.place.remake}"


def moment_of(document: Mapping[str, Any], journal: Journal, venue: Venue, place: Place) -> Moment:
    """The facts of a ticket now, from journal and venue. Raises NotKnown where the venue gives no answer."""
    can, now = venue.capabilities, venue.now()
    orders = ticket_orders(document, can)
    symbols = list(dict.fromkeys(each.symbol for each in orders))
    accounts = list(dict.fromkeys(each.order.account for each in orders))
    return Moment(
        document=document,
        orders=orders,
        place=place,
        state=ticket_state(journal, document["hash"]),
        day=_day(journal, document, f"{now:%Y-%m-%d}"),
        sent_before=dict(_sent_before(journal, document["hash"], orders)),
        open_before=_open_before(journal, venue, document, in_slices(document, orders, can)),
        instruments=known_instruments(),
        venue=venue.name,
        capabilities=can,
        now=now,
        rules=venue.rules(symbols),
        quotes=quotes_of(venue, symbols),
        units={account: venue.units(account) for account in accounts},
        cash={account: venue.cash(account) for account in accounts},
    )


def _sent_before(journal: Journal, ticket: str, orders: Sequence[TicketOrder]) -> list[tuple[str, str]]:
    sent = ((each.id, entry) for each in orders for entry in journal.entries(order=each.id, kind=OrderSent.kind))
    return [(order, entry.ticket) for order, entry in sent if entry.ticket != ticket]


def _open_before(
    journal: Journal, venue: Venue, document: Mapping[str, Any], orders: Sequence[TicketOrder]
) -> frozenset[tuple[str, str]]:
    others = {state.client_id for state in venue.open_orders()} - {each.venue_id for each in orders}
    if not others:
        return frozenset()
    sent = (entry.record for entry in journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind))
    return frozenset((record.account, record.symbol) for record in sent if record.venue_id in others)


# -- the day -----------------------------------------------------------------------------------------------------------


def _day(journal: Journal, document: Mapping[str, Any], day: str) -> Day:
    """The orders and fills of a day of the venue's clock; they are counted where the ticket has a limit of it."""
    limits = document.get("sending", {}).get("limits", {})
    if not {"day_notional", "day_loss"} & set(limits):
        return Day(0.0, 0.0)
    rates = {row["currency"]: row["rate"] for row in document.get("cash", ())}
    entries = list(journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind))
    sent = [entry.record for entry in entries if entry.record.sent_at.startswith(day)]
    filled = [
        entry
        for entry in journal.entries(portfolio=document["portfolio"], kind=Filled.kind)
        if entry.record.traded_at.startswith(day)
    ]
    prices = {
        row.order: row.price
        for ticket in {entry.ticket for entry in filled}
        for entry in journal.entries(ticket=ticket, kind=ListMade.kind)
        for row in entry.record.orders
    }
    return Day(
        sum(record.notional * rates.get(record.currency, 1.0) for record in sent),
        sum(_loss(entry.record, prices.get(entry.order)) * rates.get(entry.record.currency, 1.0) for entry in filled),
    )


def _loss(fill: Filled, price: float | None) -> float:
    """The loss of a fill against the price at which its order was sized, its fee alone where there was none."""
    moved = 0.0 if price is None else fill.price - price
    return SIGN_OF_SIDE[fill.side] * moved * fill.quantity + fill.fee
