"""The book of a portfolio beside its venue: where they differ, what explains it, and what would book it by name."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from desk.exchange.venue import Venue
from foundation.paper.wording import listed
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.importing import fill_of_item
from research.orders.bookkeeping.reconciliation import ReconciledLine, fewest, named_causes, reconcile
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind
from research.portfolio.holdings.positions import CashLine, HeldRow, Positions

REALITY = "reality"  # name of the control of a decision


@dataclass(frozen=True)
class AtVenue:
    """The answers of a venue on a portfolio.

    positions : units of the assets of the portfolio, and of others that are held there, and cash; its `file` names it.
    fills     : fills since the book was opened, with assets as the portfolio names them.
    has_open  : true if orders are open there.
    """

    positions: Positions
    fills: tuple[Fill, ...]
    has_open: bool


@dataclass(frozen=True)
class Difference:
    """Units of an asset, or cash in a currency, that book and venue state otherwise.

    account  : name of the account, or "".
    of       : asset or currency.
    is_cash  : true for cash.
    book, venue : their amounts.
    names    : what the book lists and has not booked that explains it, by name.
    rest     : what these leave, the venue's amount less the book's.
    sentence : the difference in words.
    """

    account: str
    of: str
    is_cash: bool
    book: Decimal
    venue: Decimal
    names: tuple[str, ...]
    rest: Decimal
    sentence: str


@dataclass(frozen=True)
class Reality:
    """The state of things with which a cycle begins.

    sentence    : what was compared, with the outcome.
    agrees      : true where book and venue agree, false where they differ, or the venue gives no answer; None where
                  nothing was compared.
    differences : where they differ.
    bookings    : commands that book what explains it.
    """

    sentence: str
    agrees: bool | None = None
    differences: tuple[Difference, ...] = ()
    bookings: tuple[str, ...] = ()

    @property
    def lines(self) -> Iterator[str]:
        """Sentences, a line each."""
        yield self.sentence
        yield from (f"  ! {each.sentence}" for each in self.differences)
        yield from (f"  to book it: {each}" for each in self.bookings)

    @property
    def record(self) -> dict[str, Any]:
        """It in plain values."""
        rows = [
            {"account": each.account, "of": each.of, "book": float(each.book), "venue": float(each.venue),
             "names": list(each.names), "sentence": each.sentence}
            for each in self.differences
        ]  # fmt: skip
        about = {"sentence": self.sentence, "agrees": self.agrees}
        return {**about, "differences": rows, "bookings": list(self.bookings)}


NOT_COMPARED = Reality("Book and venue were not compared.")


def at_venue(venue: Venue, portfolio: Portfolio, book: Book) -> AtVenue:
    """The answers of a venue on a portfolio. Raises NotKnown where it gives no answer."""
    assets = {portfolio.ticket.symbol(asset): asset for asset in portfolio.market.assets}
    held, cash = list[HeldRow](), list[CashLine]()
    for row, number in enumerate([each.number for each in portfolio.accounts] or [portfolio.ticket.account], 1):
        units = {**dict.fromkeys(assets, NO_AMOUNT), **venue.units(number)}
        held += [HeldRow(assets.get(of, of), number, float(n), 0.0, None, row) for of, n in units.items()]
        cash += [CashLine(code, number, float(amount), code, row) for code, amount in venue.cash(number).items()]
    since = datetime.combine(book.opened, time(), UTC)
    fills = (replace(fill, asset=assets.get(fill.asset, fill.asset)) for fill in venue.fills(since))
    return AtVenue(Positions(venue.name, tuple(held), tuple(cash), ()), tuple(fills), bool(venue.open_orders()))


def differences(book: Book, portfolio: Portfolio, there: AtVenue) -> tuple[Difference, ...]:
    """The differences of book and venue.

    While orders are open there, units may differ by as much as is open in the book, and cash is not compared.
    """
    cash = {code for holder in book.holders for code in holder.cash} | {row.currency for row in there.positions.cash}
    causes, sure, found = named_causes(book, portfolio), set[str](), []
    lines = [(line, line.of in cash) for line in reconcile(book, portfolio, there.positions, None)]
    for line, is_cash in sorted(lines, key=lambda each: each[1]):  # units first: what explains them moved cash, too
        if not line.differs(is_cash) or (there.has_open and _is_open(book, line, is_cash)):
            continue
        own = [each for each in causes if (each.account, each.of) == (line.account, line.of)]
        given = [each for each in own if is_cash and each.name in sure]
        rest = line.difference - sum((each.amount or NO_AMOUNT for each in given), NO_AMOUNT)
        if abs(rest) > line.rounding(is_cash):
            more = fewest(rest, [each for each in own if each not in given], line.rounding(is_cash))
            given, rest = [*given, *more], NO_AMOUNT if more else rest
        else:
            rest = NO_AMOUNT
        names = tuple(dict.fromkeys(each.name for each in given))
        sure |= set(names)
        sentence = f"{_words(line, is_cash, book, there.positions.file, names)}; {_why(names, rest)}"
        found.append(Difference(line.account, line.of, is_cash, line.book, line.broker, names, rest, sentence))
    return tuple(found)


def _is_open(book: Book, line: ReconciledLine, is_cash: bool) -> bool:
    """True if orders that are open may explain a difference."""
    own = [order for order in book.blotter.open if order.account == line.account]
    left = sum((SIGN_OF_SIDE[order.side] * order.left for order in own if order.asset == line.of), NO_AMOUNT)
    return bool(own) if is_cash else min(left, NO_AMOUNT) <= line.difference <= max(left, NO_AMOUNT)


def _words(line: ReconciledLine, is_cash: bool, book: Book, venue: str, names: Sequence[str]) -> str:
    """A difference in words."""
    of = f"{line.account}  {line.of}".strip()
    if is_cash:
        return f"{of}: cash differs, {line.broker:,.2f} at {venue} and {line.book:,.2f} in book {book.name}"
    is_traded = any(fill_of_item(item) for item in book.open_items if item.name in names)
    what = "units differ" if line.broker else "the position vanished"
    amounts = f"{line.broker.normalize():,f} at {venue} and {line.book.normalize():,f} in book {book.name}"
    return f"{of}: {what}{', traded by hand' if is_traded else ''}, {amounts}"


def _why(names: Sequence[str], rest: Decimal) -> str:
    part = f", {listed(names)} a part of it" if names else ""
    return f"nothing that is listed explains it{part}" if rest else f"explained by {listed(names)}, which is not booked"


def stray_fills(found: Collection[Difference], there: AtVenue, others: Collection[str]) -> Activity:
    """The fills at the venue of assets that differ. others : client ids of the orders of other portfolios."""
    assets = {each.of for each in found if not each.is_cash}
    return Activity(tuple(each for each in there.fills if each.asset in assets and each.order_id not in others))


def stray_cash(found: Collection[Difference], venue: str, day: date) -> Activity:
    """Deposits and withdrawals that explain the cash that differs; none while units differ that nothing explains."""
    if any(each.rest and not each.is_cash for each in found):
        return Activity(())
    proposals = []
    for each in found:
        kind: EntryKind = "deposit" if each.rest > 0 else "withdrawal"
        name = "-".join(filter(None, (venue, kind, f"{day}", f"{abs(each.rest):f}", each.of, each.account)))
        if each.rest:
            proposals.append(CashEntry(name, kind, day, each.account, each.of, each.rest))
    return Activity((), proposals=tuple(proposals))


def reality_of(found: tuple[Difference, ...], book: str, venue: str) -> Reality:
    """The outcome of a comparison. book, venue : their names."""
    if not found:
        return Reality(f"Book {book} and {venue} agree.", agrees=True)
    names = list(dict.fromkeys(name for each in found for name in each.names))
    calls = [f"rebalance book resolve {book} {' '.join(names)}"] if names else []
    if any(each.rest for each in found):
        calls.append(f"rebalance book fill {book} FILE, a table of the trades, deposits and withdrawals made by hand")
    return Reality(f"Book {book} and {venue} differ.", False, found, tuple(calls))
