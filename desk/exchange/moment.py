"""The facts of a ticket that is to be sent: its content, its state in the journal, and the answers of its venue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from desk.exchange.ticket_orders import TicketOrder, calendar_of, crossed_orders, in_slices, part_of, ticket_orders
from desk.exchange.venue import Capabilities, SymbolRules, Venue, quotes_of
from desk.exchange.venue_ids import venue_id
from desk.journal.chain import Entry
from desk.journal.journal import Journal
from desk.journal.records import Acknowledged, Filled, ListMade, OrderSent, Quote, Refused
from desk.journal.tickets import TicketState, ticket_state
from desk.tickets.ticket import Order
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from research.market.calendars import day_at
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE

ANSWER_KINDS = {Acknowledged.kind, Refused.kind}


class Day(NamedTuple):
    """The orders and fills of a day of a portfolio, in its currency.

    notional : value of the orders that were sent.
    loss     : loss of the fills against the prices at which their orders were sized, fees in it.
    """

    notional: float
    loss: float


class Place(NamedTuple):
    """The facts of the desk's own files.

    sha256 : sha256 of each file that the ticket names, as it is now; without one that is not there.
    remake : command that makes the list anew.
    stop   : path of the file that stops all sending, or "" where there is none.
    ticket : path of the ticket.
    """

    sha256: Mapping[str, str]
    remake: str
    stop: str
    ticket: str = "TICKET.json"


@dataclass(frozen=True)
class Moment:
    """The facts of a ticket that is to be sent.

    document     : the ticket (`ticket_json.read_ticket_file`).
    orders       : its orders in the sequence in which they are sent.
    left         : those of which, or slices of which, the journal has no answer of the venue; () where it is replaced.
    due          : those that are still to move cash: of `left` those that are neither open at the venue nor filled, and
                   the rest of its open sells in units; the cash of its open buys is taken already.
    replaced     : hash of another list of the portfolio that was sent since this one, or "".
    place        : what the desk's own files say.
    state        : state of the ticket in the journal.
    day          : what was sent and filled today.
    sent_before  : by order id, the hash of another ticket with which it was sent.
    unfinished   : hash of another list with open orders at the venue, or fills that are not journalled, or "".
    since        : hash of another list of the portfolio that was sent since this one was made, or "".
    silent       : ids of orders of earlier lists of which a venue without client ids gave no answer.
    venue, capabilities, now : name, orders and clock of the venue.
    rules, quotes : by symbol, as the venue states them.
    units, cash  : by account, and there by symbol or currency, as the venue has them.
    """

    document: Mapping[str, Any]
    orders: tuple[TicketOrder, ...]
    left: tuple[TicketOrder, ...]
    due: tuple[TicketOrder, ...]
    replaced: str
    place: Place
    state: TicketState
    day: Day
    sent_before: Mapping[str, str]
    unfinished: str
    since: str
    silent: tuple[str, ...]
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

    @cached_property
    def crossed(self) -> tuple[TicketOrder, ...]:
        """The trades of the accounts of a house with each other, until they are made or the ticket is sent."""
        return () if self.state.sent or self.state.crossed else tuple(crossed_orders(self.document))

    @cached_property
    def whole(self) -> tuple[TicketOrder, ...]:
        """The orders of the ticket for all venues, not in parts."""
        return ticket_orders(self.document, self.capabilities)

    @property
    def unsent(self) -> float:
        """Value of what the journal has not of the orders, for all venues, in the currency of the portfolio."""
        rates = _rates(self.document)
        sent = sum(entry.record.notional * rates.get(entry.record.currency, 1.0) for entry in self.state.sent)
        return max(round(sum(each.value for each in self.whole) - sent, 2), 0.0)

    @property
    def new(self) -> tuple[TicketOrder, ...]:
        """The orders that the journal has not."""
        sent = {(entry.order, entry.record.venue_id) for entry in self.state.sent}
        return tuple(each for each in self.orders if (each.id, each.venue_id) not in sent)

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


def moment_of(
    document: Mapping[str, Any],
    journal: Journal,
    venue: Venue,
    place: Place,
    orders: tuple[TicketOrder, ...] | None = None,
) -> Moment:
    """The facts of a ticket now, from journal and venue.

    orders : those for this venue, where several take the ticket; None for all.
    Raises : NotKnown where the venue gives no answer.
    """
    can, now = venue.capabilities, venue.now()
    orders = tuple(_in_parts(document, journal, can)) if orders is None else orders
    symbols = list(dict.fromkeys(each.symbol for each in (*orders, *crossed_orders(document))))
    accounts = list(dict.fromkeys(each.order.account for each in orders))
    replaced, state = _replaced(journal, document), ticket_state(journal, document["hash"])
    slices = tuple(in_slices(document, orders, can))
    left = () if replaced else tuple(unanswered(journal, slices))
    return Moment(
        document=document,
        orders=orders,
        left=left,
        due=tuple(_due(venue, document, state, slices, left)) if state.sent and not replaced else left,
        replaced=replaced,
        place=place,
        state=state,
        day=_day(journal, document, now),
        sent_before=dict(_sent_before(journal, document["hash"], orders)),
        unfinished=_unfinished(journal, venue, document),
        since=_since(journal, document, state),
        silent=() if can.id_length else tuple(_silent(journal, venue.name, document)),
        venue=venue.name,
        capabilities=can,
        now=now,
        rules=venue.rules(symbols),
        quotes=quotes_of(venue, symbols),
        units={account: venue.units(account) for account in accounts},
        cash={account: venue.cash(account) for account in accounts},
    )


def _in_parts(document: Mapping[str, Any], journal: Journal, can: Capabilities) -> Iterator[TicketOrder]:
    """The orders of a ticket; of a buy for the accounts of a house, what was sent of it and what is left of it."""
    for order in ticket_orders(document, can):
        entries = journal.entries(order=order.id, kind=OrderSent.kind)
        sent = [
            entry.record for entry in entries if entry.record.allocations and order.id not in document.get("slices", {})
        ]
        left = decimal(order.quantity or 0.0) - sum((decimal(record.quantity) for record in sent), NO_AMOUNT)
        for record in sent:
            yield TicketOrder(part_of(order.order, record.quantity), record.venue_id, record.slice)
        if not sent:
            yield order
        elif left:
            rest = replace(part_of(order.order, float(left)), shares_before=None)
            yield TicketOrder(rest, venue_id(order.id, len(sent), 0, can.id_length, can.id_alphabet), len(sent))


def unanswered(journal: Journal, orders: Iterable[TicketOrder]) -> Iterator[TicketOrder]:
    """The orders of which the journal has no answer of their venue: those that were not sent, or may not have been."""
    return (each for each in orders if not any(entry.kind in ANSWER_KINDS for entry in own_entries(journal, each)))


def fills_of(venue: Venue, document: Mapping[str, Any]) -> list[Fill]:
    """The fills of a venue since the last close of a ticket."""
    return venue.fills(datetime.fromisoformat(document["last_close"]).replace(tzinfo=UTC))


def _due(
    venue: Venue,
    document: Mapping[str, Any],
    state: TicketState,
    orders: Iterable[TicketOrder],
    left: Sequence[TicketOrder],
) -> Iterator[TicketOrder]:
    """The orders of a ticket that was sent that are still to move cash at the venue.

    One without an answer in the journal may be there: the process was killed before it journalled the answer.
    """
    filled = {each.client_id: each.filled for each in venue.open_orders()}
    for each in orders:
        if each.venue_id in filled and each.order.side == "sell" and isinstance(each.order, Order) and each.quantity:
            yield replace(each, order=part_of(each.order, float(decimal(each.quantity) - filled[each.venue_id])))
    was_sent = {each.venue_id for each in left} & {entry.record.venue_id for entry in state.sent}
    there = filled.keys() | {fill.order_id for fill in fills_of(venue, document)} if was_sent else set()
    yield from (each for each in left if each.venue_id not in there)


def own_entries(journal: Journal, order: TicketOrder) -> Iterator[Entry]:
    """The entries of an order; of a slice, its own."""
    entries = journal.entries(order=order.id)
    return (entry for entry in entries if getattr(entry.record, "venue_id", order.venue_id) == order.venue_id)


def _replaced(journal: Journal, document: Mapping[str, Any]) -> str:
    """The hash of the list of the portfolio that was sent last, where this one was sent before it; else ""."""
    sent = [entry.ticket for entry in journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind)]
    return sent[-1] if document["hash"] in sent and sent[-1] != document["hash"] else ""


def _since(journal: Journal, document: Mapping[str, Any], state: TicketState) -> str:
    """The hash of another list of the portfolio that was sent after the first entry of this one, or ""."""
    if not state.lists:
        return ""
    sent = journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind)
    others = (each.ticket for each in sent if each.sequence > state.lists[0].sequence)
    return next((ticket for ticket in others if ticket != document["hash"]), "")


def _sent_before(journal: Journal, ticket: str, orders: Sequence[TicketOrder]) -> list[tuple[str, str]]:
    sent = ((each.id, entry) for each in orders for entry in journal.entries(order=each.id, kind=OrderSent.kind))
    return [(order, entry.ticket) for order, entry in sent if entry.ticket != ticket]


def _silent(journal: Journal, venue: str, document: Mapping[str, Any]) -> Iterator[str]:
    """The orders of other lists of the portfolio that were about to be sent to a venue, without an answer of it."""
    for entry in journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind):
        answered = any(answer.kind in ANSWER_KINDS for answer in journal.entries(order=entry.order))
        if entry.record.venue == venue and entry.ticket != document["hash"] and not answered:
            yield entry.order


def _unfinished(journal: Journal, venue: Venue, document: Mapping[str, Any]) -> str:
    """The hash of another list of the portfolio that is not finished, or "".

    One is not where an order of it is open at the venue, or has a fill since the last sending that the journal has not.
    """
    entries = journal.entries(portfolio=document["portfolio"], kind=OrderSent.kind)
    others = [entry for entry in entries if entry.ticket != document["hash"] and entry.record.venue == venue.name]
    sent = {entry.record.venue_id: entry for entry in others if entry.record.venue_id}
    if not sent:
        return ""
    last = max(entry.record.sent_at for entry in sent.values())
    fills = venue.fills(datetime.fromisoformat(last[:10]).replace(tzinfo=UTC) if last else None)
    left = {state.client_id for state in venue.open_orders()} | {
        fill.order_id for fill in fills if fill.order_id in sent and not _has(journal, sent[fill.order_id].order, fill)
    }
    return next((entry.ticket for name, entry in sent.items() if name in left), "")


def _has(journal: Journal, order: str, fill: Fill) -> bool:
    """True if the journal has a fill of an order."""
    return any(entry.record.fill == fill.fill_id for entry in journal.entries(order=order, kind=Filled.kind))


# -- the day -----------------------------------------------------------------------------------------------------------


def _day(journal: Journal, document: Mapping[str, Any], now: datetime) -> Day:
    """The orders and fills of a day of the exchange; they are counted where the ticket has a limit of it."""
    limits = document.get("sending", {}).get("limits", {})
    if not {"day_notional", "day_loss"} & set(limits):
        return Day(0.0, 0.0)
    calendar = calendar_of(document)
    today = day_at(now, calendar)

    def is_today(moment: str) -> bool:
        return bool(moment) and bool(day_at(datetime.fromisoformat(moment), calendar) == today)

    rates = _rates(document)
    entries = {
        kind: journal.entries(portfolio=document["portfolio"], kind=kind) for kind in (OrderSent.kind, Filled.kind)
    }
    sent = [entry.record for entry in entries[OrderSent.kind] if is_today(entry.record.sent_at)]
    filled = [entry for entry in entries[Filled.kind] if is_today(entry.record.traded_at)]
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


def _rates(document: Mapping[str, Any]) -> dict[str, float]:
    """The rates of a ticket, by currency."""
    return {row["currency"]: row["rate"] for row in document.get("cash", ())}


def _loss(fill: Filled, price: float | None) -> float:
    """The loss of a fill against the price at which its order was sized, its fee alone where there was none."""
    moved = 0.0 if price is None else fill.price - price
    return SIGN_OF_SIDE[fill.side] * moved * fill.quantity + fill.fee
