"""A book is read as it was written; what was changed, is missing or is of another portfolio is told in a sentence."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filled import filled
from jsonschema import Draft202012Validator

from foundation.canonical import content_hash
from foundation.errors import ConfigError, DataError
from research.orders import trade_list
from research.orders.booking import book_after, open_book
from research.portfolio import load_portfolio
from research.portfolio.holdings.book import FINGERPRINT, Book, Holder, book_path, book_schema, read_book, write_book

FILES = (
    "sixty_forty",
    "orders_of_accounts",
    "orders_with_tax_lots",
    "orders_in_two_currencies",
    "orders_in_whole_lots",
)
LATER = ("entries", "items", "opening")  # fields that version 1 does not have
POSITIONS = {"positions": {"book": "desk"}, "cash": None}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))


@pytest.fixture
def book() -> Book:
    held = Holder("", {"SPY": Decimal("3260"), "AGG": Decimal("7460")}, {"USD": Decimal("21350.40")})
    return Book("desk", "desk.yaml", "USD", date(2022, 12, 29), date(2022, 9, 30), (held,))


def _path(name: str) -> str:
    return f"data/{'portfolios' if name == 'sixty_forty' else 'examples'}/{name}.yaml"


@pytest.mark.parametrize("name", FILES)
def test_a_portfolio_read_from_its_book_holds_what_it_held(name: str) -> None:
    """Half of a list's orders are filled before it is written."""
    stated = load_portfolio(_path(name))
    policy = next(iter(stated.policies.values())) if stated.policy is None else stated.policies[stated.policy]
    listed = trade_list(stated, policy)
    after = listed.after(filled(listed, Decimal("0.5")))
    written = book_after(open_book(stated, "desk"), after)
    write_book(written)
    assert read_book("desk") == written
    accounts = {f"accounts.{each.name}.{key}": None for each in stated.accounts for key in ("cash", "shares")}
    read = load_portfolio(_path(name), POSITIONS | accounts)
    assert read.cash == after.cash
    assert read.shares.tolist() == after.shares.tolist()
    assert [(a.name, a.cash, a.units.tolist()) for a in read.accounts] == [
        (a.name, a.cash, a.units.tolist()) for a in after.accounts
    ]
    assert read.tax_lots == after.tax_lots
    assert read.blotter == after.blotter
    assert repr(trade_list(read, policy).orders) == repr(trade_list(after, policy).orders)


def test_its_file_keeps_its_schema(book: Book) -> None:
    Draft202012Validator(book_schema()).validate(json.loads(write_book(book).read_text()))


def change(book: Book, **parts: Any) -> None:
    """Change the file of a book by hand."""
    path = write_book(book)
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


def test_a_book_that_another_hand_changed_is_refused(book: Book) -> None:
    change(book, last_trade="2022-10-03")
    with pytest.raises(DataError, match=r"its fingerprint is of another content.* open the book again loses its fills"):
        read_book("desk")


def test_a_book_cut_short_and_one_that_is_not_there_are_refused(book: Book) -> None:
    path = write_book(book)
    path.write_text(path.read_text()[:100])
    with pytest.raises(DataError, match="is no JSON"):
        read_book("desk")
    with pytest.raises(DataError, match=r"there is no book 'other'.* rebalance desk book open FILE --as other"):
        read_book("other")
    with pytest.raises(DataError, match=r"rebalance desk book open desk\.yaml --as other"):
        read_book("other", "desk.yaml")
    with pytest.raises(ConfigError, match="has a slash"):
        book_path("../desk")


def test_a_book_of_another_version_is_refused(book: Book) -> None:
    write_book(replace(book, schema=3))
    with pytest.raises(DataError, match=r"desk\.json has version 3 of a book, and this code reads 1 and 2\. Read it"):
        read_book("desk")


def test_a_book_of_version_1_is_read_and_written_as_one_of_version_2(book: Book) -> None:
    """Its fills state neither amount nor fees, and it has neither entries, items nor its state at the opening."""
    row = {"fill_id": "v:1", "order_id": "", "day": "2022-12-30", "settles": "2023-01-04", "account": "",
           "asset": "SPY", "units": "10", "worth": "3834.4", "currency": "USD", "cash": "-3834.40"}  # fmt: skip
    parts = {name: part for name, part in replace(book, schema=1).document.items() if name not in (FINGERPRINT, *LATER)}
    parts["blotter"] |= {"fills": [row]}
    path = write_book(book)
    path.write_text(json.dumps(parts | {FINGERPRINT: content_hash(parts)}))
    read = read_book("desk")
    (fill,) = read.blotter.fills
    assert (read.schema, read.holders, fill.units, fill.amount, fill.undone) == (2, book.holders, 10, 0, "")
    assert json.loads(write_book(read).read_text())["schema"] == 2


def test_a_book_of_another_file_other_lines_or_another_currency_is_refused(book: Book) -> None:
    write_book(book)
    with pytest.raises(ConfigError, match=r"the book belongs to desk\.yaml.* book open sixty_forty\.yaml --as NAME"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
    book = replace(book, file="sixty_forty.yaml")
    write_book(replace(book, holders=(Holder("", {"XYZ": Decimal(1)}, {"USD": Decimal(1)}),)))
    with pytest.raises(ConfigError, match=r"the book holds what is no asset of the portfolio .*found 'XYZ'"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
    write_book(replace(book, basis="EUR"))
    with pytest.raises(ConfigError, match="the book is in EUR, and the portfolio in USD"):
        load_portfolio(_path("sixty_forty"), POSITIONS)


def test_positions_name_a_file_or_a_book() -> None:
    with pytest.raises(ConfigError, match="states both a file and a book, or neither"):
        load_portfolio(_path("sixty_forty"), {"positions": {"book": "desk", "file": "x.csv"}})
    with pytest.raises(ConfigError, match="there is no book 'desk'"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
