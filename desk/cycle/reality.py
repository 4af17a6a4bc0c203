"""The book of a portfolio beside its venue: where they differ, what explains it, and what would book it by name."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

from desk.exchange.venue import Venue, cash_entries_of
from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import listed
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.importing import fill_of_item
from research.orders.bookkeeping.reconciliation import (
    SAME_UNITS,
    Cause,
    ReconciledLine,
    fewest,
    named_causes,
    reconcile_positions,
)
from research.orders.fills import Fill
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE, BookSplit
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.cash_entries import CashEntry, EntryKind
from research.portfolio.holdings.held_rows import CashLine, HeldRow, Positions

REALITY = "reality"  # name of the control of a decision
EARNED: tuple[EntryKind, ...] = ("fee", "interest", "dividend", "tax")  # kinds of cash that are no flow
COMING_KINDS: tuple[EntryKind, ...] = ("deposit", "interest")  # kinds that cash above the book's may be of
GOING_KINDS: tuple[EntryKind, ...] = ("fee", "withdrawal")  # kinds that cash below it may be of
PATIENT = 3  # sessions in which a venue may show a split late, or an asset have no bar, before a person is asked
CHOICE = "-"  # follows a venue in the name of an amount that no venue states


@dataclass(frozen=True)
class AtVenue:
    """The answers of a venue on a portfolio.

    positions : units of the assets of the portfolio, and of others that are held there, and cash; its `file` names it.
    fills     : fills since the book was opened, with assets as the portfolio names them.
    open      : client ids of the orders that are open there.
    cash      : amounts that came and went since without an order, where it states them; accounts as the book has them.
    """

    positions: Positions
    fills: tuple[Fill, ...] = ()
    open: frozenset[str] = frozenset()
    cash: tuple[CashEntry, ...] = ()


@dataclass(frozen=True)
class BookDifference:
    """Units of an asset, or cash in a currency, that book and venue state otherwise.

    account  : name of the account, or "".
    of       : asset or currency.
    is_cash  : true for cash.
    book, venue : their amounts.
    names    : what the book lists and has not booked that explains it, by name.
    rest     : what these leave, the venue's amount less the book's.
    sentence : the difference in words.
    choices  : names of amounts of several kinds in the book, of which one is the rest.
    """

    account: str
    of: str
    is_cash: bool
    book: Decimal
    venue: Decimal
    names: tuple[str, ...]
    rest: Decimal
    sentence: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reality:
    """The state of things with which a cycle begins.

    sentence    : what was compared, with the outcome.
    agrees      : true where book and venue agree, false where they differ, or the venue gives no answer; None where
                  nothing was compared.
    differences : where they differ.
    bookings    : commands that book what explains it.
    ended       : ids of orders that are open in the book, were sent, and are not open at the venue.
    """

    sentence: str
    agrees: bool | None = None
    differences: tuple[BookDifference, ...] = ()
    bookings: tuple[str, ...] = ()
    ended: frozenset[str] = frozenset()

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
    accounts = {each.number: each.name for each in portfolio.accounts}
    stated = (
        replace(entry, account=accounts.get(entry.account, ""), asset=assets.get(entry.asset, ""))
        for entry in cash_entries_of(venue, since)
    )
    open_ids = frozenset(each.client_id for each in venue.open_orders())
    return AtVenue(Positions(venue.name, tuple(held), tuple(cash), ()), tuple(fills), open_ids, tuple(stated))


def with_shown_splits(book: Book, portfolio: Portfolio, there: AtVenue) -> Book:
    """The book with those of the splits that the market's data alone know which the venue shows in its units.

    A split is shown where the units of its asset are those after it, or whole ones below them, since a fraction is paid
    in cash, and not those before.
    """
    names = {each.number: each.name for each in portfolio.accounts if each.number}
    assumed = [each for each in book.with_splits_of(portfolio.quoted).splits if each.assumed]
    for asset in dict.fromkeys(each.asset for each in assumed):
        at_venue = {of.account: NO_AMOUNT for of in book.holders}
        for row in (row for row in there.positions.held if row.asset == asset):
            at_venue[names.get(row.account, row.account if portfolio.accounts else "")] = decimal(row.units)
        own = [replace(each, assumed=False) for each in assumed if each.asset == asset]
        kept = [replace(each, in_lieu=None) for each in own]  # of a venue that holds fractions
        for some in (of[:count] for count in range(len(own), 0, -1) for of in (own, kept)):
            confirmed = replace(book, splits=(*book.splits, *some))
            before, after = (_units(each, asset) for each in (book, confirmed))
            if before != after and all(_is_shown(at_venue[name], units) for name, units in after.items()):
                book = confirmed
                break
    return book


def with_shown_dividends(book: Book, portfolio: Portfolio, there: AtVenue) -> Book:
    """The book with those of the dividends that the market's data alone know whose cash the venue shows, to the cent.

    While orders are open there, none is.
    """
    owed = book.with_dividends_of(portfolio.quoted).owed
    if there.open or not owed:
        return book
    for line in reconcile_positions(book, portfolio, there.positions, None):
        own = [each for each in owed if (each.account, each.currency) == (line.account, line.of)]
        causes = [Cause(each.account, each.currency, each.amount, each.text, each.entry_id) for each in own]
        whole = sum((each.amount for each in own), NO_AMOUNT)
        shown = causes if whole == line.difference else fewest(line.difference, causes)
        names = {each.name for each in shown}
        paid = tuple(replace(each, assumed=False) for each in own if each.entry_id in names)
        book = replace(book, entries=(*book.entries, *paid))
    return book


def _is_shown(at_venue: Decimal, units: Decimal) -> bool:
    is_same = abs(at_venue - units) <= SAME_UNITS * units
    return is_same or (at_venue == int(at_venue) and 0 < units - at_venue < 1)


def _units(book: Book, asset: str) -> dict[str, Decimal]:
    return {of.account: of.units.get(asset, NO_AMOUNT) for of in book.holders}


def unshown_splits(book: Book, portfolio: Portfolio) -> tuple[BookSplit, ...]:
    """The splits of what is held that the market's data know and the book has not booked, the latest last."""
    whole = book.with_splits_of(portfolio.quoted)
    splits = [each for each in whole.splits if each.assumed]
    before = whole.holders_before(each.day for each in splits)
    return tuple(
        each for each, held in zip(splits, before, strict=True) if any(of.units.get(each.asset) for of in held)
    )


def resting(splits: Sequence[BookSplit], portfolio: Portfolio) -> tuple[BookSplit, ...]:
    """Those of the splits that a venue may show late: `PATIENT` sessions have not passed since."""
    days = portfolio.market.days
    return tuple(each for each in splits if (days >= np.datetime64(each.day)).sum() <= PATIENT)


def not_shown(split: BookSplit, book: str, venue: str) -> BookDifference:
    """A split that a venue has not shown for longer than it may take. book, venue : their names."""
    sentence = (
        f"{split.asset}: by the market's data it has {split.by.normalize():f} units for one since {split.day}, and "
        f"{venue} does not show it. Ask {venue}; where there was none, correct the data: {split.name} is not booked"
    )
    return BookDifference("", split.asset, False, NO_AMOUNT, NO_AMOUNT, (split.name,), NO_AMOUNT, sentence)


def book_differences(book: Book, portfolio: Portfolio, there: AtVenue) -> tuple[BookDifference, ...]:
    """The differences of book and venue.

    While orders are open there, units may differ by as much as is open in the book, and cash is not compared.
    """
    cash = {code for holder in book.holders for code in holder.cash} | {row.currency for row in there.positions.cash}
    causes, sure, found = named_causes(book, portfolio), set[str](), []
    lines = [(line, line.of in cash) for line in reconcile_positions(book, portfolio, there.positions, None)]
    for line, is_cash in sorted(lines, key=lambda each: each[1]):  # units first: what explains them moved cash, too
        if not line.differs(is_cash) or (there.open and _is_open(book, line, is_cash)):
            continue
        of_line = [each for each in causes if (each.account, each.of) == (line.account, line.of)]
        own = [each for each in of_line if not _is_choice(each.name, there.positions.file)]
        given = [each for each in own if is_cash and each.name in sure]
        rest = line.difference - sum((each.amount or NO_AMOUNT for each in given), NO_AMOUNT)
        if abs(rest) > line.rounding(is_cash):
            more = fewest(rest, [each for each in own if each not in given], line.rounding(is_cash))
            given, rest = [*given, *more], NO_AMOUNT if more else rest
        else:
            rest = NO_AMOUNT
        names = tuple(dict.fromkeys(each.name for each in given))
        sure |= set(names)
        choices = tuple(each.name for each in of_line if each not in own and each.amount == rest)
        sentence = f"{_words(line, is_cash, book, there.positions.file, names)}; {_why(names, rest, bool(choices))}"
        found.append(
            BookDifference(line.account, line.of, is_cash, line.book, line.broker, names, rest, sentence, choices)
        )
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


def _why(names: Sequence[str], rest: Decimal, has_choices: bool) -> str:
    part = f", {listed(names)} a part of it" if names else ""
    if has_choices:
        kinds = f"{listed(COMING_KINDS if rest > 0 else GOING_KINDS, 'or')}, which a person has to say"
        return f"of {abs(rest):,.2f} the kind is not known: {kinds}{part}"
    return f"nothing that is listed explains it{part}" if rest else f"explained by {listed(names)}, which is not booked"


def stray_activity(found: Collection[BookDifference], there: AtVenue, others: Collection[str]) -> Activity:
    """Fills of the assets that differ, and amounts of cash, by which the venue may explain differences.

    What it states as earned or paid can be booked; a deposit, a withdrawal or what is of no known kind, a person books.
    others : client ids of the orders of other portfolios.
    """
    assets = {each.of for each in found if not each.is_cash}
    fills = tuple(each for each in there.fills if each.asset in assets and each.order_id not in others)
    earned = tuple(each for each in there.cash if each.kind in EARNED)
    return Activity(fills, entries=earned, proposals=tuple(each for each in there.cash if each not in earned))


def stray_cash(found: Collection[BookDifference], venue: str, day: date) -> Activity:
    """Amounts that explain the cash that differs, each in the kinds that it may be of.

    None while units differ that nothing explains.
    """
    if any(each.rest and not each.is_cash for each in found):
        return Activity(())
    proposals = []
    for each in found:
        for kind in (COMING_KINDS if each.rest > 0 else GOING_KINDS) if each.rest else ():
            about = (f"{venue}{CHOICE}{kind}", f"{day}", f"{abs(each.rest):f}", each.of, each.account)
            name = "-".join(filter(None, about))
            proposals.append(CashEntry(name, kind, day, each.account, each.of, each.rest))
    return Activity((), proposals=tuple(proposals))


def without_choices(book: Book, venue: str) -> Book:
    """The book without the open amounts that earlier comparisons with a venue proposed."""
    return replace(book, items=tuple(item for item in book.items if item.resolved or not _is_choice(item.name, venue)))


def _is_choice(name: str, venue: str) -> bool:
    return name.startswith(f"{venue}{CHOICE}")


def reality_of(
    found: tuple[BookDifference, ...], book: str, venue: str, later: str = "", rests: Sequence[BookSplit] = ()
) -> Reality:
    """The outcome of a comparison.

    book, venue : their names.
    later       : the day of the venue where the cycle is of an earlier one, or "".
    rests       : splits that the venue does not show yet, whose assets rest.
    """
    if not found:
        late = "".join(f" {venue} does not show {each.name} yet: {each.asset} is not traded." for each in rests)
        return Reality(f"Book {book} and {venue} agree.{late}", agrees=True)
    names = list(dict.fromkeys(name for each in found for name in each.names))
    calls = [f"rebalance desk book settle {book} {' '.join(names)}"] if names else []
    for name in (name for each in found for name in each.choices):
        kind = name.removeprefix(f"{venue}{CHOICE}").partition("-")[0]
        calls.append(f"rebalance desk book settle {book} {name}  # if it is of the kind {kind}")
    if any(each.rest and not each.choices for each in found) and not later:
        calls.append(
            f"rebalance desk book fill {book} FILE, a table of the trades, deposits and withdrawals made by hand"
        )
    since = f": {venue} is at {later}, and the cycle is of an earlier day" if later else ""
    return Reality(f"Book {book} and {venue} differ{since}.", False, found, tuple(calls))
