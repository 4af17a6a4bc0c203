"""The venue of each order of a ticket that several venues may take: whole or split, at the least expected cost.

Parts that are journalled stay where they are; what is not is routed anew, by the books of now.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from desk.exchange.moment import own_entries
from desk.exchange.ticket_orders import TicketOrder, orders_of_ticket, part_of
from desk.exchange.venue import Depth, NotKnown, SymbolRules, Venue, depth_of
from desk.exchange.venue_ids import venue_id
from desk.journal.journal import Journal
from desk.journal.records import Cancelled, Filled, OrderSent, Refused
from desk.journal.tickets import ticket_state
from desk.tickets.order_ids import rounded_number
from desk.tickets.ticket import Order
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.errors import ConfigError
from research.orders.venue_choice import Offer, Route, cost_at, routed
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE


@dataclass(frozen=True)
class Routed:
    """The venues of an order.

    routes : its new parts.
    alone  : by venue that could take all of them, the expected cost there, currency.
    """

    order: Order
    routes: tuple[Route, ...]
    alone: Mapping[str, Decimal]


@dataclass(frozen=True)
class Routing:
    """The orders of each venue, by its name, the choices among them, and sentences on orders that none takes."""

    orders: Mapping[str, tuple[TicketOrder, ...]]
    choices: tuple[Routed, ...]
    faults: tuple[str, ...]


def routing(document: Mapping[str, Any], journal: Journal, venues: Sequence[Venue]) -> Routing:
    """The venue of each order of a ticket.

    Of a ticket that was sent, a venue without an answer keeps its parts; what is not sent waits until all answer.
    Raises : ConfigError for slices, exchanges of money and amounts of money, and where the venues do not have together
             the units with which the list was made, or the ticket was sent to another one; NotKnown where a venue
             gives no answer before anything is sent, or none of them does.
    """
    orders = orders_of_ticket(document)
    symbols = list(dict.fromkeys(order.symbol for order in orders if isinstance(order, Order)))
    state = {venue.name: _AtVenue(venue, symbols, document) for venue in venues}
    all_answer = _all_answer(state.values(), is_sent=bool(ticket_state(journal, document["hash"]).sent))
    rest, by_venue = list[tuple[Order, Decimal, int]](), defaultdict[str, list[TicketOrder]](list)
    for order in orders:
        if not isinstance(order, Order) or order.quantity is None or "slices" in document:
            raise ConfigError("Orders in units are sent to several venues, whole: name one, without slices of orders.")
        left, part = decimal(order.quantity), 0
        for record in (entry.record for entry in journal.entries(order=order.client_order_id, kind=OrderSent.kind)):
            if (at := state.get(record.venue)) is None:
                raise ConfigError(f"order {order.client_order_id} was sent to {record.venue}: name it, too.")
            by_venue[record.venue].append(at.sent(order, decimal(record.quantity), record.slice))
            at.take(order, _open(journal, by_venue[record.venue][-1]))
            left, part = left - decimal(record.quantity), max(part, record.slice + 1)
        rest += [(order, left, part)] if left and all_answer else []
    if not by_venue:
        for order, _, _ in rest:
            _check_held(order, state.values())
    found, faults = list[Routed](), list[str]()
    for order, left, part in rest:
        routed_order = _routed(order, left, state)
        if not routed_order.routes:
            faults.append(
                f"No venue takes order {order.client_order_id} to {order.side} {left.normalize():,f} {order.symbol}, "
                "whole or in parts: what is there does not suffice, or the rules of the venues do not allow it."
            )
            routes = (Route(venues[0].name, left, NO_AMOUNT),)  # where its checks say why
            routed_order = replace(routed_order, routes=routes)
        found.append(routed_order)
        for k, route in enumerate(routed_order.routes, start=part):
            at = state[route.venue]
            at.take(order, route.quantity)
            at.bring(order, route.quantity)
            by_venue[route.venue].append(at.sent(order, route.quantity, k))
    place = {order.client_order_id: i for i, order in enumerate(orders)}
    in_turn = {name: tuple(sorted(by_venue[name], key=lambda each: place[each.id])) for name in state}
    return Routing(in_turn, tuple(found), tuple(faults))


def _all_answer(state: Iterable["_AtVenue"], *, is_sent: bool) -> bool:
    """True if all venues give an answer. Raises NotKnown where one gives none before anything is sent."""
    all_answer = True
    for at in state:
        try:
            at.ask()
        except NotKnown:
            if not is_sent:
                raise
            all_answer = False
    return all_answer


def _routed(order: Order, left: Decimal, state: Mapping[str, "_AtVenue"]) -> Routed:
    """The venues of what is left of an order; without routes where none takes it."""
    offers = [offer for at in state.values() if (offer := at.offer(order))]
    price = decimal(order.price or 0.0)
    alone = {offer.venue: cost_at(offer, order.side, left, price) for offer in offers
             if (offer.limit is None or left <= offer.limit) and not left % offer.lot}  # fmt: skip
    return Routed(order, tuple(routed(order.side, left, offers, price)), alone)


def check_other_venues(document: Mapping[str, Any], journal: Journal, venue: str) -> None:
    """Raise ConfigError where an order of a ticket was sent to another venue than one, or there in part."""
    for order in orders_of_ticket(document):
        name, in_slices = order.client_order_id, order.client_order_id in document.get("slices", {})
        for entry in journal.entries(order=name, kind=OrderSent.kind):
            if entry.ticket != document["hash"]:
                continue  # a check says so
            if (sent := entry.record).venue != venue:
                raise ConfigError(f"order {name} was sent to {sent.venue}: name it, too.")
            if isinstance(order, Order) and sent.quantity != order.quantity and not (in_slices or sent.allocations):
                raise ConfigError(f"order {name} was sent to {venue} in part: name the venues of the rest, too.")


def _open(journal: Journal, part: TicketOrder) -> Decimal:
    """The units of a journalled part that may still be filled."""
    entries = list(own_entries(journal, part))
    if {Refused.kind, Cancelled.kind} & {entry.kind for entry in entries}:
        return NO_AMOUNT
    filled = sum((decimal(entry.record.quantity) for entry in entries if entry.kind == Filled.kind), NO_AMOUNT)
    return decimal(part.quantity or 0.0) - filled


def _check_held(order: Order, state: Iterable["_AtVenue"]) -> None:
    held = sum((at.units(order) for at in state), NO_AMOUNT)
    if order.shares_before is not None and rounded_number(float(held)) != rounded_number(order.shares_before):
        raise ConfigError(
            f"The venues have {held.normalize():,f} {order.symbol} together, and the list was made with "
            f"{order.shares_before:,.10g}: correct the holdings, and make the list anew."
        )


class _AtVenue:
    """A venue with its answers now, less the units and the cash that parts of orders are going to take."""

    def __init__(self, venue: Venue, symbols: Sequence[str], document: Mapping[str, Any]) -> None:
        self.venue, self.symbols, self.document = venue, symbols, document
        self.books: Mapping[str, Depth] = {}
        self.rules: Mapping[str, SymbolRules] = {}
        self.held: dict[str, dict[str, Decimal]] = {row["account"]: {} for row in document["orders"]}
        self.money = dict[tuple[str, str], Decimal]()

    def ask(self) -> None:
        """Ask it for books, rules, units and cash. Raises NotKnown."""
        self.held = {account: dict(self.venue.units(account)) for account in self.held}
        self.money = {(account, currency): amount for account in self.held
                      for currency, amount in self.venue.cash(account).items()}  # fmt: skip
        self.rules = self.venue.rules(self.symbols)
        self.books = depth_of(self.venue, self.symbols)

    def units(self, order: Order) -> Decimal:
        return self.held[order.account].get(order.symbol, NO_AMOUNT)

    def offer(self, order: Order) -> Offer | None:
        """The offer of the venue for an order; None where it does not take it."""
        wanted = (self.document["sending"]["limits"].get("venues") or {}).get(order.account, self.venue.name)
        rules, book = self.rules.get(order.symbol), self.books.get(order.symbol)
        fits = order.order_type in self.venue.capabilities.order_types and wanted == self.venue.name
        if rules is None or book is None or not fits:
            return None
        if order.limit_price is not None and rules.tick and decimal(order.limit_price) % rules.tick:
            return None
        lots = [lot for lot in (rules.lot, decimal(order.lot or 0.0)) if lot]
        lot = max(
            (lot for lot in lots if not decimal(order.quantity or 0.0) % lot), default=min(lots, default=Decimal(1))
        )
        minimum = rules.minimum_notional or NO_AMOUNT
        if order.side == "sell":
            return Offer(self.venue.name, book.bids, book.fee, lot, minimum, self.units(order))
        offer, quantity = Offer(self.venue.name, book.asks, book.fee, lot, minimum), decimal(order.quantity or 0.0)
        cash = max(self.money.get((order.account, order.currency), NO_AMOUNT), NO_AMOUNT)
        price = max(_paid(order), cost_at(offer, order.side, quantity, NO_AMOUNT) / quantity)
        return offer._replace(limit=cash / price // lot * lot)

    def take(self, order: Order, quantity: Decimal) -> None:
        """Keep the units that a sale takes, or the cash that a purchase does."""
        key = order.account, order.currency
        if order.side == "sell":
            self.held[order.account][order.symbol] = self.units(order) - quantity
        else:
            self.money[key] = self.money.get(key, NO_AMOUNT) - quantity * _paid(order)

    def bring(self, order: Order, quantity: Decimal) -> None:
        """Add the cash that a new sale brings; that of an earlier one is there, or not to be relied on."""
        key = order.account, order.currency
        if order.side == "sell":
            self.money[key] = self.money.get(key, NO_AMOUNT) + quantity * _paid(order)

    def sent(self, order: Order, quantity: Decimal, part: int) -> TicketOrder:
        """A part of an order under its id there; holdings are checked over all venues, and not by part."""
        whole = part_of(replace(order, shares_before=None), float(quantity))
        can = self.venue.capabilities
        return TicketOrder(whole, venue_id(order.client_order_id, part, 0, can.id_length, can.id_alphabet), part)


def _paid(order: Order) -> Decimal:
    """The cash that a unit takes or brings with the costs that the list expects, currency."""
    cost = SIGN_OF_SIDE[order.side] * decimal(order.cost)
    return (decimal(order.notional) + cost) / decimal(order.quantity or 0.0)
