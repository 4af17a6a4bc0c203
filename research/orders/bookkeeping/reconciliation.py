"""A book, a broker's positions and a portfolio file asset by asset: differences, and what could explain them."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain, combinations
from typing import NamedTuple

from foundation.canonical import decimal
from foundation.dataclasses import dataclass, replace
from foundation.paper.wording import listed
from research.orders.booking import events_since
from research.orders.bookkeeping.importing import fill_of_item, names_by_number
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, SIGN_OF_SIDE, summed
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.held_rows import Positions

SAME_UNITS, SAME_CASH = Decimal("1e-9"), Decimal("0.005")  # differences that are none: fraction of units, currency
SHOWN_CAUSES = 5  # of those that may be a part of a difference
MAX_TOGETHER = 12  # causes of which sums are tried
ALL_ACCOUNTS = "all accounts"  # name of their sum, where the broker's file names none


class Cause(NamedTuple):
    """Something that could make a broker's amount differ from the book's.

    amount : the broker's less the book's; None where it is not known.
    words  : in words.
    name   : name by which the book would book it, or "".
    """

    account: str
    of: str
    amount: Decimal | None
    words: str
    name: str = ""


@dataclass(frozen=True)
class ReconciledLine:
    """Units of an asset, or cash in a currency, of one account.

    account : name of the account, or "".
    of      : asset or currency.
    book    : amount in the book.
    broker  : amount in the broker's file, 0 where it has no row.
    file    : amount that the portfolio file states, None where it states none.
    causes  : what could explain the difference, in words; () without one.
    """

    account: str
    of: str
    book: Decimal
    broker: Decimal
    file: Decimal | None
    causes: tuple[str, ...] = ()

    @property
    def difference(self) -> Decimal:
        """The broker's amount less the book's."""
        return self.broker - self.book

    def differs(self, is_cash: bool) -> bool:
        """True if the amounts differ by more than rounding."""
        return abs(self.difference) > self.rounding(is_cash)

    def rounding(self, is_cash: bool) -> Decimal:
        """The largest difference that is none."""
        return SAME_CASH if is_cash else SAME_UNITS * max(abs(self.book), abs(self.broker))


def reconcile_positions(
    book: Book, portfolio: Portfolio, positions: Positions, stated: Book | None
) -> tuple[ReconciledLine, ...]:
    """Each asset and currency of each account, those that differ with their causes.

    portfolio : of the book.
    positions : the broker's.
    stated    : a book of what the portfolio file states, or None where it states no holdings.
    """
    apart = bool(portfolio.accounts) and bool(positions.accounts)
    of_book, of_file = (_amounts(each, apart) for each in (book, stated))
    of_broker = _of_broker(positions, names_by_number(portfolio), apart)
    currencies = {code for holder in book.holders for code in holder.cash} | {row.currency for row in positions.cash}
    known = (_open_orders(book), _items(book, portfolio), _events(book, portfolio), _fractions(book), _of_fills(book))
    causes = [cause._replace(account=_where(cause.account, apart)) for cause in chain(*known)]
    lines = []
    for account, of in dict.fromkeys((*of_book, *of_broker)):
        amounts = (of_book.get((account, of), NO_AMOUNT), of_broker.get((account, of), NO_AMOUNT))
        line = ReconciledLine(account, of, *amounts, of_file.get((account, of)))
        if line.differs(of in currencies):
            here = [cause for cause in causes if (cause.account, cause.of) == (account, of)]
            without = () if (account, of) in of_broker else ("the broker's file has no row of it",)
            line = replace(line, causes=(*_explained(line.difference, here), *without))
        lines.append(line)
    return tuple(lines)


def _amounts(book: Book | None, apart: bool) -> dict[tuple[str, str], Decimal]:
    """By account, and asset or currency, the amounts of a book; summed over accounts where these are not apart."""
    return summed(
        ((_where(holder.account, apart), of), amount)
        for holder in (() if book is None else book.holders)
        for of, amount in (*holder.units.items(), *holder.cash.items())
    )


def _where(account: str, apart: bool) -> str:
    return account if apart or not account else ALL_ACCOUNTS


def _of_broker(positions: Positions, names: Mapping[str, str], apart: bool) -> dict[tuple[str, str], Decimal]:
    """The same of a broker's file. names : by number, names of accounts."""
    total = ALL_ACCOUNTS if names else ""
    rows = [(row.account, row.asset, row.units) for row in positions.held]
    rows += [(row.account, row.currency, row.amount) for row in positions.cash]
    return summed(((names.get(account, account) if apart else total, of), decimal(n)) for account, of, n in rows)


# -- causes ------------------------------------------------------------------------------------------------------------


def _explained(difference: Decimal, causes: Sequence[Cause]) -> tuple[str, ...]:
    """The causes of just this difference; else the fewest that are together; else those that may be a part of it."""
    if exact := [cause.words for cause in causes if cause.amount == difference]:
        return tuple(exact)
    causes = [cause for cause in causes if not cause.words.startswith(BOOKED)]
    parts = [cause.words for cause in causes]
    if some := fewest(difference, causes):
        return (f"together {listed([cause.words for cause in some])}",)
    if not parts:
        return ("nothing that the book knows explains it",)
    more = [f"{len(parts) - SHOWN_CAUSES:,} more"] if len(parts) > SHOWN_CAUSES else []
    return (f"perhaps in part {listed([*parts[:SHOWN_CAUSES], *more])}",)


def fewest(difference: Decimal, causes: Sequence[Cause], rounding: Decimal = NO_AMOUNT) -> tuple[Cause, ...]:
    """The fewest of the first causes that are a difference together, but for rounding; () where none are."""
    known = [cause for cause in causes if cause.amount][:MAX_TOGETHER]
    for count in range(1, len(known) + 1):
        for some in combinations(known, count):
            if abs(sum((cause.amount or NO_AMOUNT for cause in some), NO_AMOUNT) - difference) <= rounding:
                return some
    return ()


BOOKED = "booked and perhaps not at the broker"  # begins the words of a fill that stands in the book


def named_causes(book: Book, portfolio: Portfolio) -> tuple[Cause, ...]:
    """The causes that a book lists by name and has not booked: splits and dividends, then its items."""
    return (*_events(book, portfolio), *_items(book, portfolio))


def _open_orders(book: Book) -> Iterator[Cause]:
    for order in book.blotter.open:
        left = f"{order.left.normalize():,f}"
        words = f"a fill of {order.order_id or 'an order'} to {order.side} {order.asset}, of which {left} is open"
        yield Cause(order.account, order.asset, SIGN_OF_SIDE[order.side] * order.left, words)
        for currency in (code for of in book.holders if of.account == order.account for code in of.cash):
            yield Cause(order.account, currency, None, words)


def _items(book: Book, portfolio: Portfolio) -> Iterator[Cause]:
    names = names_by_number(portfolio)
    for item in book.open_items:
        words = f"{item.name}, which is not booked"
        if item.entry:
            yield Cause(item.entry.account, item.entry.currency, item.entry.amount, words, item.name)
        elif fill := fill_of_item(item):
            account, way = names.get(fill.account, fill.account), SIGN_OF_SIDE[fill.side]
            units = fill.quantity * book.blotter.factor(fill.asset, fill.day(portfolio.market.calendar))
            yield Cause(account, fill.asset, way * units, words, item.name)
            fees = sum(fill.fees.values(), NO_AMOUNT)
            yield Cause(account, fill.currency, -way * fill.quantity * fill.price - fees, words, item.name)
        else:
            for row in book.blotter.rows_of(item.corrects):
                units = row.units * book.blotter.factor(row.asset, row.day)
                yield Cause(row.account, row.asset, -units, words, item.name)
                yield Cause(row.account, row.currency, -row.cash, words, item.name)


def _fractions(book: Book) -> Iterator[Cause]:
    """The fractions of a unit that splits left, which brokers pay in cash."""
    split = {each.asset: each.name for each in book.splits}
    for of in book.holders:
        for asset, name in split.items():
            if part := of.units.get(asset, NO_AMOUNT) % 1:
                sale = f"book it as a sale of {part.normalize():f} {asset}"
                words = f"a fraction of a unit after {name}, paid in cash: {sale}"
                yield Cause(of.account, asset, -part, words)


def _events(book: Book, portfolio: Portfolio) -> Iterator[Cause]:
    for event in events_since(book, portfolio):
        words = f"{event.name}, which is not booked"
        for account, cash in event.cash.items():
            yield Cause(account, event.currency, cash, words, event.name)
        for account, more in event.units.items():
            yield Cause(account, event.asset, more, words, event.name)


def _of_fills(book: Book) -> Iterator[Cause]:
    """Fills that have not settled by the day of the last trade, and fills that stand in the book alone."""
    for (account, currency), cash in book.blotter.unsettled(book.last_trade).items():
        yield Cause(account, currency, -cash, f"cash of fills that settle after {book.last_trade}")
    for row in book.blotter.standing:
        words = f"{BOOKED}: fill {row.fill_id.removeprefix(':')} of {row.day}"
        yield Cause(row.account, row.asset, -row.units * book.blotter.factor(row.asset, row.day), words)
        yield Cause(row.account, row.currency, -row.cash, words)
