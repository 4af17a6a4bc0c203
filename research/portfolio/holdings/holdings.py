"""Holdings of a portfolio file that stand in files of their own: a broker's positions, and prices."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from foundation.arguments import LARGEST_NUMBER, did_you_mean
from foundation.errors import ConfigError, DataError, all_mistakes
from foundation.paper.wording import listed
from research.market import Market
from research.portfolio.file.document import Document
from research.portfolio.file.faults import Faults
from research.portfolio.file.kinds import Name, Text, Told, checked_by, record
from research.portfolio.file.known_on import books_moment
from research.portfolio.file.settings import read
from research.portfolio.file.strict_yaml import KeyPath
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import read_book
from research.portfolio.holdings.brokers.positions import CASH_WORD, DECLARED, IGNORE_WORD, odd_lots, read_positions
from research.portfolio.holdings.brokers.statement_day import age_note
from research.portfolio.holdings.currencies import read_balances
from research.portfolio.holdings.held_rows import HeldRow, Positions, rounding_of
from research.portfolio.holdings.prices import (
    APART,
    OK,
    SPLIT_RETURN,
    TAKEN,
    Prices,
    far_last_closes,
    last_closes,
    read_prices,
    right_all_the_same,
)
from research.portfolio.holdings.rates import PAIR_NAME, Rates

NOT_HELD = "not_held"  # key of the assets that a file of positions need not have
RATE_TOLERANCE = 0.02  # by which a rate of a broker may differ from that of the list before a note says so


def _decimal_fault(sign: str) -> str:
    return "" if sign in (".", ",") else "no decimal sign"


@record
class PositionKeys:
    """A book; or a broker's file of positions, its columns, what its symbols mean, and assets that it need not have."""

    file: Text | None = None
    book: Name | None = None
    columns: Annotated[Mapping[str, Text], Field(min_length=1)] | None = None
    symbols: Annotated[Mapping[str, Text], Field(min_length=1)] | None = None
    decimal: Annotated[str, checked_by(_decimal_fault, "Write '.' or ','.")] | None = None
    not_held: Annotated[Sequence[str], Field(min_length=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse neither file nor book, and what says how to read a file beside a book."""
        if (self.file is None) == (self.book is None):
            raise Told("states both a file and a book, or neither", "Give `file:`, or `book:`.")
        if self.book is not None and (self.columns or self.decimal or self.not_held):
            raise Told("a book has no columns or decimals", "Leave them out.", "book")


def given_book(document: Document) -> Book | None:
    """The book that `positions: {book: NAME}` names, or None.

    Raises : ConfigError for one that cannot be read, and for one of another portfolio file.
    """
    if not document.has("positions", "book"):
        return None
    name, key = read(document, ("positions",), PositionKeys).book, ("positions", "book")
    with document.placing(key, "positions"):
        book = read_book(name or "", str(document.file), books_moment(), date.max)
    if (of := Path(book.file).name) != (file := Path(document.file).name):
        document.refuse(key, f"the book belongs to {of}", name, f"Open one: rebalance desk book open {file} --as NAME")
    return book


def given_files(
    document: Document, quoted: Market, basis: str, book: Book | None = None
) -> tuple[Positions | None, Prices | None]:
    """The positions and the prices that have files of their own, None for each that has not.

    quoted : market of the assets of the portfolio, in the currencies in which they are quoted.
    basis  : currency of the portfolio.
    book   : book of the portfolio, in place of a file of positions, or None.
    Raises : ConfigError for a key or value that is wrong, for the mistakes of both files, for a last close that is far
             from where it should be, and for holdings whose value in the file is far from that at the list's price;
             all of them at once.
    """
    faults, right = Faults(), right_names(document, quoted.assets)
    positions, prices = None, None
    with faults:
        _check_closes(document, quoted, right)
    with faults:
        positions = (
            given_positions(document, quoted, basis) if book is None else _of_book(document, book, quoted, basis)
        )
    with faults:
        prices = given_prices(document, quoted, right)
    with faults:
        if positions is not None:
            _check_worth(document, quoted, positions, prices, right)
    faults.end()
    return positions, prices


def right_names(document: Document, assets: tuple[str, ...]) -> tuple[str, ...]:
    """The assets and pairs of currencies that `prices_ok` names. Raises ConfigError for what is neither."""
    return _names(document, (OK,), assets, pairs=True)


def _names(document: Document, path: KeyPath, assets: tuple[str, ...], *, pairs: bool = False) -> tuple[str, ...]:
    """The assets that a key names, or pairs of currencies. Raises ConfigError for what is none."""
    found, faults = document.value(*path, default=[]), Faults()
    for name in found:
        with faults:
            if name not in assets and not (pairs and PAIR_NAME.fullmatch(name)):
                what = "not an asset of the portfolio" + (", nor a pair of currencies" if pairs else "")
                document.refuse(path, what, name, did_you_mean(name, assets), name)
    faults.end()
    return tuple(found)


def _check_closes(document: Document, quoted: Market, right: Collection[str]) -> None:
    """Raise ConfigError for last closes that are far from where they should be, all of them at once."""
    if far := {asset: told for asset, told in far_last_closes(quoted).items() if asset not in right}:
        told = [f"{words}. Look for a split or a wrong price." for words in far.values()]
        with document.placing(("market",)):
            raise DataError(all_mistakes("the market", told, right_all_the_same(list(far))))


def position_keys(document: Document, assets: tuple[str, ...]) -> PositionKeys:
    """The keys of `positions`. Raises ConfigError for names that are no fields and no assets, all of them at once."""
    keys, faults = read(document, ("positions",), PositionKeys), Faults()
    for name in keys.columns or ():
        with faults:
            if name not in DECLARED:
                path = ("positions", "columns", name)
                document.refuse(path, "no field of positions", name, did_you_mean(name, DECLARED))
    known = (*assets, CASH_WORD, IGNORE_WORD)
    for symbol, meant in (keys.symbols or {}).items():
        with faults:
            if meant not in known:
                what = f"neither an asset of the portfolio nor {CASH_WORD} or {IGNORE_WORD}"
                document.refuse(("positions", "symbols", symbol), what, meant, did_you_mean(meant, known), meant)
    with faults:
        _names(document, ("positions", NOT_HELD), assets)
    faults.end()
    return keys


def given_positions(document: Document, quoted: Market, basis: str) -> Positions | None:
    """The positions that `positions` names, {file: …, columns: {asset: Symbol, …}, symbols: {BRKB: BRK.B}}, or None.

    An asset that the file does not have is taken for one that is not held only where `not_held` says so.

    quoted : market of the assets of the portfolio, in the currencies in which they are quoted.
    basis  : currency of the portfolio.
    Raises : ConfigError for a key or value that is wrong, for the mistakes of the file, all of them at once, and for
             assets that it does not have.
    """
    if not document.has("positions"):
        return None
    assets, path = quoted.assets, ("positions", "file")
    keys = position_keys(document, assets)
    with document.placing(path, _with_option(document, *path)):
        found = _read(document, keys, dict(zip(assets, quoted.currency, strict=True)), basis)
        if lacking := [asset for asset in assets if asset not in found.units and asset not in (keys.not_held or ())]:
            named = ", ".join(lacking)
            raise DataError(
                f"{found.file} has no row of {named}: found {len(found.held)} of {len(assets)} assets. A part of the "
                f"export may be missing. Where they are not held, say so: `--not-held {','.join(lacking)}`, or "
                f"`positions: {{{NOT_HELD}: [{named}]}}` in the portfolio file."
            )
    return found


def _read(document: Document, keys: PositionKeys, currencies: Mapping[str, str], basis: str) -> Positions:
    """The rows of the file of positions.  currencies : by asset, that of its price.  Raises : as `read_positions`."""
    return read_positions(
        document.folder / (keys.file or ""),
        tuple(currencies),
        basis,
        currencies=currencies,
        columns=keys.columns,
        symbols=keys.symbols,
        decimal=keys.decimal or "",
    )


def _of_book(document: Document, book: Book, quoted: Market, basis: str) -> Positions:
    """The positions of a book. Raises ConfigError for a book of other assets, accounts or another currency."""
    path, found = ("positions", "book"), book.positions
    names = document.names("accounts") if document.has("accounts") else [""]
    others = [asset for asset in found.units if asset not in quoted.assets]
    if book.basis != basis:
        document.refuse(path, f"the book is in {book.basis}, and the portfolio in {basis}", book.name, "Open another.")
    if others:
        document.refuse(
            path, "the book holds what is no asset of the portfolio", ", ".join(others), "Add it to `lines`."
        )
    if sorted(names) != sorted(holder.account for holder in book.holders):
        of = ", ".join(holder.account or "one account without a name" for holder in book.holders)
        document.refuse(
            path, f"the book is of other accounts than the file: {of}", book.name, "State these `accounts:`."
        )
    return found


def given_prices(document: Document, quoted: Market, right: Collection[str]) -> Prices | None:
    """The prices of the file that `prices` names, from the folder of the portfolio file, or None.

    quoted : market of the assets of the portfolio, in the currencies in which they are quoted.
    right  : assets whose prices are right although they are far from their last closes.
    Raises : ConfigError for the mistakes of the file, all of them at once.
    """
    if not document.has("prices"):
        return None
    where = document.folder / document.value("prices")
    with document.placing(("prices",), _with_option(document, "prices")):
        return read_prices(where, quoted, right)


def _with_option(document: Document, *path: str) -> str:
    """The key of a path in a message, with the option of the same name where it was not the file that gave it."""
    return f"{path[0]}, or --{path[0]}" if document.is_given(*path) else path[0]


def _apart(positions: Positions, quoted: Market, prices: Prices | None, most: float) -> Iterator[tuple[HeldRow, float]]:
    """The rows whose value differs by more than `most` of it from that at the price of the list, and that price."""
    priced = last_closes(quoted) if prices is None else prices
    for held in positions.held:
        price = priced.of(held.asset)
        if held.value is not None and abs(held.units * price - held.value) > most * abs(held.value):  # NaN is not
            yield held, price


def _check_worth(
    document: Document, quoted: Market, positions: Positions, prices: Prices | None, right: Collection[str]
) -> None:
    """Raise ConfigError for rows whose value is far from that at the price of the list, all of them at once."""
    far = [(held, price) for held, price in _apart(positions, quoted, prices, SPLIT_RETURN) if held.asset not in right]
    if far:
        told = [
            f"{positions.file}, row {held.row}: {held.units:,.10g} units of {held.asset} are worth "
            f"{held.units * price:,.2f} at the price of this list, {price:,.7g}, and the file says {held.value:,.2f}. "
            "Look for a wrong number of units (which sign stands before decimals?), a split or a wrong price."
            for held, price in far
        ]
        same = right_all_the_same([held.asset for held, _ in far])
        with document.placing(("positions", "file"), _with_option(document, "positions", "file")):
            raise DataError(all_mistakes(positions.file, told, same))


def held_by_positions(
    document: Document, positions: Positions, asset: str, price: float, rate: float = 1.0
) -> tuple[float, float]:
    """(units, value) of an asset by its positions; units are NaN for an asset without a price.

    price  : price in the basis.
    rate   : value of one unit of the asset's currency in the basis.
    Raises : ConfigError for an asset that has neither a price nor a value in the file.
    """
    units, path = positions.units.get(asset, 0.0), ("positions", "file")
    if np.isnan(price) and units:
        if asset not in positions.values:
            what = f"{asset} has no quote, and {positions.file} has no value of it"
            document.refuse(path, what, units, "Declare the column of values, or give a price file, `prices`.")
        return np.nan, positions.values[asset] * rate
    if np.isnan(price):
        return np.nan, 0.0
    if units * price > LARGEST_NUMBER:
        what = f"{asset} is worth {units * price:g} at its price of {price:g}"
        document.refuse(path, what, units, f"Give units that are worth at most {LARGEST_NUMBER:g}.")
    return units, units * price


def cash_balances(document: Document, positions: Positions | None, basis: str) -> tuple[KeyPath, dict[str, float]]:
    """Cash by currency, by the positions or else by `cash`, and the key that says so.

    Raises : ConfigError where neither says it.
    """
    found = None if positions is None else positions.balances
    if found is not None:
        return ("positions", "file"), {basis: found.get(basis, 0.0)} | found
    is_older = document.is_given("positions", "file") and not document.is_given("cash")
    if positions is not None and (is_older or not document.has("cash")):
        what = f"{positions.file} has no row of cash"
        found = document.value("cash", default=None)
        fix = "Give the cash beside these holdings, --cash AMOUNT, or add a row of it, such as Cash,AMOUNT."
        fix = fix if document.has("cash") else "Add `cash:` to the portfolio file, 0 where there is none."
        document.refuse(("cash",), what, found, fix)
    return ("cash",), read_balances(document, ("cash",), basis)


def cash_currencies(document: Document, currencies: Mapping[str, str], basis: str) -> tuple[str, ...]:
    """The currencies of the cash that is held; () for cash in which something is wrong, which is told by its readers.

    currencies : by asset, that of its price.
    """
    with suppress(ConfigError, DataError):
        accounts = document.names("accounts") if document.has("accounts") else ()
        found = [document.value("accounts", name, "cash", default=None) for name in accounts]
        if book := given_book(document):
            found.append(book.positions.balances)
        elif document.has("positions"):
            found.append(_read(document, position_keys(document, tuple(currencies)), currencies, basis).balances)
        found.append(document.value("cash", default=None))
        return tuple(dict.fromkeys(currency for each in found if isinstance(each, Mapping) for currency in each))
    return ()


def holding_notes(
    document: Document, market: Market, positions: Positions | None, prices: Prices | None, rates: Rates
) -> tuple[str, ...]:
    """Notes on holdings and prices that come from files.

    market : market of the assets, with the lots of the portfolio, in the currencies in which they are quoted.
    prices : prices likewise.
    """
    right = right_names(document, market.assets)
    taken = [told for asset, told in far_last_closes(market).items() if asset in right]
    notes = tuple(f"{told[0].upper()}{told[1:]}; {TAKEN}" for told in taken)
    notes += () if prices is None else prices.notes
    if positions is None:
        return notes
    of_positions = list(positions.notes)
    if lacking := [asset for asset in market.assets if asset not in positions.units]:
        of_positions.append(f"{positions.file} does not hold {', '.join(lacking)}: zero units are taken.")
    if positions.balances is None:
        source = "that which is given beside it" if document.is_given("cash") else "that of the portfolio file"
        of_positions.append(f"{positions.file} has no row of cash: {source} is taken.")
    elif below := {code: cash for code, cash in positions.balances.items() if -rounding_of(positions) <= cash < 0.0}:
        told = listed([f"{cash:,.2f} {code}" for code, cash in below.items()])
        of_positions.append(f"{positions.file} has cash of {told}, less than a cent a row: it is taken for rounding.")
    if age := age_note(positions.file, positions.days, market.dates[-1].date()):
        of_positions.append(age)
    if len(positions.accounts) > 1 and not document.has("accounts"):
        by = document.value("ticket", "account", default=None) if document.has("ticket") else None
        named = f"every order names {by}, as `ticket` says" if by else "no order names one"
        of_positions.append(
            f"{positions.file} has {len(positions.accounts)} accounts, {', '.join(positions.accounts)}, and {named}: "
            "state `accounts:` for orders of each."
        )
    quoted = ~np.isnan((last_closes(market) if prices is None else prices).per_unit)
    of_positions += [
        f"{positions.file}, row {held.row}: {held.asset} is worth {held.value:,.2f} there, and "
        f"{held.units * price:,.2f} at the price of this list, {_change(held.units * price, held.value)}: check its "
        "units and its price, and look for a split."
        for held, price in _apart(positions, market, prices, APART)
    ]
    of_line = dict(zip(market.assets, market.currency, strict=True))
    of_positions += list(_odd_rates(positions, of_line, rates))
    lots = {asset: float(lot) for asset, lot, known in zip(market.assets, market.lots, quoted, strict=True) if known}
    units = {asset: held for asset, held in positions.units.items() if asset in lots}
    return (*of_positions, *odd_lots(units, lots), *notes)


def _change(amount: float, before: float | None) -> str:
    """The difference of an amount from another, in words."""
    return f"{abs(amount / before - 1.0) * 100:.1f} % {'less' if amount < before else 'more'}" if before else ""


def _odd_rates(positions: Positions, currencies: Mapping[str, str], rates: Rates) -> Iterator[str]:
    """A sentence for each currency whose rate in the file is far from that of the list."""
    told: set[str] = set()
    for held in positions.held:
        currency = currencies[held.asset]
        if held.fx_rate is None or currency == rates.basis or currency in told:
            continue
        taken = rates.today[currency]
        if abs(held.fx_rate / taken.value - 1.0) > RATE_TOLERANCE:
            told.add(currency)
            yield (
                f"{positions.file}, row {held.row}: one {currency} is {held.fx_rate:,.7g} there, and "
                f"{taken.value:,.7g} {rates.basis} by {taken.pair} of this list: check the rates."
            )
