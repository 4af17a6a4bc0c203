"""The book of a portfolio: what it holds after the fills that were booked, as `positions: {book: NAME}` reads it.

A book is one JSON file, `books/NAME.json` in the folder of `REBALANCE_HOME`, written whole or not at all. Its
fingerprint is the sha256 of all else in it, so that a change by another hand is seen. The user's own file is never
written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import TypeAdapter, ValidationError

from foundation.arguments import first_fault
from foundation.canonical import content_hash
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.home import home_folder
from foundation.names import check_name
from research.portfolio.holdings.blotter import Blotter
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.positions import CashLine, HeldRow, Positions

BOOK_SCHEMA = 2  # version of docs/schemas/book-2.json
READ_SCHEMAS = 1, BOOK_SCHEMA  # 1 is 2 without entries, items and opening lots
FINGERPRINT = "fingerprint"
Resolved = Literal["", "booked", "dismissed"]  # of an item of a book


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
    """Units of an asset that were bought together: `price` is currency of the portfolio per unit."""

    asset: str
    account: str
    date: date
    units: float
    price: float


@dataclass(frozen=True)
class BookLots:
    """The tax lots of a book.

    lots         : the lots.
    sold_at_loss : by asset, day of its last sale at a loss.
    """

    lots: tuple[HeldLot, ...]
    sold_at_loss: Mapping[str, date]


@dataclass(frozen=True)
class Opening:
    """The state of a book when it was opened, to which it goes back where fills are taken back.

    last_trade : day of the last trade.
    lots       : tax lots, in which a split that is booked later counts; None where the portfolio has none.
    """

    last_trade: date
    lots: BookLots | None = None


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
class Book:
    """The holdings of a portfolio after the fills that were booked.

    name       : name of the book.
    file       : the portfolio file.
    basis      : currency of the portfolio.
    opened     : close up to which the holdings were stated when it was opened.
    last_trade : day of the last trade.
    holders    : what each account holds.
    unquoted   : assets without a quote, which are held in currency.
    lots       : tax lots, or None where the portfolio has none.
    realised   : by year, net gains realised, currency.
    sold_at_loss : by asset, day of its last sale at a loss.
    blotter    : the orders that were sent last, and all fills that were booked.
    events     : names of the splits and dividends that were booked.
    entries    : cash that came and went without an order, in the order in which it was booked.
    items      : rows of brokers' files that were not booked by themselves.
    opening    : its state when it was opened; None in books of version 1.
    schema     : version of the file.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    file: str
    basis: str
    opened: date
    last_trade: date
    holders: tuple[Holder, ...]
    unquoted: tuple[str, ...] = ()
    lots: tuple[HeldLot, ...] | None = None
    realised: Mapping[str, float] = field(default_factory=dict)
    sold_at_loss: Mapping[str, date] = field(default_factory=dict)
    blotter: Blotter = field(default_factory=Blotter)
    events: tuple[str, ...] = ()
    entries: tuple[CashEntry, ...] = ()
    items: tuple[BookItem, ...] = ()
    opening: Opening | None = None
    schema: int = BOOK_SCHEMA

    @property
    def document(self) -> dict[str, Any]:
        """All that its file says, with its fingerprint, in plain JSON types."""
        parts: dict[str, Any] = {"schema": self.schema} | book_adapter().dump_python(self, mode="json")
        return parts | {FINGERPRINT: content_hash(parts)}

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
        last = (of_list and self.blotter.asked) or self.last_trade
        if day < (first := max(self.opened, last)):
            traded = f" and last traded on {self.last_trade}" if self.last_trade > self.opened else ""
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
        return Positions(f"book {self.name}", tuple(held), tuple(cash), ())


def book_path(name: str) -> Path:
    """The path of a book. Raises ConfigError for what is no name."""
    check_name("name of a book is", name)
    return home_folder() / "books" / f"{name}.json"


def read_book(name: str, file: str = "FILE") -> Book:
    """The book of this name. Raises DataError for one that is not there, is damaged, or was changed by another hand.

    file : portfolio file that names it, for the advice.
    """
    path = book_path(name)
    try:
        parts = json.loads(path.read_bytes())
        stated = parts.pop(FINGERPRINT, None) if isinstance(parts, dict) else None
        if stated != content_hash(parts):
            fix = "Restore the file as it was. To delete it and open the book again loses its fills and cash entries."
            raise DataError(f"{path} was changed by another hand: its fingerprint is of another content. {fix}")
        book = book_adapter().validate_json(json.dumps(parts), strict=True)
    except FileNotFoundError as error:
        fix = f"Open it from what is held now: rebalance desk book open {file} --as {name}"
        raise DataError(f"there is no book {name!r} ({path}). {fix}") from error
    except ValidationError as error:
        raise DataError(f"{path} is no book of version {BOOK_SCHEMA}: {first_fault(error)}.") from error
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is no JSON: {error}. Restore the file, or open the book again.") from error
    if book.schema not in READ_SCHEMAS:
        fix = "Read it with the code that wrote it, or open the book again."
        known = " and ".join(map(str, READ_SCHEMAS))
        raise DataError(f"{path} has version {book.schema} of a book, and this code reads {known}. {fix}")
    return replace(book, schema=BOOK_SCHEMA)


def write_book(book: Book) -> Path:
    """Write a book whole into its file, and give the path. Raises OSError where it cannot be written."""
    path = book_path(book.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, json.dumps(book.document, indent=1, ensure_ascii=False) + "\n")


@cache
def book_adapter() -> TypeAdapter[Book]:
    """The reader of books, which also writes their schema."""
    return TypeAdapter(Book)


def book_schema() -> dict[str, Any]:
    """The JSON schema of the file of a book, of draft 2020-12."""
    made = book_adapter().json_schema(mode="serialization")
    print_of = {"description": "sha256, hex, of all else in the file", "type": "string", "pattern": "^[0-9a-f]{64}$"}
    properties = {**made["properties"], "schema": {"const": BOOK_SCHEMA}, FINGERPRINT: print_of}
    required = [*made["properties"], FINGERPRINT]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made,
            "properties": properties, "required": required}  # fmt: skip
