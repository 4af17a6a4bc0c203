"""A book that grows: loaded with ten thousand events, and one more fill with a hundred times as many behind it.

    python -m benchmarks.book_growth

Fills of ten years in a portfolio with tax lots, wash sales among them: each second one sells what was bought before.
Seconds are the processor's. The aims: ten thousand events are read in 0.2; a fill after a hundred thousand takes at
most 1.5 times that after a hundred; an event of forty days ago comes in within a second.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.timing import Ratio, keep, machine, show, show_ratios, versions
from desk.commands.orders.book import resolve
from desk.commands.orders.fills import fill_from
from foundation.home import HOME
from research.orders.booking import open_book, portfolio_of
from research.portfolio import load_portfolio
from research.portfolio.holdings.blotter import BookedFill, SentOrder
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import book_path, read_book, write_book

FILE = "data/examples/orders_with_tax_lots.yaml"
COUNTS = tuple(map(int, os.environ.get("COUNTS", "100 10000 100000").split()))
ROUNDS = 5
HEADER = "fill_id,moment,asset,side,quantity,price,currency,order_id\n"


def grown(count: int) -> Book:
    """A book with so many fills of ten years, and an order that is open."""
    portfolio, chance = load_portfolio(FILE), Random(1)
    assets, last = portfolio.market.assets, portfolio.date.date()
    first = last - timedelta(days=3_650)
    days = [day.date() for day in portfolio.market.dates if first < day.date() < last]
    book = open_book(portfolio, "growth")
    (holder,) = book.opening.holders
    opening = replace(book.opening, last_trade=first, holders=(replace(holder, cash={"USD": Decimal(10_000_000)}),))
    rows, bought = list[BookedFill](), dict[str, Decimal]()
    for k in range(count):
        day, asset, price = days[k * len(days) // count], assets[k // 2 % len(assets)], chance.randint(9_000, 11_000)
        units = Decimal(chance.randint(1, 20)) if k % 2 == 0 else -bought.pop(asset)
        bought |= {asset: units} if k % 2 == 0 else {}
        amount = units * price / 100
        moment = f"{day}T15:{k % 60:02d}:00.000000Z"
        rows.append(BookedFill(f"v:{k}", "", day, day, "", asset, units, amount, "USD", -amount, amount, moment=moment))
    order = SentOrder("open", "", assets[0], "buy", Decimal(1_000), price=float(price) / 100)
    return replace(
        book, file=str(Path(portfolio.file).absolute()), opened=first, opening=opening, fills=tuple(rows),
        asked=last, ticket="f" * 64, sent=(order,),
    )  # fmt: skip


def measured(count: int) -> dict[str, float]:
    """Processor seconds of what is done with a book of so many fills."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ[HOME] = folder
        book = grown(count)
        found = {"write": seconds(lambda: write_book(book, datetime.now(UTC)))}
        book = replace(book, fills=book.fills[-1:])  # what else stays in memory is looked through again and again
        found["read"] = median(seconds(read) for _ in range(ROUNDS))
        found["first load"] = seconds(lambda: portfolio_of(book))
        found["load"] = median(seconds(lambda: portfolio_of(book)) for _ in range(ROUNDS))
        found["fill"] = median(seconds(partial(fill, Path(folder), k, book)) for k in range(ROUNDS))
        late = replace(book, asked=book.fills[-1].day - timedelta(days=40))
        found["late"] = seconds(lambda: fill(Path(folder), ROUNDS, late, order=""))
    return found


def read() -> object:
    """What the whole book holds, from its file."""
    book_path("growth").touch()  # else it is the book that was read before
    return read_book("growth").holders


def fill(folder: Path, number: int, book: Book, order: str = "open") -> None:
    """Book one fill of the day of a book's orders from a file; of no order by its name."""
    path, (of,) = folder / "fills.csv", book.sent
    path.write_text(f"{HEADER}n{number},{book.asked}T15:00:00Z,{of.asset},buy,1,{of.price},USD,{order}\n")
    made = fill_from("growth", path).book
    if not order:
        resolve("growth", [made.open_items[-1].name])


def seconds(call: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    before = time.process_time()
    call()
    return time.process_time() - before


def main() -> None:
    """Measure, print, and keep."""
    found = {count: measured(count) for count in COUNTS}
    print(f"{machine()}; {versions('pydantic', 'pandas')}")
    what = {
        "read": "read whole, with what is held",
        "load": "load the portfolio",
        "first load": "the same for the first time",
        "fill": "one more fill",
        "late": "a fill of 40 days ago",
    }
    show(
        "A book of so many fills, processor seconds",
        ("", *(f"{count:,}" for count in COUNTS)),
        [(words, *(f"{found[count][name]:.2f}" for count in COUNTS)) for name, words in what.items()],
    )
    few, many = (found[count]["fill"] for count in (COUNTS[0], COUNTS[-1]))
    after = f"one after {COUNTS[0]:,}, {few:.3f} s"
    show_ratios(
        [Ratio(f"one more fill of a book, after {COUNTS[-1]:,} over after {COUNTS[0]:,}", many / few, 1.5, after)]
    )
    facts = {f"{count}": found[count] for count in COUNTS}
    keep("book_growth", {"versions": versions("pydantic", "pandas"), **facts})


if __name__ == "__main__":
    main()
