"""The book of a portfolio, which `positions: {book: NAME}` reads: what it held at first, and what happened since.

What it holds is the fold of that: events count in the order of their days, splits before trades, whenever they came to
be known. A fill stands in units of its day.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Any, ClassVar, Literal

from pydantic import TypeAdapter

from foundation.dataclasses import dataclass, field, replace
from foundation.errors import DataError
from foundation.paper.wording import counted, listed
from research.market import Market
from research.portfolio.holdings.blotter import (
    EXACT,
    NO_AMOUNT,
    Blotter,
    BookedFill,
    BookExchange,
    BookSplit,
    BookTransfer,
    SentOrder,
    is_of_order,
)
from research.portfolio.holdings.cash_entries import PAY_DAYS, CashEntry, market_entry
from research.portfolio.holdings.held_rows import CashLine, HeldRow, Positions
from research.portfolio.holdings.market_events import dividends_since, splits_since
from research.portfolio.holdings.rates import rounded

BOOK_SCHEMA = 3  # version of docs/schemas/book-3.json
Resolved = Literal["", "booked", "dismissed"]  # of an item of a book
BookEvent = BookSplit | BookExchange | BookTransfer | BookedFill | CashEntry
Amounts = dict[str, dict[str, Decimal]]  # by account, of assets or currencies


@dataclass(frozen=True)
class Holder:
    """The holdings of one account.

    account : name in the portfolio file, "" where the portfolio has no accounts.
    units   : by asset; of an asset without a quote, an amount of its currency.
    cash    : by currency.
    """

    account: str
    units: Mapping[str, Decimal]
    cash: Mapping[str, Decimal]


@dataclass(frozen=True)
class HeldLot:
    """Units of an asset that were bought together, as `TaxLot`: `price` is currency of the portfolio per unit."""

    asset: str
    account: str
    date: date
    units: float
    price: float
    tacked: int | None = None
    borne: float = 0.0


@dataclass(frozen=True)
class BookLots:
    """Tax lots, and what was sold before.

    lots         : the lots.
    sold_at_loss : by asset, day of its last sale at a loss.
    realised     : by year, net gains realised, currency.
    """

    lots: tuple[HeldLot, ...]
    sold_at_loss: Mapping[str, date]
    realised: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Opening:
    """The state of a book when it was opened, or at the close of a later day.

    last_trade : day of the last trade.
    holders    : what each account held.
    lots       : tax lots; None where the portfolio has none.
    has        : ids of fills and entries, and names of splits and dividends, that it has in it: of earlier versions.
    day        : the later day, up to which events are in its holders, and not in its lots; else None.
    earlier    : holders at the close of days before the later day, without their cash: of the first one that is known,
                 and of each on which something happened.
    fills      : numbers of fills up to the later day, as `Book.fills_until` gives them.
    """

    last_trade: date
    holders: tuple[Holder, ...]
    lots: BookLots | None = None
    has: tuple[str, ...] = ()
    day: date | None = None
    earlier: tuple[tuple[date, tuple[Holder, ...]], ...] = ()
    fills: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class BookItem:
    """A row of a broker's file that was not booked; it is listed until it is resolved by its name.

    name     : its name.
    why      : why it was not booked, in words.
    fill     : the fill, as a row of a table of fills states it; {} if it is none.
    entry    : the amount of cash, or None.
    undoes   : of a bust or a correction, its id; else "".
    corrects : venue and id of the fill that it takes back, "" where the file does not state it.
    resolved : "", "booked" or "dismissed".
    """

    name: str
    why: str
    fill: Mapping[str, str] = field(default_factory=dict)
    entry: CashEntry | None = None
    undoes: str = ""
    corrects: str = ""
    resolved: Resolved = ""


@dataclass(frozen=True)
class FileReading:
    """The statements of the user on brokers' files of a book, which count for later ones, too.

    columns  : by field, the header's name of its column.
    symbols  : by the broker's symbol, the asset that it is, or "ignore".
    accounts : accounts in them that are the portfolio's, where it has none by name; () for all.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reconciled:
    """The last comparison of a book with a broker's positions: its day, the file, and how many amounts differed."""

    day: date
    file: str
    differing: int


@dataclass(frozen=True)
class Book:
    """The holdings of a portfolio when its book was opened, and what happened since.

    name       : name of the book.
    file       : the portfolio file.
    basis      : currency of the portfolio.
    opened     : close up to which the holdings were stated when it was opened.
    opening    : its state then.
    unquoted   : assets without a quote, which are held in currency.
    asked      : close at which the orders that were sent last were sized, or None.
    ticket     : hash of their ticket, or "".
    sent       : these orders, as they were sent.
    fills      : all fills that were booked, in the order in which they were booked; a fill that was taken back has rows
                 of its id that sum to nothing.
    splits     : splits that were booked.
    exchanges  : mergers, renamings, spin-offs and delistings.
    transfers  : units that came from, or went to, other accounts.
    entries    : cash that came and went without an order, in the order in which it was booked.
    items      : rows of brokers' files that were not booked by themselves.
    kept_gains : by year, the gains that a book of version 2 kept, until a person takes those by the day of each sale.
    kept_fills : the number of rows of fills that it had then.
    schema     : version of the file.
    reading    : what the user said of brokers' files.
    reconciled : the last comparison with a broker's positions, or None.
    rows       : number of the rows of its file that it was read from.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    file: str
    basis: str
    opened: date
    opening: Opening
    unquoted: tuple[str, ...] = ()
    asked: date | None = None
    ticket: str = ""
    sent: tuple[SentOrder, ...] = ()
    fills: tuple[BookedFill, ...] = ()
    splits: tuple[BookSplit, ...] = ()
    entries: tuple[CashEntry, ...] = ()
    items: tuple[BookItem, ...] = ()
    kept_gains: Mapping[str, float] | None = None
    kept_fills: int = 0
    schema: int = BOOK_SCHEMA
    exchanges: tuple[BookExchange, ...] = ()
    transfers: tuple[BookTransfer, ...] = ()
    reading: FileReading = FileReading()
    reconciled: Reconciled | None = None
    rows: int = field(default=0, compare=False)

    # -- the fold ----------------------------------------------------------------------------------------------------

    @cached_property
    def holders(self) -> tuple[Holder, ...]:
        """The holdings of each account after all that happened."""
        (found,) = self.holders_before([date.max])
        return found

    def holders_before(self, days: Iterable[date]) -> Iterator[tuple[Holder, ...]]:
        """The holdings of each account before the open of each of some days, the earliest first, in units of then."""
        units = {of.account: dict(of.units) for of in self.opening.holders}
        cash = {of.account: dict(of.cash) for of in self.opening.holders}
        events, k = self._happened, 0
        for day in days:
            if self.opening.day and day <= self.opening.day:
                known = [holders for close, holders in self.opening.earlier if close < day]
                if not known:
                    raise ValueError(f"book {self.name} does not say what was held before {day}: read it whole")
                yield known[-1]
                continue
            while k < len(events) and events[k].day < day:
                self._move(events[k], units, cash)
                k += 1
            yield tuple(Holder(name, dict(units[name]), dict(cash[name])) for name in units)

    def _move(self, event: BookEvent, units: Amounts, cash: Amounts) -> None:
        """Let an event change the units and the cash of accounts."""
        if isinstance(event, BookSplit):
            for account, held in units.items():
                if event.asset in held:
                    if paid := event.paid(held[event.asset]):
                        _add(cash[account], event.currency, rounded(event.currency, paid))
                    held[event.asset] = event.after(held[event.asset])
        elif isinstance(event, BookExchange):
            for account, held in units.items():
                _exchange(event, held, cash[account])
        elif isinstance(event, BookTransfer):
            _add(units[event.account], event.asset, event.units)
        elif isinstance(event, BookedFill):
            if event.asset not in self.money:
                more = event.amount if event.asset in self.unquoted else event.units
                _add(units[event.account], event.asset, more)
            _add(cash[event.account], event.currency, event.cash)
        else:
            moved = units if event.currency in units[event.account] else cash
            _add(moved[event.account], event.currency, event.amount)

    @cached_property
    def _happened(self) -> list[BookEvent]:
        """The events by day; on one day splits, exchanges and transfers come before the rest.

        Raises : ValueError where the market's data alone know a split of a day before those that the book has.
        """
        begun = self.opening.day or date.min
        if any(split.assumed and split.day <= begun for split in self.splits):
            raise ValueError(f"book {self.name} begins on {begun}, after a split that is not booked")
        entries = (entry for entry in self.entries if entry.entry_id not in self._has)
        all_of: list[BookEvent] = [*self.splits, *self.exchanges, *self.transfers, *self.new_fills, *entries]
        since = (each for each in all_of if each.day > begun or (isinstance(each, CashEntry) and each.assumed))
        return sorted(since, key=lambda each: each.day)

    @property
    def event_days(self) -> set[date]:
        """The days of the events that it has since its opening."""
        return {each.day for each in self._happened}

    @cached_property
    def _has(self) -> frozenset[str]:
        return frozenset(self.opening.has)

    @cached_property
    def money(self) -> frozenset[str]:
        """The currencies in which cash is or was."""
        opened = {currency for of in self.opening.holders for currency in of.cash}
        return frozenset({self.basis, *opened, *(row.currency for row in self.fills)})

    @property
    def new_fills(self) -> tuple[BookedFill, ...]:
        """The rows of fills since it was opened."""
        return tuple(row for row in self.fills if row.fill_id not in self._has)

    @cached_property
    def blotter(self) -> Blotter:
        """The orders that were sent last, in units of now, with what is filled of them, and all fills."""
        blotter = Blotter(self.asked, self.ticket, (), self.fills, self.splits)
        return replace(blotter, orders=tuple(self._orders(blotter)))

    def _orders(self, blotter: Blotter) -> Iterator[SentOrder]:
        rows: dict[str, list[BookedFill]] = {}
        for row in Blotter(fills=self.new_fills).standing:
            rows.setdefault(row.order_id, []).append(row)
        for order in self.sent:
            of_id = rows.get(order.order_id, ()) if order.order_id else ()
            own = [row for row in of_id if is_of_order(row, order)]
            fees = dict(order.fees)
            for row in own:
                for name, fee in row.fees.items():
                    _add(fees, name, fee)
            amounts = [abs(row.amount) for row in own]
            units = [abs(row.units) * blotter.factor(order.asset, row.day) for row in own]
            by = Decimal(1) if order.in_money or self.asked is None else blotter.factor(order.asset, self.asked)
            yield replace(
                order,
                quantity=order.quantity * by,
                price=order.price and order.price / float(by),
                filled=order.filled * by + sum(amounts if order.in_money else units, NO_AMOUNT),
                notional=order.notional + sum(amounts, NO_AMOUNT),
                fees=fees,
            )

    @property
    def last_trade(self) -> date:
        """The day of the last trade."""
        return max([self.opening.last_trade, *(row.day for row in self.blotter.standing)])

    def fills_until(self, last: date) -> tuple[int, int, int]:
        """The numbers of fills up to a day that stand, of those that no id of an order chose, of those taken back."""
        blotter = replace(self.blotter, fills=tuple(row for row in self.fills if row.day <= last))
        stand, by_rule = ({row.fill_id for row in blotter.standing if row.by_rule >= rule} for rule in (False, True))
        found = len(stand), len(by_rule), len(blotter.corrections)
        return tuple(map(sum, zip(self.opening.fills, found, strict=True)))  # type: ignore[return-value]

    def with_splits_of(self, market: Market) -> "Book":
        """The book with the splits since it was opened that are not booked, as the market's data know them.

        market : market of its assets, as it is quoted.
        """
        held = {asset for of in self.opening.holders for asset in of.units} | {row.asset for row in self.fills}
        held |= {each.into for each in self.exchanges} | {each.asset for each in self.transfers}
        known, found = {each.name for each in self.splits} | self._has, list[BookSplit]()
        for split in splits_since(market, self.opened):
            if split.asset in held and split.name not in known:
                found.append(split)
        return replace(self, splits=(*self.splits, *found)) if found else self

    def dividends_of(self, market: Market) -> Iterator[CashEntry]:
        """The dividends since it was opened as the market's data know them, one an account, by day, booked or not.

        A dividend is of the units that were held before the open of its ex-date. Those of days of which a book that
        begins later does not know what was held are not there.
        market : market of its assets, as it is quoted.
        """
        known = self.opening.earlier[0][0] if self.opening.day else self.opened
        paid = list(dividends_since(market, known))
        before = self.with_splits_of(market).holders_before(each.day for each in paid)
        for each, held in zip(paid, before, strict=True):
            for of in held:
                if cash := rounded(each.currency, of.units.get(each.asset, NO_AMOUNT) * each.paid):
                    entry, about = market_entry(each.name, of.account), (each.currency, cash, each.asset, "", each.name)
                    yield CashEntry(entry, "dividend", each.day, of.account, *about)

    def with_dividends_of(self, market: Market) -> "Book":
        """The book with the dividends of the last `PAY_DAYS` that are not booked: they are owed from their ex-dates on.

        market : as for `dividends_of`.
        """
        first = market.dates[-1].date() - timedelta(days=PAY_DAYS)
        owed = [replace(each, assumed=True) for each in self.unpaid_of(market) if each.day >= first]
        return replace(self, entries=(*self.entries, *owed)) if owed else self

    def unpaid_of(self, market: Market) -> Iterator[CashEntry]:
        """Those of `dividends_of` that are not booked, nor paid by an entry that came before the data knew of them."""
        paid = {(entry.event, entry.account) for entry in self.entries}
        early = [each for each in self.entries if each.kind == "dividend" and not each.event]
        for each in self.dividends_of(market):
            if (each.event, each.account) in paid or each.event in self._has:
                continue
            same = [of for of in early if (of.asset, of.account) == (each.asset, each.account)]
            near = [of for of in same if each.is_paid_by(of.day) and of.currency == each.currency]
            if near:
                early.remove(min(near, key=lambda of: abs(of.amount - each.amount)))
            else:
                yield each

    @property
    def owed(self) -> tuple[CashEntry, ...]:
        """The dividends that the market's data alone know."""
        return tuple(each for each in self.entries if each.assumed)

    def taken_out(self, known: Collection[str]) -> "Book":
        """The book with fills and entries that its opening has, by their ids, among those since."""
        known = self._has.intersection(known)
        if not known:
            return self
        of_opening = replace(self.opening, has=())
        fills = tuple(replace(row, units=-row.units, cash=-row.cash) for row in self.fills if row.fill_id in known)
        entries = tuple(replace(of, amount=-of.amount) for of in self.entries if of.entry_id in known)
        before = replace(self, opening=of_opening, splits=(), fills=fills, entries=entries).holders
        has = tuple(each for each in self.opening.has if each not in known)
        rows = [row for row in self.fills if row.fill_id in known]
        sent = tuple(_without(order, [row for row in rows if is_of_order(row, order)]) for order in self.sent)
        return replace(self, opening=replace(self.opening, holders=before, has=has), sent=sent)

    # -- what it says ------------------------------------------------------------------------------------------------

    @property
    def booked(self) -> "Book":
        """The book without what the market's data alone know."""
        splits = tuple(each for each in self.splits if not each.assumed)
        return replace(self, splits=splits, entries=tuple(each for each in self.entries if not each.assumed))

    @property
    def open_items(self) -> tuple[BookItem, ...]:
        """The items that are not resolved."""
        return tuple(item for item in self.items if not item.resolved)

    @property
    def pending(self) -> tuple[CashEntry, ...]:
        """The deposits and withdrawals of lists that are not booked yet."""
        return tuple(item.entry for item in self.open_items if item.entry and item.entry.event)

    def check_day(self, day: date, *, of_list: bool) -> None:
        """Raise DataError for the day of a list, or of fills, of which the book does not say what was held before.

        A list may be of the close at which the last one was made, although that was filled later.
        """
        last = (of_list and self.asked) or self.last_trade
        split = max((each for each in self.splits if not each.assumed), key=lambda each: each.day, default=None)
        if day < (first := max(self.opened, last, split.day if split else last)):
            traded = f" and last traded on {self.last_trade}" if self.last_trade > self.opened else ""
            traded += f", and {split.name} is booked" if split and day < split.day else ""
            raise DataError(
                f"book {self.name!r} was opened at the close of {self.opened}{traded}: it does not say what was "
                f"held on {day}. Give {first} or a later day."
            )

    @property
    def positions(self) -> Positions:
        """Its units and cash, as those of a broker's file; an asset that is not held has no row."""
        held = [
            HeldRow(asset, of.account, float(units), float(units) if asset in self.unquoted else None, None, row)
            for row, of in enumerate(self.holders, 1)
            for asset, units in of.units.items()
            if units
        ]
        cash = [
            CashLine(currency, of.account, float(amount), currency, row)
            for row, of in enumerate(self.holders, 1)
            for currency, amount in of.cash.items()
        ]
        return Positions(f"book {self.name}", tuple(held), tuple(cash), tuple(self._assumed()))

    def _assumed(self) -> Iterator[str]:
        """Sentences on what the market's data alone know: each split of what is held, and the dividends."""
        if of := self.reconciled:
            found = f"{counted(of.differing, 'amount')} differed" if of.differing else "they agreed"
            yield f"Book {self.name} was last reconciled at the close of {of.day}, with {of.file}: {found}."
        elif self.blotter.fills:
            yield f"Book {self.name} was never reconciled: rebalance desk book show {self.name} --positions FILE"
        splits = [each for each in self.splits if each.assumed]
        for split, held in zip(splits, self.holders_before(each.day for each in splits), strict=True):
            if any(of.units.get(split.asset) for of in held):
                yield (
                    f"{split.asset} was split on {split.day} by the market's data, {split.by.normalize():f} units for "
                    f"one: units, orders and lots of book {self.name} are counted after it. Book it once the broker "
                    f"shows it: rebalance desk book settle {self.name} {split.name}"
                )
        if self.owed:
            money = [f"{each.amount:,f} {each.currency} of {each.asset} (ex {each.day})" for each in self.owed]
            yield (
                f"Dividends by the market's data are owed to book {self.name}, count in NAV and are not spent: "
                f"{listed(money, most=5)}. The broker's entries of them are booked in their place"
            )


def _without(order: SentOrder, rows: Sequence[BookedFill]) -> SentOrder:
    """An order whose filled part has these rows in it, without them."""
    fees = dict(order.fees)
    for row in rows:
        for name, fee in row.fees.items():
            _add(fees, name, -fee)
    amount = sum((abs(row.amount) for row in rows), NO_AMOUNT)
    units = amount if order.in_money else sum((abs(row.units) for row in rows), NO_AMOUNT)
    return replace(order, filled=order.filled - units, notional=order.notional - amount, fees=fees)


def _exchange(event: BookExchange, held: dict[str, Decimal], cash: dict[str, Decimal]) -> None:
    """Let the units of an account become others."""
    before = held.get(event.asset, NO_AMOUNT)
    if event.into:
        _add(held, event.into, (before * event.by).quantize(EXACT))
    if event.share == 1:
        held[event.asset] = NO_AMOUNT
    _add(cash, event.currency, rounded(event.currency, before * event.cash))


def _add(amounts: dict[str, Decimal], of: str, amount: Decimal) -> None:
    amounts[of] = amounts.get(of, NO_AMOUNT) + amount


@cache
def book_adapter() -> TypeAdapter[Book]:
    """The reader of books, which also writes their schema."""
    return TypeAdapter(Book)


def book_schema() -> dict[str, Any]:
    """The JSON schema of a book, of draft 2020-12: each row of its file states a property, or an item of one."""
    made = book_adapter().json_schema(mode="serialization")
    properties = {name: of for name, of in made["properties"].items() if name != "rows"}
    properties |= {"schema": {"const": BOOK_SCHEMA}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "properties": properties}
