"""The sending of a ticket's orders: journal first, then send, then ask.

All orders of a ticket are journalled in one commit before the first is sent. An order that the journal had before, or
that got no answer, is sent only after the venue said that it does not have its client id. So the same call goes on
where a killed one stood, and nothing is sent twice. A buy is sent only once its cash is there. The crosses of a house
are made in the commit of the first orders; a buy for its accounts is journalled right before it is sent, with the units
of each account, which its cash pays.

Where the ticket states slices, those of one moment are journalled and sent as orders are, once the venue's clock shows
it and nothing stands against them then. Moments count from the first order that the journal has.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from desk.exchange.allocations import journal_allocations, payable
from desk.exchange.checks import faults_between
from desk.exchange.moment import Moment, fills_of, own_entries, unanswered
from desk.exchange.ticket_orders import TicketOrder, calendar_of, part_of
from desk.exchange.venue import NotKnown, OrderState, QuotedFill, Status, Venue, quotes_of
from desk.journal.chain import Entry, Event
from desk.journal.fills import fill_event
from desk.journal.journal import Journal
from desk.journal.records import Acknowledged, Cancelled, EntryContent, Filled, OrderSent, Quote, Refused
from desk.journal.tickets import cross_events, ticket_event, ticket_state
from desk.tickets.exchange_orders import ExchangeOrder
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import counted, listed
from research.market.calendars import day_at
from research.orders.fills import Fill
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.keys.ticket import MARKET_ORDER

ENDED_WITH_DAY = "it ended with its day"
ACCOUNTS_NAMED = 5  # accounts without cash that are named
QUESTION_WAITS = (0.5, 2.0, 5.0)  # seconds before each question for an order that got no answer, or is not filled yet


@dataclass(frozen=True)
class SentResult:
    """An order, and its outcome.

    order    : the order.
    state    : as the venue has it, or None where it was not sent, or nothing is known of it.
    why      : why there is no state, in words, or "".
    is_known : false where the venue may have the order, and gave no answer.
    """

    order: TicketOrder
    state: OrderState | None
    why: str = ""
    is_known: bool = True

    @property
    def is_open(self) -> bool:
        """True if it is not filled, refused or cancelled."""
        return self.state is None or self.state.status == "open"

    @property
    def is_about_to_fill(self) -> bool:
        """True if the venue has it open, and it is at market."""
        at_market = self.order.order_type == MARKET_ORDER
        return at_market and self.state is not None and self.state.status == "open"


@dataclass
class Execution:
    """One sending of a ticket, or its resumption.

    journal  : the journal, open.
    venue    : the venue.
    document : the ticket (`ticket_json.read_ticket_file`).
    orders   : its orders in the sequence in which they are sent.
    quotes   : quotes of the moment by symbol, which the journal keeps.
    stop     : gives why nothing more is to be sent, or "".
    look     : gives what is known now, before later slices.
    wait     : waits so many seconds.
    fills    : the fills of the ticket, after `run`; `order_id` is that of the ticket, `asset` that of the portfolio.
    """

    journal: Journal
    venue: Venue
    document: Mapping[str, Any]
    orders: Sequence[TicketOrder]
    quotes: Mapping[str, Quote]
    stop: Callable[[], str] = str
    look: Callable[[], Moment] | None = None
    wait: Callable[[float], None] = time.sleep
    fills: list[Fill] = field(default_factory=list)
    _new: set[tuple[str, int | None]] = field(default_factory=set)
    _open: list[SentResult] = field(default_factory=list)
    _unpaid: list[SentResult] = field(default_factory=list)
    _units: dict[str, dict[str, float]] = field(default_factory=dict)  # of accounts, by the id of their buy
    _waited: bool = False
    _halted: str = ""
    _is_silent: bool = False

    def run(self) -> Iterator[SentResult]:
        """Send what was not sent, in turn, and give what became of each order; then take the fills."""
        self._halted = self.stop()
        if not self.document["orders"]:
            self._cross_alone()
        last, waiting = max((order.minutes for order in self.orders), default=0.0), list[TicketOrder]()
        for minutes, group in groupby(self.orders, key=lambda order: order.minutes):
            orders = list(group)
            if minutes and any(unanswered(self.journal, orders)):
                self._await(minutes)
            if self._has_ids and not self._halted:
                with self._heard():
                    self._begin(order for order in orders if not self._is_shared(order))
            if waiting:  # buys: they go first among those of now
                orders, waiting = sorted([*waiting, *orders], key=lambda order: order.order.side == "buy"), []
            for order in orders:
                sent = self._sent(order)
                if sent.state is None and not self._halted and minutes < last:  # the cash of a later sell may suffice
                    waiting.append(order)
                elif sent.is_about_to_fill and self._has_ids:
                    self._open.append(sent)
                else:
                    yield sent
        self._let_fill()
        yield from self._open
        yield from self._unpaid
        with self._heard():
            self._take_fills()

    @property
    def silence(self) -> str:
        """The sentence on a venue that gave no answer, with what to do; "" where it answered all."""
        return self._halted if self._is_silent else ""

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """A block after which nothing more is sent where the venue gives no answer in it."""
        try:
            yield
        except NotKnown as error:
            self._fall_silent(error)

    def _cross_alone(self) -> None:
        """Journal the crosses of a ticket without orders. Raises ConfigError where something stands against them."""
        crosses = cross_events(self.document)
        if crosses and not ticket_state(self.journal, self.document["hash"]).crossed:
            if self._halted:
                raise ConfigError(f"nothing is crossed between accounts: {self._halted}.")
            self._begin([])

    def _let_fill(self) -> None:
        """Give open orders at market a few seconds: most venues fill an order after taking it."""
        with suppress(NotKnown):  # the order is there, and the next call asks for it
            for seconds in () if self._halted else QUESTION_WAITS:
                if not any(each.is_about_to_fill for each in self._open):
                    break
                self.venue.wait(self.venue.now() + timedelta(seconds=seconds))
                self._open = [self._asked_again(each) for each in self._open]

    def _asked_again(self, sent: SentResult) -> SentResult:
        state = self.venue.state(sent.order.venue_id) if sent.is_about_to_fill else None
        if state is None:
            return sent
        self._journal_answer(sent.order, state)
        return SentResult(sent.order, state)

    def _await(self, minutes: float) -> None:
        """Take the fills so far, wait for the moment of later slices, and see what stands against them then."""
        if self._halted:
            return
        self._waited = False
        with self._heard():
            self._take_fills()
            self.venue.wait(self._began + timedelta(minutes=minutes))
            if self.look is not None:
                moment = self.look()
                self.quotes = moment.quotes
                self._halted = " ".join(faults_between(moment))

    @property
    def _began(self) -> datetime:
        """The moment from which those of slices count."""
        sent = self.journal.entries(ticket=self.document["hash"], kind=OrderSent.kind)
        moments = [datetime.fromisoformat(entry.record.sent_at) for entry in sent]
        return min(moments, default=self.venue.now())

    def _fall_silent(self, error: NotKnown, order: TicketOrder | None = None) -> None:
        """Send and ask nothing more of a venue that gives no answer."""
        fix = "Run the same command again" if self._has_ids or order is None else f"Look there for {order.text}"
        self._is_silent = True
        self._halted = f"{self.venue.name} gives no answer ({error}). {fix}"

    @property
    def _has_ids(self) -> bool:
        """False at a venue that takes no client ids: there each order is journalled right before it is sent."""
        return self.venue.capabilities.id_length > 0

    # -- one order -----------------------------------------------------------------------------------------------------

    def _sent(self, order: TicketOrder) -> SentResult:
        """Send an order, unless the venue has it, or something stands against it."""
        if self._is_silent:
            return SentResult(order, None, self._halted, is_known=not self._may_be_there(order))
        is_placed = True
        try:
            if (known := self._known(order)) is not None:
                return SentResult(order, known)
            is_placed = False
            self._halted = self._halted or self.stop()
            if self._halted:
                return SentResult(order, None, self._halted)
            paid, why = self._paid(order)
            if why and not self._waited:
                self._waited = True  # once at each moment
                self._let_fill()
                paid, why = self._paid(order)
            if paid is None:
                return SentResult(order, None, why)
            if why:
                left = decimal(order.quantity or 0.0) - decimal(paid.quantity or 0.0)
                self._unpaid.append(SentResult(replace(order, order=part_of(order.order, float(left))), None, why))
            order, is_placed = paid, True
            state = self._placed(order)
        except NotKnown as error:
            self._fall_silent(error, order if is_placed else None)
            if not is_placed:
                return SentResult(order, None, self._halted)
            return SentResult(order, None, f"It is not known whether {self.venue.name} has it: {error}", is_known=False)
        if not self._has_ids:
            self._take_fills()  # nobody can ask for them later
        self._journal_answer(order, state)
        return SentResult(order, state)

    def _may_be_there(self, order: TicketOrder) -> bool:
        """True for an order that an earlier call sent, or was about to send."""
        kinds = {entry.kind for entry in own_entries(self.journal, order)}
        return (order.id, order.slice) not in self._new and OrderSent.kind in kinds

    def _known(self, order: TicketOrder) -> OrderState | None:
        """The state of an order that was sent or may have been, as the venue has it, or else the journal."""
        if not self._may_be_there(order):
            return None
        entries = {entry.kind: entry for entry in own_entries(self.journal, order)}
        if (venue := entries[OrderSent.kind].record.venue) != self.venue.name:
            raise NotKnown(f"it was about to be sent to {venue}. Look for it there")
        if Refused.kind in entries:  # a venue may keep no order that it refused
            return OrderState(order.venue_id, "refused", reason=entries[Refused.kind].record.reason)
        if self._has_ids and (state := self.venue.state(order.venue_id)) is not None:
            self._journal_answer(order, state)
            return state
        return self._journalled(order, entries)

    def _journalled(self, order: TicketOrder, entries: Mapping[str, Entry]) -> OrderState | None:
        """The state in the journal of an order that the venue does not have, or cannot be asked for.

        One that was for an earlier day ended with it, and its fills say how.
        None where it may be sent: it got no answer, and the venue does not have it. Raises NotKnown where it may not.
        """
        whole = decimal(order.quantity or order.notional)
        if not self._has_ids and Acknowledged.kind in entries:
            return OrderState(order.venue_id, "filled", whole)
        if not self._has_ids:
            raise NotKnown("it takes no client ids, and the order was about to be sent. Look for it there")
        if Cancelled.kind in entries:
            end = entries[Cancelled.kind].record
            return OrderState(order.venue_id, "cancelled", whole - decimal(end.quantity), reason=end.reason)
        if for_the_day := self.venue.capabilities.for_the_day:
            self._take_fills()
        own = [entry.record for entry in own_entries(self.journal, order)]
        filled = sum((decimal(each.quantity) for each in own if each.kind == Filled.kind), NO_AMOUNT)
        if Acknowledged.kind not in entries and not filled:
            return None
        sent, calendar = datetime.fromisoformat(entries[OrderSent.kind].record.sent_at), calendar_of(self.document)
        if not for_the_day or day_at(sent, calendar) == day_at(self.venue.now(), calendar):
            raise NotKnown("it took the order, and no longer has it. Look for it there")
        reference = next((each.reference for each in own if each.kind == Acknowledged.kind), "")
        status: Status = "filled" if filled >= whole else "cancelled"
        state = OrderState(order.venue_id, status, filled, reference, ENDED_WITH_DAY * (status == "cancelled"))
        self._journal_answer(order, state)
        return state

    def _placed(self, order: TicketOrder) -> OrderState:
        """Place an order; where no answer comes, ask for it before it is placed once more."""
        if not self._has_ids or self._is_shared(order):
            self._begin([order])
        if not self._has_ids:
            return self.venue.place(order.order, order.venue_id)
        try:
            return self.venue.place(order.order, order.venue_id)
        except NotKnown:
            for seconds in QUESTION_WAITS:
                self.wait(seconds)
                if (state := self.venue.state(order.venue_id)) is not None:
                    return state
            return self.venue.place(order.order, order.venue_id)

    def _is_shared(self, order: TicketOrder) -> bool:
        """True for a buy for the accounts of a house."""
        return order.order.side == "buy" and order.id in self.document.get("allocations", {})

    def _paid(self, order: TicketOrder) -> tuple[TicketOrder | None, str]:
        """The order, or the part of a block that its accounts can pay, and why the rest has to wait, or ""."""
        begun = (entry for entry in own_entries(self.journal, order) if entry.kind == OrderSent.kind)
        if not self._is_shared(order) or any(begun):
            why = self._short_of_cash(order)
            return None if why else order, why
        self._take_fills()
        journal_allocations(self.journal, self.document, ("sell",))
        largest = decimal(order.quantity or 0.0)
        units, short = payable(self.journal, self.document, order.id, largest, self.quotes)
        total, why = sum(units.values(), NO_AMOUNT), ""
        if total < largest:
            why = f"the cash of {counted(len(short), 'account')} does not suffice: {listed(short, most=ACCOUNTS_NAMED)}"
        part = order if total == largest else replace(order, order=part_of(order.order, float(total)))
        if not total or (why and order.id in self.document.get("slices", {})):  # slices are sent whole
            return None, why
        self._units[order.id] = {name: float(own) for name, own in units.items()}
        lacking = self._short_of_cash(part)
        return (None, lacking) if lacking else (part, why)

    def _short_of_cash(self, order: TicketOrder) -> str:
        """The reason why a buy has to wait, or "": cash counts that is there on each day from its settlement on."""
        if isinstance(order.order, ExchangeOrder) or order.order.side == "sell":
            return ""
        currency, account = order.order.currency, order.order.account
        days = {each.id: each.order.settlement_date for each in self.orders}
        if max(days.values()) > days[order.id]:
            self._take_fills()
        later = [fill for fill in self.fills if fill.account == account and days[fill.order_id] > days[order.id]]
        balance = there = self.venue.cash(account).get(currency, NO_AMOUNT)
        for day in sorted({days[fill.order_id] for fill in later}, reverse=True):
            balance -= sum((_cash_of(fill, currency) for fill in later if days[fill.order_id] == day), NO_AMOUNT)
            there = min(there, balance)
        if (needed := self._cost(order)) <= there:
            return ""
        return f"it needs {needed:,.2f} {currency}, and {there:,.2f} are there by {order.order.settlement_date}"

    def _cost(self, order: TicketOrder) -> Decimal:
        """The cash that a buy takes, at its limit, or at the quote of the moment where that is above its price."""
        assert not isinstance(order.order, ExchangeOrder)
        notional, units = decimal(order.notional), order.quantity
        quote = self.quotes.get(order.symbol, Quote())
        price = order.limit_price or quote.ask or quote.last
        if units is not None and price is not None:
            notional = max(notional, decimal(units) * decimal(price))
        return notional + decimal(order.order.cost)

    # -- the journal ---------------------------------------------------------------------------------------------------

    def _begin(self, orders: Iterable[TicketOrder]) -> None:
        """Journal crosses, and orders that are about to be sent, in one commit, those that it has not."""
        missing = [each for each in orders if OrderSent.kind not in {e.kind for e in own_entries(self.journal, each)}]
        now = f"{self.venue.now().astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        sent = [self._event(each, self._record(each, now)) for each in missing]
        self.journal.append([*cross_events(self.document), *sent])
        self._new |= {(each.id, each.slice) for each in missing}

    def _record(self, order: TicketOrder, now: str) -> OrderSent:
        return OrderSent(
            venue=self.venue.name,
            venue_id=order.venue_id,
            side=order.order.side,
            symbol=order.symbol,
            quantity=order.quantity,
            currency=order.order.currency,
            order_type=order.order_type,
            notional=order.notional,
            limit_price=order.limit_price,
            account=order.order.account,
            slice=order.slice or 0,
            quote=self.quotes.get(order.symbol),
            sent_at=now,
            allocations=self._units.get(order.id, {}),
        )

    def _journal_answer(self, order: TicketOrder, state: OrderState) -> None:
        """Journal what the venue says of an order."""
        about, records = (self.venue.name, order.venue_id), list[EntryContent]()
        if state.status == "refused":
            records.append(Refused(state.reason, *about))
        else:
            records.append(Acknowledged(*about, state.reference))
        if state.status == "cancelled":
            whole = order.notional if order.quantity is None else order.quantity
            records.append(Cancelled(*about, float(decimal(whole) - state.filled), state.reason))
        self.journal.append([self._event(order, record) for record in records])

    def _event(self, order: TicketOrder, record: EntryContent) -> Event:
        return ticket_event(self.document, record, order.id)

    # -- fills ---------------------------------------------------------------------------------------------------------

    def _take_fills(self) -> None:
        """Take the fills of the ticket from the venue, and journal the new ones, with their quotes or that of now."""
        orders = {each.venue_id or each.id: each for each in self.orders}  # without ids, fills name those of the ticket
        own = [fill for fill in fills_of(self.venue, self.document) if fill.order_id in orders]
        taken = {fill.key for fill in self.fills}
        new = [fill for fill in own if fill.key not in taken]
        if not new:
            return
        quotes = dict[str, Quote]()
        with suppress(NotKnown):  # a fill is journalled without a quote as well
            if asked := {orders[fill.order_id].symbol for fill in new if not isinstance(fill, QuotedFill)}:
                quotes = quotes_of(self.venue, asked)
        events = list[Event]()
        for fill in new:
            order = orders[fill.order_id]
            mine = _fill_of(order, fill)
            ticket, portfolio = self.document["hash"], self.document["portfolio"]
            quote = fill.quote if isinstance(fill, QuotedFill) else quotes.get(order.symbol)
            events.append(fill_event(mine, ticket, portfolio, venue_id=order.venue_id, quote=quote))
            self.fills.append(mine)
        self.journal.append(events)


def _cash_of(fill: Fill, currency: str) -> Decimal:
    """The amount of a currency that a fill brings, or, below zero, takes; of an exchange of money, either currency."""
    bought = SIGN_OF_SIDE[fill.side] * fill.quantity
    paid = bought * fill.price + sum(fill.fees.values(), NO_AMOUNT) if fill.currency == currency else NO_AMOUNT
    return (bought if fill.asset == currency else NO_AMOUNT) - paid


def _fill_of(order: TicketOrder, fill: Fill) -> Fill:
    """A fill of a venue with the names of the ticket. Raises DataError for one of another symbol or side."""
    names = {order.symbol, order.item}
    if fill.asset not in names or fill.side != order.order.side:
        raise DataError(
            f"{fill.venue} reports fill {fill.fill_id} to {fill.side} {fill.asset} of {order.text}: found another "
            "symbol or side. Ask the venue; nothing of it is booked."
        )
    return replace(fill, asset=order.item, order_id=order.id, account=order.order.account)
