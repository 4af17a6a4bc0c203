"""The paper venue: it plays one session by a clock of its own, and keeps accounts, orders and fills in a file.

What a ticket says is held is written down with the first order of an account; from then on the account is as its orders
left it, the deposits and withdrawals of their tickets, and the splits and dividends of the market that plays it, on
their ex-dates. Interest does not reach it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from desk.exchange.paper.account import (
    Account,
    Opening,
    PaperEvent,
    bookings,
    opened_with,
    openings_by,
    openings_of,
    paper_events,
    reservation,
)
from desk.exchange.paper.file import PaperFile, PlacedOutcome
from desk.exchange.paper.fill_model import PAPER_MODEL, FillModel, bid_and_ask, parts_of, price_at
from desk.exchange.paper.orders import PaperOrder, paper_order
from desk.exchange.paper.prices import Bar, Session, bars_of_market, bars_of_ticket, expected_day, read_quotes
from desk.exchange.paper.refusals import fault_of_fills, fault_of_order
from desk.exchange.ticket_orders import calendar_of
from desk.exchange.venue import Capabilities, OrderState, SymbolRules
from desk.exchange.venue_ids import LETTERS_AND_DIGITS
from desk.journal.records import Quote
from desk.tickets.exchange_orders import ExchangeOrder
from desk.tickets.ticket import Order
from foundation.arguments import refuse
from foundation.errors import DataError
from foundation.home import home_folder
from foundation.paper.wording import listed
from research.market.calendars import session_after
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.rates import rounded
from research.portfolio.keys.ticket import ORDER_TYPES, tick

ID_LENGTH = 32  # characters
PLAIN_MODEL = FillModel()


class PaperVenue:
    """A paper venue, to be closed, or used in a `with` block.

    session  : session that it plays, with its prices.
    openings : what accounts have that it does not know, and what comes to them with the first order.
    unnamed  : name of the account of orders that name none.
    model    : how orders are filled.
    folder   : folder of `paper.sqlite`, made where it is missing; None takes `home_folder()`.
    events   : splits and dividends since the openings were stated, up to the open of the session, by day.
    Raises   : NotKnown where the file cannot be read or written.
    """

    name = "paper"
    capabilities = Capabilities(frozenset(ORDER_TYPES), ID_LENGTH, LETTERS_AND_DIGITS)

    def __init__(
        self,
        session: Session,
        openings: Iterable[Opening] = (),
        *,
        unnamed: str = "",
        model: FillModel = PLAIN_MODEL,
        folder: Path | None = None,
        events: Sequence[PaperEvent] = (),
    ) -> None:
        self.session, self.model, self.unnamed = session, model, unnamed
        self._now, self._events = session.opens, events
        self._openings = tuple(chain.from_iterable(opened_with(each, events) for each in openings))
        self.file = PaperFile(folder or home_folder())

    @classmethod
    def for_ticket(
        cls,
        document: Mapping[str, Any],
        *,
        portfolio: Portfolio | None = None,
        quotes: Path | None = None,
        as_of: date | None = None,
        model: FillModel | None = None,
        folder: Path | None = None,
    ) -> Self:
        """The paper venue on the session on which a ticket is expected to trade.

        document  : document of the ticket (`ticket_json.read_ticket_file`, or `Ticket.document`).
        portfolio : portfolio whose market has the bars of the session, and the calendar.
        quotes    : CSV of quotes, taken before the bars; with neither, orders fill at the prices of the ticket.
        as_of     : another session to play.
        model     : how orders are filled; None fills as much of a session's volume as `execution` has it.
        folder    : folder of `paper.sqlite`, or None.
        Raises    : ConfigError for a day that is no session; DataError for a market without this session, for wrong
                    quotes, and as NotKnown for the file.
        """
        calendar = calendar_of(document) if portfolio is None else portfolio.market.calendar
        expected = expected_day(document, calendar)
        day = as_of or expected
        before, after = (str(session_after(np.datetime64(day), count, calendar)) for count in (0, 1))
        if before != str(day):
            refuse("as_of is", str(day), f"no session of {calendar}. The last before it is {before}, the next {after}.")
        if quotes is not None:
            bars, source = read_quotes(quotes), f"quotes of {quotes.name}"
        elif portfolio is not None:
            bars, source = bars_of_market(portfolio, day), f"bars of market {portfolio.market.name!r}"
        else:
            bars, source = bars_of_ticket(document), f"the ticket's own prices, of {document['as_of']}"
        session = Session(day, expected, calendar, bars, source)
        close = date.fromisoformat(document["last_close"])
        events = () if portfolio is None else paper_events(portfolio, close, day)
        about = {
            "unnamed": document["portfolio"],
            "model": model or _model_of(portfolio),
            "folder": folder,
            "events": events,
        }
        return cls(session, openings_of(document, bars), **about)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @property
    def notes(self) -> list[str]:
        """Sentences on the session, its prices, and what the first order brings to the accounts."""
        lines = [f"On paper, session {self.session.day} of {self.session.calendar}: prices are {self.session.source}."]
        for name in dict.fromkeys(each.account for each in self._openings):
            of, is_known = self._account(name), self.file.knows(self._key(name))
            held = [each.text for each in of.opened if not each.ticket]
            if held and not is_known:
                lines.append(f"Account {of.name!r} is new on paper: its first order opens it with {listed(held)}.")
            for each in (each for each in of.opened if each.ticket and each.amount):
                what = "deposit" if each.amount > 0 else "withdrawal"
                money = f"{abs(each.amount):,f} {each.item}"
                lines.append(f"Account {of.name!r} has the {what} of {money} of this list with its first order.")
        return lines

    # -- the clock -----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The venue's clock, in UTC: the open of the session, until it is moved."""
        return self._now

    def wait(self, until: datetime) -> None:
        """Move the clock forward to a moment."""
        self._now = max(self._now, until)

    # -- orders --------------------------------------------------------------------------------------------------------

    def place(self, order: Order | ExchangeOrder, client_id: str) -> OrderState:
        """Place an order, or a slice of one; see `place_all`."""
        return self.place_all([(order, client_id)])[0]

    def place_all(self, orders: Sequence[tuple[Order | ExchangeOrder, str]]) -> list[OrderState]:
        """Place orders, each with its client id, one after the other in one transaction, all or none.

        An order gets at once what the session gives it. An id that the venue has gives the state of its order.
        Returns : the states of the orders.
        Raises  : NotKnown where the file cannot be written; DataError for a model whose volume is not known.
        """
        with self.file.transaction():
            for each in self._events:
                self.file.happen(each, self._own)
            accounts = {self._key(each.account): self._account(each.account) for each in self._openings if each.ticket}
            for order, client_id in orders:
                if self.file.number(client_id) is None:
                    self._place(paper_order(order, client_id), accounts)
            for account in accounts.values():
                self.file.write(account)
            return [state for _, client_id in orders for state in self._states("client_id = ?", client_id)]

    def _place(self, order: PaperOrder, accounts: dict[str, Account]) -> None:
        """Write a new order with its fills, and move its account."""
        key = self._key(order.account)
        if key not in accounts:
            accounts[key] = self._account(order.account)
        outcome = self._outcome(order, accounts[key])
        for each in outcome.booked:
            accounts[key].book(order, each, outcome.settles)
        if outcome.status == "open":
            accounts[key].reserve(*outcome.reserved)
        self.file.insert(order, key, self.session.day, outcome)

    def _outcome(self, order: PaperOrder, account: Account) -> PlacedOutcome:
        """The outcome of a new order."""
        bar = self.session.bars.get(order.symbol, Bar())
        if fault := fault_of_order(order, self.session, account, self._now):
            return PlacedOutcome("refused", reason=fault)
        booked = list(bookings(order, parts_of(order, self.session, self.model, self._now), bar, self.model))
        amounts = (each.part.notional if order.in_money else each.part.quantity for each in booked)
        filled = sum(amounts, NO_AMOUNT)
        filled = rounded(order.currency, filled) if order.in_money else filled
        rest, settles = reservation(order, bar, order.quantity - filled), self.session.settles(order.settles)
        if fault := fault_of_fills(order, booked, rest, settles, account):
            return PlacedOutcome("refused", reason=fault)
        return PlacedOutcome("filled" if filled == order.quantity else "open", filled, "", rest, settles, booked)

    def state(self, client_id: str) -> OrderState | None:
        """The state of an order, or None if the venue does not have it."""
        return next(iter(self._states("client_id = ?", client_id)), None)

    def open_orders(self) -> list[OrderState]:
        """The orders that are open."""
        return self._states("status = 'open' AND session >= ?", str(self.session.day))

    def cancel(self, client_id: str) -> OrderState:
        """Cancel what is open of an order, and give its state. Raises DataError for an id that it does not have."""
        with self.file.transaction():
            if not (states := self._states("client_id = ?", client_id)):
                raise DataError(f"the paper venue has no order {client_id!r}: it cannot be cancelled.")
            if states[0].status == "open":
                self.file.cancel(client_id, "cancelled")
            return self._states("client_id = ?", client_id)[0]

    def fills(self, since: datetime | None = None) -> list[Fill]:
        """The fills since a moment, the oldest first, with the model's quotes: `order_id` is the client id."""
        return self.file.fills(since, self.name)

    def take_events(self, portfolio: Portfolio, book: Book) -> None:
        """Let what happened since a book was opened reach the accounts that were there: by the market, and by the book.

        What it does not know of an account is from now on as the portfolio, which its book holds, has it. Units that
        came from elsewhere, or went there, come to an account of the same number.
        """
        self._openings = openings_by(portfolio)
        numbers = {each.name: each.number for each in portfolio.accounts}
        with self.file.transaction():
            for each in paper_events(portfolio, book.opened, portfolio.date.date(), book.exchanges):
                self.file.happen(each, self._own)
            for moved in book.transfers:
                account = self._key(numbers.get(moved.account, portfolio.ticket.account))
                if self.file.knows(account):
                    about = (account, "units", portfolio.ticket.symbol(moved.asset), moved.units, moved.transfer_id)
                    self.file.write(self.file.account(account, [Opening(*about)], moved.day))  # type: ignore[arg-type]

    # -- what it knows -------------------------------------------------------------------------------------------------

    def cash(self, account: str) -> dict[str, Decimal]:
        """By currency, the cash of an account once all is settled, less what open orders may take."""
        of = self._account(account)
        return {currency: of.cash(currency) for currency in of.items("cash")}

    def units(self, account: str) -> dict[str, Decimal]:
        """By symbol, the units of an account, less what open orders may sell."""
        of = self._account(account)
        return {symbol: of.units(symbol) for symbol in of.items("units")}

    def quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The prices at which orders at market fill now; a symbol without one is left out."""
        known = {symbol: self.session.bars[symbol] for symbol in symbols if symbol in self.session.bars}
        there = {symbol: bar for symbol, bar in known.items() if bar.close is not None and not bar.is_halted}
        return {symbol: self._quote(bar) for symbol, bar in there.items()}

    def _quote(self, bar: Bar) -> Quote:
        """The quote of a bar now."""
        price = price_at(self.session, bar, self.model, self._now)
        sides = bid_and_ask(bar, self.model, price)
        bid, ask = (None, None) if sides is None else map(float, sides)
        return Quote(bid, ask, float(price), f"{PAPER_MODEL}: {self.session.source}", self._now.isoformat())

    def rules(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        """The steps of each symbol, those that are known."""
        known = {symbol: self.session.bars[symbol] for symbol in symbols if symbol in self.session.bars}
        return {
            symbol: SymbolRules(bar.lot, tick(bar.currency, bar.close) if bar.close and bar.currency else None)
            for symbol, bar in known.items()
        }

    @property
    def _own(self) -> set[str]:
        """The accounts of the portfolio that it plays."""
        return {self._key(each.account) for each in self._openings}

    def _key(self, account: str) -> str:
        return account or self.unnamed

    def _account(self, name: str) -> Account:
        own = (each for each in self._openings if self._key(each.account) == self._key(name))
        return self.file.account(self._key(name), own, self.session.day)

    def _states(self, where: str, *values: object) -> list[OrderState]:
        return self.file.states(self.session.day, where, *values)


def _model_of(portfolio: Portfolio | None) -> FillModel:
    """The fills of a session by the `execution` of a portfolio; spread and impact are fees, as the list expects."""
    most = None if portfolio is None else portfolio.execution.participation
    return PLAIN_MODEL if most is None else FillModel(participation=most)
