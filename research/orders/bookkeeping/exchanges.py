"""Mergers, renamings, spin-offs, delistings, and units that come from other accounts, from a table, into a book."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from foundation.arguments import did_you_mean
from foundation.dataclasses import dataclass, replace
from foundation.errors import DataError
from foundation.table_files import header_of, iso_day, quoted, read_rows
from research.orders.booking import check_units
from research.portfolio import Portfolio
from research.portfolio.holdings.blotter import NO_AMOUNT, BookExchange, BookTransfer
from research.portfolio.holdings.book import Book

EXCHANGE = (("asset", "date", "into"), ("units", "cash", "currency", "price", "cost_share"))  # needed columns, others
TRANSFER = (("asset", "date", "units", "acquired", "price"), ("account", "currency", "id"))
PLAIN_NUMBER_FIX = "Write a plain number"


def is_table_of_exchanges(header: Collection[str]) -> bool:
    """True for a header with a column `into` or `acquired`."""
    return "into" in header or "acquired" in header


def with_exchanges(book: Book, portfolio: Portfolio, path: Path) -> tuple[Book, tuple[str, ...]]:
    """The book after the events of a table that it has not, and a sentence on each.

    A table of exchanges has the columns asset, date and into, and perhaps units (of `into` for one), cash (for one),
    currency, price (of a unit of `into`) and cost_share; one of transfers asset, date, units, acquired and price, and
    perhaps account, currency and id.
    Raises : DataError for the mistakes of rows, all in one message, and for events that leave less than nothing.
    """
    reader = _Reader(book, portfolio)
    exchanges, transfers = tuple[BookExchange, ...](), tuple[BookTransfer, ...]()
    if "into" in header_of(path):
        read = read_rows(path, *EXCHANGE, row_of=reader.exchange)
        exchanges = tuple(each for each in dict.fromkeys(read) if each not in book.exchanges)
        for each in exchanges:
            _check_lots(portfolio, each)
    else:
        came = read_rows(path, *TRANSFER, row_of=reader.transfer)
        transfers = tuple(each for each in came if each not in book.transfers)
        _check_ids(path.name, came, transfers, book)
    gone = {each.asset for each in exchanges if each.share == 1}
    orders = zip(book.sent, book.blotter.orders, strict=True)
    sent = tuple(order for order, now in orders if not (now.left and order.asset in gone))
    made = replace(book, exchanges=(*book.exchanges, *exchanges), transfers=(*book.transfers, *transfers), sent=sent)
    check_units(made, portfolio, book)
    words = [each.words for each in exchanges]
    words += [f"{each.transfer_id}: {each.units.normalize():f} {each.asset} on {each.day}" for each in transfers]
    return made, tuple(words)


def _check_lots(portfolio: Portfolio, exchange: BookExchange) -> None:
    """Raise DataError for units without tax lots that become those of an asset that has some."""
    tax, assets = portfolio.tax_lots, portfolio.market.assets
    if tax is None or exchange.into not in assets or exchange.asset not in assets:
        return
    has = [bool(tax.lots[i] or tax.sheltered[i]) for i in map(assets.index, (exchange.asset, exchange.into))]
    if has == [False, True] and portfolio.shares[assets.index(exchange.asset)] > 0:
        raise DataError(
            f"{exchange.words}: {exchange.asset} has no tax lots, and {exchange.into} has: cost and days of its units "
            f"are not known. Book two transfers of units in its place, one of {exchange.asset} that goes and one of "
            f"{exchange.into} that comes, which states `acquired` and `price`."
        )


def _check_ids(file: str, came: Sequence[BookTransfer], new: Sequence[BookTransfer], book: Book) -> None:
    """Raise DataError for an id that is there twice, and for one under which another content is booked."""
    booked = {each.transfer_id for each in book.transfers}
    for name, count in Counter(each.transfer_id for each in came).items():
        if count > 1:
            raise DataError(f"{file}: id {name} is there twice. Give each transfer an id of its own.")
    for each in new:
        if each.transfer_id in booked:
            raise DataError(f"{file}: {each.transfer_id} is booked otherwise. Give this one its own id.")


@dataclass(frozen=True)
class _Reader:
    """Reads the rows of a table for a book."""

    book: Book
    portfolio: Portfolio

    def exchange(self, cells: dict[str, str]) -> BookExchange:
        """The exchange of a row. Raises DataError for what is wrong in it."""
        asset, day, into = self._asset(cells), self._day(cells, "date"), cells.get("into", "")
        if into and into not in (assets := self.portfolio.market.assets):
            told = f"into is {quoted(into)}, no asset of the portfolio: add it to `lines`."
            raise DataError(f"{told} {did_you_mean(into, assets)}")
        if into == asset:
            raise DataError(f"into is {quoted(into)}, the asset itself: a split comes from the market's data.")
        by, cash = self._number(cells, "units"), self._number(cells, "cash")
        share, price = self._number(cells, "cost_share", Decimal(1)), self._number(cells, "price")
        if (by > 0) != bool(into) or not (0 < share <= 1):
            raise DataError("units are those of `into` for one, and cost_share is above 0, at most 1. Correct the row.")
        if not into and "cash" not in cells:
            raise DataError("neither `into` nor cash: write what is paid for a unit, 0 where it is worthless.")
        if into and cash and not price:
            raise DataError(f"cash beside {into}, without its price: gains on the cash are reckoned by it. Give price.")
        made = BookExchange(asset, day, into, by, cash, self._currency(cells), price, share)
        if same := [each for each in self.book.exchanges if each.name == made.name and each != made]:
            raise DataError(f"{made.name} is booked otherwise: {same[0].words}. Open the book anew to change it.")
        return made

    def transfer(self, cells: dict[str, str]) -> BookTransfer:
        """The transfer of a row; its id is made of its content where it states none. Raises as `exchange` does."""
        asset, day, account = self._asset(cells), self._day(cells, "date"), cells.get("account", "")
        if account not in (names := self.portfolio.account_names):
            raise DataError(f"account is {quoted(account)}. {did_you_mean(account, names)}")
        units = self._number(cells, "units", least=None)
        acquired = self._day(cells, "acquired", earlier=True)
        if not units or acquired > day:
            raise DataError("units that are none, or were acquired after they came. Correct the row.")
        if units > 0 and "price" not in cells:
            raise DataError("no price: write what a unit that came had cost, 0 where it had cost nothing.")
        named = cells.get("id", "-".join(filter(None, ("transfer", asset, f"{day}", account, f"{units:f}"))))
        return BookTransfer(named, day, account, asset, units, acquired, self._number(cells, "price"),
                            self._currency(cells))  # fmt: skip

    def _asset(self, cells: dict[str, str]) -> str:
        asset = cells.get("asset", "")
        held = dict.fromkeys((*(a for of in self.book.holders for a in of.units), *self.portfolio.market.assets))
        if asset not in held:
            told = f"asset is {quoted(asset)}, which book {self.book.name} does not hold."
            raise DataError(f"{told} {did_you_mean(asset, list(held))}")
        return asset

    def _day(self, cells: dict[str, str], name: str, *, earlier: bool = False) -> date:
        if (found := iso_day(cells.get(name, ""))) is None:
            raise DataError(f"{name} is {quoted(cells.get(name, ''))}. Write it as YYYY-MM-DD.")
        day: date = found.astype(object)
        if day <= self.book.opened and not earlier:
            raise DataError(f"{name} is {day}, and the holdings of {self.book.opened} have it in them.")
        return day

    def _number(
        self, cells: dict[str, str], name: str, none: Decimal = NO_AMOUNT, least: Decimal | None = NO_AMOUNT
    ) -> Decimal:
        if name not in cells:
            return none
        try:
            found = Decimal(cells[name])
        except ArithmeticError:
            raise DataError(f"{name} is {quoted(cells[name])}. {PLAIN_NUMBER_FIX}.") from None
        if not found.is_finite() or (least is not None and found < least):
            raise DataError(f"{name} is {quoted(cells[name])}. {PLAIN_NUMBER_FIX}, at least 0.")
        return found

    def _currency(self, cells: dict[str, str]) -> str:
        stated, known = cells.get("currency", self.book.basis).upper(), self.book.money
        if stated not in known:
            raise DataError(f"currency is {quoted(stated)}. The book has cash in {', '.join(sorted(known))}.")
        return stated
