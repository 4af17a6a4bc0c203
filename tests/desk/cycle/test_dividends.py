"""A dividend is owed from its ex-date on: it counts in NAV, is not spent, and is booked as the venue pays it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commanded import rebalance
from watched import DAYS, ON_PAPER, banded, from_store, steady, with_book

from desk.commands.cycle.cycle import make_cycle
from desk.cycle.live import CAUSES, beside_backtest
from desk.exchange.paper import PaperVenue
from research.orders import Request, trade_list
from research.portfolio import load_portfolio
from research.portfolio.holdings.book_file import read_book

OPENED, TRADED, EX = -20, -19, -15  # rows: the book is opened, its first list is filled, and A pays
PAID = 4.0  # for a unit of 100
pytestmark = pytest.mark.usefixtures("home")


def desk(folder: Path, ex: int = EX, split: float = 1.0) -> tuple[Path, list[str]]:
    """A desk on paper, half in A and half in B; A pays on a row, and its price falls by as much; it may split then."""
    file = steady(folder, {"cycle": ON_PAPER, "dividends": "cash", **banded(0.04)})
    days = list(pd.read_csv(folder / "prices.csv")["date"])
    dividend, close, by = np.zeros(DAYS), np.full(DAYS, 100.0), np.ones(DAYS)
    dividend[ex], close[ex:], by[ex] = PAID / split, (100.0 - PAID) / split, split
    rows = [pd.DataFrame({"asset_id": "A", "session": days, "close": close, "dividend": dividend, "split": by})]
    rows += [pd.DataFrame({"asset_id": "B", "session": days, "close": 50.0, "dividend": 0.0, "split": 1.0})]
    return with_book(from_store(file, "paid", rows), days[OPENED]), days


@pytest.mark.parametrize(("ex", "split"), [(EX, 1.0), (TRADED, 1.0), (EX, 2.0), (EX, 0.5)])
def test_paper_pays_on_the_ex_date_what_was_held_before_it_and_it_is_booked(
    tmp_path: Path, ex: int, split: float
) -> None:
    """On the day of the first list, 60 are held at the open and 50 at the close."""
    file, days = desk(tmp_path, ex, split)
    assert make_cycle(file, days[OPENED]).status == "executed"
    nav = load_portfolio(file, as_of=days[TRADED]).nav
    for row in range(TRADED, EX + 6):
        ran = make_cycle(file, days[row])
        assert (ran.status in ("finalised", "executed"), ran.asks) == (True, False), ran.text
        assert "Book steady and paper agree." in ran.text
        assert ran.cycle.portfolio.nav == pytest.approx(nav, abs=5.0)  # costs
    (entry,) = read_book("steady").entries
    held = 60 if ex == TRADED else 50
    assert (entry.event, float(entry.amount)) == (f"dividend-A-{days[ex]}", PAID * held)


@pytest.mark.parametrize("row", ["A,{},B,2,,,,", "A,{},,,96,,,", "A,{},B,1,50,USD,50,"])
def test_what_becomes_of_units_reaches_paper_too(tmp_path: Path, row: str) -> None:
    file, days = desk(tmp_path)
    make_cycle(file, days[OPENED])
    table = tmp_path / "events.csv"
    table.write_text(f"asset,date,into,units,cash,currency,price,cost_share\n{row.format(days[EX + 1])}\n")
    make_cycle(file, days[EX])
    assert rebalance("desk", "book", "fill", "steady", table).status == 0
    ran = make_cycle(file, days[EX + 1])
    assert "Book steady and paper agree." in ran.text
    assert read_book("steady").holders[0].units["A"] == 0


def test_what_is_owed_is_in_nav_and_is_not_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, days = desk(tmp_path)
    make_cycle(file, days[OPENED])
    before = load_portfolio(file, as_of=days[EX - 1])
    monkeypatch.setattr(PaperVenue, "take_events", lambda *_: None)  # it pays later
    ran = make_cycle(file, days[EX])
    assert (ran.status, ran.cycle.reality.agrees) == ("finalised", True)
    owed = load_portfolio(file, as_of=days[EX])
    assert (owed.nav, owed.owed) == (pytest.approx(before.nav), {"": PAID * 50})
    assert owed.cash == pytest.approx(before.cash + PAID * 50)
    told = f"owed to book steady, count in NAV and are not spent: 200.00 USD of A (ex {days[EX]})"
    assert any(told in note for note in owed.notes)
    band = {"rule": "threshold", "band": 0.001}
    bought = trade_list(load_portfolio(file, {"policies.band": band}, as_of=days[EX]), owed.policies["band"])
    assert bought.sized.cash >= PAID * 50
    out = trade_list(owed, owed.policies["band"], request=Request(-5_000.0))
    assert out.sized.cash >= PAID * 50
    assert read_book("steady").entries == ()


def test_the_amount_of_the_broker_comes_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, days = desk(tmp_path)
    make_cycle(file, days[OPENED])
    monkeypatch.setattr(PaperVenue, "take_events", lambda *_: None)
    table = tmp_path / "cash.csv"
    row = f"d1,{days[EX + 5]}T20:00:00Z,dividend,170,USD,A"  # less 15 % of tax
    table.write_text(f"id,moment,kind,amount,currency,asset\n{row}\n")
    assert rebalance("desk", "book", "fill", "steady", table).status == 0
    paid = load_portfolio(file)
    assert (paid.owed, [float(each.amount) for each in read_book("steady").entries]) == ({}, [170.0])


def test_live_is_the_backtest_with_its_dividends(tmp_path: Path) -> None:
    file, days = desk(tmp_path)
    for row in range(OPENED, -1):
        make_cycle(file, days[row])
    portfolio, book = load_portfolio(file), read_book("steady")
    paid, owed = (
        beside_backtest(portfolio, portfolio.policies["band"], "band", each)
        for each in (book, replace(book, entries=()))
    )
    units_apart = 0.02  # whole lots, which the backtest does not have
    assert paid.causes.sum(axis=0)[CAUSES.index("dividends")] == pytest.approx(0.0, abs=PAID * units_apart)
    assert owed.live.nav == pytest.approx(paid.live.nav, rel=1e-12)
    assert paid.live.nav[-1] == pytest.approx(portfolio.nav)
