"""A book is read as it was written; what was changed, is missing or is of another portfolio is told in a sentence."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filled import filled

from foundation.canonical import content_hash
from foundation.errors import ConfigError
from research.orders import trade_list
from research.orders.after_fills import after_fills, match_fills
from research.orders.booking import open_book, with_rows
from research.orders.bookkeeping.activity import Activity
from research.orders.bookkeeping.importing import with_activity
from research.orders.fills import Fill
from research.portfolio import load_portfolio
from research.portfolio.holdings.blotter import BookedFill
from research.portfolio.holdings.book import Book, Holder, Opening
from research.portfolio.holdings.book_file import book_path, read_book, write_book

FILES = (
    "sixty_forty",
    "orders_of_accounts",
    "orders_with_tax_lots",
    "orders_in_two_currencies",
    "orders_in_whole_lots",
)
LATER = ("entries", "items", "opening")  # fields that version 1 does not have
POSITIONS = {"positions": {"book": "desk"}, "cash": None}
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REBALANCE_HOME", str(tmp_path))


@pytest.fixture
def book() -> Book:
    held = Holder("", {"SPY": Decimal("3260"), "AGG": Decimal("7460")}, {"USD": Decimal("21350.40")})
    return Book("desk", "desk.yaml", "USD", date(2022, 12, 29), Opening(date(2022, 9, 30), (held,)))


def _path(name: str) -> str:
    return f"data/{'portfolios' if name == 'sixty_forty' else 'examples'}/{name}.yaml"


@pytest.mark.parametrize("name", FILES)
def test_a_portfolio_read_from_its_book_holds_what_it_held(name: str) -> None:
    """Half of a list's orders are filled before it is written."""
    stated = load_portfolio(_path(name))
    policy = next(iter(stated.policies.values())) if stated.policy is None else stated.policies[stated.policy]
    listed = trade_list(stated, policy)
    sent = listed.sent()
    assert sent.blotter is not None
    orders = tuple(replace(order, order_id=f"o{k}") for k, order in enumerate(sent.blotter.orders))
    sent, fills = replace(sent, blotter=replace(sent.blotter, orders=orders)), filled(listed, Decimal("0.5"))
    after = after_fills(sent, fills)
    written = with_rows(open_book(sent, "desk"), match_fills(sent, fills).rows)
    write_book(written, NOW)
    assert read_book("desk") == written
    accounts = {f"accounts.{each.name}.{key}": None for each in stated.accounts for key in ("cash", "shares")}
    read = load_portfolio(_path(name), POSITIONS | accounts)
    assert read.cash == after.cash
    assert read.shares.tolist() == after.shares.tolist()
    expected = [(a.name, a.cash, a.units.tolist()) for a in after.accounts]
    assert [(a.name, a.cash, a.units.tolist()) for a in read.accounts] == expected
    assert read.tax_lots == after.tax_lots
    assert read.blotter == after.blotter
    assert repr(trade_list(read, policy).orders) == repr(trade_list(after, policy).orders)


def written(parts: dict[str, Any]) -> Book:
    """The book of these parts, as it is read from its file."""
    path = book_path("desk").with_suffix(".json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(parts | {"fingerprint": content_hash(parts)}))
    return read_book("desk")


@pytest.fixture
def version_2() -> dict[str, Any]:
    """A book that version 2 wrote: half of a list is filled, and 12.34 of interest are booked since its opening."""
    parts: dict[str, Any] = json.loads(Path(__file__).with_name("book_of_version_2.json").read_text())
    return {name: part for name, part in parts.items() if name != "fingerprint"}


def test_a_book_of_version_2_is_unfolded_to_its_opening(version_2: dict[str, Any]) -> None:
    """1,618 + 132 of SPY and 3,777 - 477 of AGG were held, and 14,123.35 - 12.34 - 50,603.96 + 46,492.95 of cash."""
    book = written(version_2)
    (opening,), (now,) = book.opening.holders, book.holders
    assert dict(opening.units) == {"SPY": 1_750, "AGG": 3_300, "GLD": 200}
    assert opening.cash["USD"] == Decimal("10000.00")
    assert (dict(now.units), now.cash["USD"]) == ({"SPY": 1_618, "AGG": 3_777, "GLD": 200}, Decimal("14123.35"))
    assert [order.filled for order in book.blotter.orders] == [abs(row.units) for row in book.fills]
    assert [order["filled"] for order in version_2["blotter"]["orders"]] == ["132.0", "477.0"]


def test_a_book_of_version_2_has_the_lots_and_gains_that_it_kept(version_2: dict[str, Any]) -> None:
    """The sale of Friday, 30 December, is of 2022, in whichever year the next list is."""
    written(version_2)
    tax = load_portfolio(_path("orders_with_tax_lots"), POSITIONS).tax_lots
    assert tax.rules.realised == pytest.approx(version_2["realised"]["2022"], abs=1e-9)
    kept = {(each["asset"], each["date"], each["units"], each["price"]) for each in version_2["lots"]}
    assets = load_portfolio(_path("orders_with_tax_lots")).market.assets
    found = [(a, f"{x.date:%Y-%m-%d}", x.units, x.price) for a, of in zip(assets, tax.lots, strict=True) for x in of]
    assert set(found) == kept


def test_a_split_that_version_2_booked_is_in_all_that_it_kept_and_is_not_counted_again(
    version_2: dict[str, Any],
) -> None:
    """It kept units after the split: an earlier fill that comes late is in others, and a person says what it is."""
    book = written(version_2 | {"events": ["split-SPY-2023-01-05"]})
    (now,) = book.holders
    assert (dict(now.units), now.cash["USD"]) == ({"SPY": 1_618, "AGG": 3_777, "GLD": 200}, Decimal("14123.35"))
    assert (book.opening.has, book.opened) == (("split-SPY-2023-01-05",), date(2022, 12, 29))
    portfolio = load_portfolio(_path("orders_with_tax_lots"), POSITIONS)
    late = Fill("SPY", "sell", 1, 380, "USD", datetime(2022, 12, 30, 15, tzinfo=UTC), "late")  # type: ignore[arg-type]
    done = with_activity(book, portfolio, Activity((late,)), {}).book
    (item,) = done.open_items
    assert "split-SPY-2023-01-05 is booked, and its units are of 2022-12-30" in item.why
    assert done.holders == book.holders
    write_book(book, NOW)
    assert read_book("desk") == book


def test_a_gain_of_version_2_stays_whatever_is_sold_later(version_2: dict[str, Any]) -> None:
    """118 of SPY, bought at 379.20, are sold at 400 in 2023."""
    book = written(version_2)
    tax = load_portfolio(_path("orders_with_tax_lots"), POSITIONS).tax_lots
    row = replace(book.fills[0], fill_id="new", day=date(2023, 2, 1), units=Decimal(-118), amount=Decimal(-47_200),
                  worth=Decimal(-47_200), cash=Decimal(47_200), moment="2023-02-01T15:00:00.000000Z")  # fmt: skip
    write_book(with_rows(book, [row]), NOW)
    later = load_portfolio(_path("orders_with_tax_lots"), POSITIONS).tax_lots
    assert later.gains == tax.gains | {"2023": pytest.approx(118 * 20.8)}


def test_a_bust_of_a_fill_that_an_opening_has_takes_it_out_of_the_opening_and_of_its_order(
    version_2: dict[str, Any],
) -> None:
    """132 of SPY were sold for 50,603.96 before; version 1 stated no amount of a fill, and kept no lots here."""
    parts = {name: part for name, part in version_2.items() if name not in LATER} | {"schema": 1, "lots": None}
    book = written(parts)
    rows = [row for row in book.fills if row.asset == "SPY"]
    back = [replace(row, units=-row.units, cash=-row.cash, amount=-row.amount, undone="bust") for row in rows]
    busted = with_rows(book, back)
    assert (busted.holders[0].units["SPY"], busted.holders[0].cash["USD"]) == (1_750, Decimal("-36480.61"))
    assert [order.left for order in busted.blotter.orders if order.asset == "SPY"] == [264]


def test_an_asset_that_comes_later_and_one_without_a_quote_are_held(book: Book) -> None:
    """Ten of GLD are bought at 170, and what 50 units at 100 cost of a fund without a quote, 5,000."""
    bought = BookedFill("v:1", "", date(2022, 12, 30), date(2023, 1, 3), "", "GLD", Decimal(10), Decimal(1_700), "USD",
                        Decimal(-1_700), Decimal(1_700))  # fmt: skip
    fund = replace(bought, fill_id="v:2", asset="AGG", units=Decimal(50), amount=Decimal(5_000), cash=Decimal(-5_000))
    held = replace(book, unquoted=("AGG",), fills=(bought, fund)).holders[0]
    assert (held.units["GLD"], held.units["AGG"], held.cash["USD"]) == (10, 12_460, Decimal("14650.40"))


def test_a_book_of_version_1_opens_with_what_it_holds(version_2: dict[str, Any]) -> None:
    """Its fills state neither amount nor fees, and it has neither entries, items nor its state at the opening."""
    parts = {name: part for name, part in version_2.items() if name not in LATER} | {"schema": 1}
    rows = [{**row, "amount": "0"} for row in parts["blotter"]["fills"]]
    book = written(parts | {"blotter": parts["blotter"] | {"fills": rows}})
    assert (book.schema, dict(book.holders[0].units)) == (3, {"SPY": 1_618, "AGG": 3_777, "GLD": 200})
    assert set(book.opening.has) == {row["fill_id"] for row in rows}


def test_a_book_of_another_file_other_lines_or_another_currency_is_refused(book: Book) -> None:
    write_book(book, NOW)
    with pytest.raises(ConfigError, match=r"the book belongs to desk\.yaml.* book open sixty_forty\.yaml --as NAME"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
    book = replace(book, file="sixty_forty.yaml")
    other = Holder("", {"XYZ": Decimal(1)}, {"USD": Decimal(1)})
    write_book(replace(book, opening=replace(book.opening, holders=(other,))), NOW)
    with pytest.raises(ConfigError, match=r"the book holds what is no asset of the portfolio .*found 'XYZ'"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
    write_book(replace(book, basis="EUR"), NOW)
    with pytest.raises(ConfigError, match="the book is in EUR, and the portfolio in USD"):
        load_portfolio(_path("sixty_forty"), POSITIONS)


def test_positions_name_a_file_or_a_book() -> None:
    with pytest.raises(ConfigError, match="states both a file and a book, or neither"):
        load_portfolio(_path("sixty_forty"), {"positions": {"book": "desk", "file": "x.csv"}})
    with pytest.raises(ConfigError, match="there is no book 'desk'"):
        load_portfolio(_path("sixty_forty"), POSITIONS)
