"""Live beside the backtest: equal where it does the same, and each change found with its day and its cause."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from browser import check_page
from commanded import FILE, rebalance
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.commands.orders import book as books
from desk.cycle.live import CAUSES, HELD, Parting, beside_backtest
from desk.cycle.live_report import live_report
from desk.tickets.ticket import make_ticket
from foundation.errors import ConfigError, DataError
from research.market.calendars import sessions
from research.orders import trade_list
from research.orders.booking import events_since, with_event
from research.orders.fills import Fill
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import BookedFill
from research.portfolio.holdings.book import Book
from research.portfolio.holdings.book_file import read_book
from research.portfolio.holdings.cash_entries import CashEntry
from research.portfolio.holdings.nav_history import NavHistory

ROWS, OPENED, LISTS = 72, 60, 8  # of the prices; row of the opening; lists that are made since
RATE = Decimal("0.0007")  # commission and half-spread of both assets
SETTINGS: dict[str, Any] = {
    "name": "Live",
    "market": {"file": "prices.csv", "quotes": "prices.csv", "cash": 0.0, "calendar": "XNYS", "currency": "USD"},
    "basis": "USD",
    "cash": 100_000_000,
    "target_cash": 0.1,
    "last_trade": "2021-01-05",
    "lines": {
        "A": {"asset_class": "shares", "target": 0.45, "range": [0, 1], "shares": 5_000_000, "fractional": True},
        "B": {"asset_class": "bonds", "target": 0.45, "range": [0, 1], "shares": 10_000_000},
    },
    "costs": {name: {"commission_bps": 5, "half_spread_bps": 2} for name in ("shares", "bonds")},
    "orders": {"adverse_move": 0.0},
    "execution": {"sizing": "units"},
    "test_start": "2021-02-01",
    "policies": {"band": {"rule": "threshold", "band": 0.02}, "never": {"rule": "never"}},
    "policy": "band",
    "reference": "never",
}


@dataclass(frozen=True)
class Desk:
    """A portfolio that reads its book, and the book."""

    file: Path
    portfolio: Portfolio
    book: Book

    def parting(self, book: Book | None, portfolio: Portfolio | None = None) -> Parting:
        """Live beside the backtest; in each the causes add up to the difference."""
        of = portfolio or self.portfolio
        found = beside_backtest(of, of.policies["band"], "band", book)
        assert np.allclose(found.causes.sum(axis=1).cumsum(), found.live.nav - found.test.nav, rtol=0.0, atol=1e-4)
        return found

    def day(self, row: int) -> pd.Timestamp:
        return self.portfolio.market.dates[row]


def total(found: Parting, cause: str) -> float:
    return float(found.causes[:, CAUSES.index(cause)].sum())


def others(found: Parting, *causes: str) -> float:
    """The largest total of the causes that are not named, over NAV."""
    return max(abs(total(found, cause)) for cause in CAUSES if cause not in causes) / found.test.nav[0]


def opened(folder: Path) -> Path:
    """A portfolio file with its prices and a book that is open in REBALANCE_HOME, which it reads."""
    days = pd.DatetimeIndex(sessions(np.datetime64("2021-01-04"), np.datetime64("2021-06-30"), "XNYS"))[:ROWS]
    shocks = np.random.default_rng(3).normal(0.0, 0.02, (2, 123))[:, :ROWS]
    prices = pd.DataFrame(np.cumprod(1.0 + shocks.T, axis=0) * [100.0, 50.0], days.rename("date"), ["A", "B"]).round(4)
    prices.to_csv(folder / "prices.csv")
    file = folder / "live.yaml"
    file.write_text(yaml.safe_dump(SETTINGS, sort_keys=False))
    books.open_from(file, "live", as_of=f"{days[OPENED]:%Y-%m-%d}")
    lines = {name: {k: v for k, v in line.items() if k != "shares"} for name, line in SETTINGS["lines"].items()}
    read = {key: value for key, value in SETTINGS.items() if key != "cash"}
    file.write_text(yaml.safe_dump(read | {"lines": lines, "positions": {"book": "live"}}, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk that follows its lists for some days: fills are at the next close, and cost what the file says."""
    folder = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REBALANCE_HOME", str(folder / "home"))
        file = opened(folder)
        market = load_portfolio(file).market
        for row in range(OPENED, OPENED + LISTS):
            portfolio = load_portfolio(file, as_of=f"{market.dates[row]:%Y-%m-%d}")
            ticket = make_ticket(trade_list(portfolio, portfolio.policies["band"], "band"))
            if ticket.orders:
                books.book_sent("live", {"hash": ticket.hash, **ticket.document})
                closes = pd.Series(market.prices[row + 1], list(market.assets))
                books.book_fills("live", [filled(order, closes, market.dates[row + 1]) for order in ticket.orders])
        yield Desk(file, load_portfolio(file), read_book("live"))


def filled(order: Any, closes: pd.Series, day: pd.Timestamp) -> Fill:
    moment = datetime(day.year, day.month, day.day, 20, tzinfo=UTC)
    price, units = Decimal(repr(float(closes[order.asset]))), Decimal(repr(order.quantity))
    fees = {"commission": RATE * price * units}
    return Fill(order.asset, order.side, units, price, "USD", moment, f"{order.asset}-{day:%m%d}", "paper",
                order.client_order_id, fees=fees)  # fmt: skip


def with_fills(book: Book, changed: Callable[[BookedFill], BookedFill | None]) -> Book:
    """The book with some fills changed, or not booked where the change gives None."""
    return replace(book, fills=tuple(filter(None, map(changed, book.fills))))


def with_entry(book: Book, entry: CashEntry) -> Book:
    return replace(book, entries=(*book.entries, entry))


def last_day(book: Book) -> date:
    return max(fill.day for fill in book.blotter.fills)


def test_a_desk_that_does_what_the_backtest_does_never_parts_from_it(desk: Desk) -> None:
    found = desk.parting(desk.book)
    assert len({fill.day for fill in desk.book.blotter.fills}) >= 2
    assert np.abs(found.live.nav / found.test.nav - 1.0).max() < 1e-9
    assert found.first_apart(1e-9) is None
    assert not found.alone.any()
    assert others(found) < 1e-9
    assert found.live.fees.sum() == pytest.approx(float(sum(-f.cash - f.worth for f in desk.book.blotter.fills)))


def test_the_price_of_one_fill_is_found_on_its_day(desk: Desk) -> None:
    day, asset = last_day(desk.book), "A"
    (fill,) = (each for each in desk.book.blotter.fills if (each.day, each.asset) == (day, asset))
    lost = abs(fill.worth) / 100

    def worse(each: BookedFill) -> BookedFill:
        return replace(each, worth=each.worth + lost, cash=each.cash - lost) if each == fill else each

    found = desk.parting(with_fills(desk.book, worse))
    row, cause = found.first_apart(1e-6) or (0, "")
    assert (found.dates[row].date(), cause) == (day, "price of fills")
    assert total(found, cause) == pytest.approx(-float(lost))
    assert others(found, cause) < 1e-9


def test_a_trade_that_was_missed_is_found_on_its_day_with_what_it_would_have_brought(desk: Desk) -> None:
    day = last_day(desk.book)
    missed = [fill for fill in desk.book.blotter.fills if fill.day == day]
    found = desk.parting(with_fills(desk.book, lambda each: None if each in missed else each))
    row, cause = found.first_apart() or (0, "")
    assert (found.dates[row].date(), cause) == (day, "trades of one alone")
    assert found.alone.sum() == len(missed)
    ends = dict(zip("AB", desk.portfolio.market.prices[-1], strict=True))
    brought = sum(float(fill.units) * ends[fill.asset] + float(fill.cash) for fill in missed)
    assert total(found, cause) == pytest.approx(-brought)
    assert others(found, cause) < 1e-9


def test_the_first_day_is_told_with_the_trade_that_was_missed(desk: Desk) -> None:
    day = last_day(desk.book)
    short = with_fills(desk.book, lambda each: None if each.day == day else each)
    largest = max((fill for fill in desk.book.blotter.fills if fill.day == day), key=lambda fill: abs(fill.worth))
    told = live_report(desk.portfolio, desk.portfolio.policies["band"], "band", short).headlines[1]
    assert told.startswith(
        f"They first part by more than 10 bp of NAV on {day}: trades of one alone ({largest.asset}: "
    )
    assert f"live 0.00, the backtest {'+' if largest.worth > 0 else '−'}" in told


def test_a_trade_on_another_day_is_what_prices_did_in_between(desk: Desk) -> None:
    day, market = last_day(desk.book), desk.portfolio.market
    row = market.row(pd.Timestamp(day))
    after = dict(zip("AB", market.prices[row + 1], strict=True))
    moved = {"AB".index(f.asset): float(f.units) for f in desk.book.blotter.fills if f.day == day}

    def later(each: BookedFill) -> BookedFill:
        worth = each.units * Decimal(repr(float(after[each.asset])))
        fees = -each.cash - each.worth
        return (
            replace(each, day=market.dates[row + 1].date(), worth=worth, cash=-worth - fees)
            if each.day == day
            else each
        )

    found = desk.parting(with_fills(desk.book, later))
    assert found.alone.sum() == 2 * len(moved)
    apart = [-units * (market.prices[row + 1, i] - market.prices[row, i]) for i, units in moved.items()]
    assert total(found, "trades of one alone") == pytest.approx(sum(apart), abs=1e3)  # cents are of the old notional
    assert others(found, "trades of one alone") < 1e-6


@pytest.mark.parametrize(
    ("asset", "more", "cause"),
    [("B", 1, "whole lots"), ("B", -5_000, "size of trades"), ("A", 5_000, "size of trades")],
)
def test_other_units_are_lots_or_sizes(desk: Desk, asset: str, more: int, cause: str) -> None:
    day = last_day(desk.book)

    def larger(each: BookedFill) -> BookedFill:
        if (each.day, each.asset) != (day, asset):
            return each
        price = each.worth / each.units
        worth = (each.units + more) * price
        return replace(each, units=each.units + more, worth=worth, cash=each.cash - more * price)

    found = desk.parting(with_fills(desk.book, larger))
    i, row = "AB".index(asset), desk.portfolio.market.row(pd.Timestamp(day))
    moved = desk.portfolio.market.prices[-1, i] - desk.portfolio.market.prices[row, i]
    assert total(found, cause) == pytest.approx(more * moved, rel=1e-3, abs=0.05)
    assert found.units[-1, HELD.index(cause)] == pytest.approx(
        0.5 * abs(more) * desk.portfolio.market.prices[-1, i], rel=1e-3, abs=0.05
    )


@pytest.mark.parametrize(
    ("kind", "asset", "amount", "cause"),
    [("fee", "", -12_000, "other cash"), ("interest", "", 900, "other cash"), ("dividend", "A", 7_000, "dividends")],
)
def test_amounts_of_cash_have_their_cause(desk: Desk, kind: Any, asset: str, amount: int, cause: str) -> None:
    day = desk.day(-2).date()
    found = desk.parting(with_entry(desk.book, CashEntry("1", kind, day, "", "USD", Decimal(amount), asset)))
    assert total(found, cause) == pytest.approx(amount, abs=0.05)
    row = found.first_apart(1e-7)
    assert row is not None
    assert (found.dates[row[0]].date(), row[1]) == (day, cause)


def test_fees_beyond_the_modelled_costs_are_fees(desk: Desk) -> None:
    more = Decimal(40_000)
    first = desk.book.blotter.fills[0]
    dear = with_fills(desk.book, lambda each: replace(each, cash=each.cash - more) if each == first else each)
    found = desk.parting(dear)
    assert total(found, "fees") == pytest.approx(-float(more), abs=0.05)
    assert others(found, "fees") < 1e-9


def test_a_deposit_comes_to_both(desk: Desk) -> None:
    amount, day = Decimal(3_000_000), desk.day(-2).date()
    found = desk.parting(with_entry(desk.book, CashEntry("1", "deposit", day, "", "USD", amount)))
    assert found.live.flows.sum() == found.test.flows.sum() == float(amount)
    assert found.first_apart(1e-9) is None
    assert np.abs(found.live.returns - found.test.returns).max() < 1e-9


def test_a_split_changes_no_value_whether_it_is_booked_or_not(desk: Desk) -> None:
    market, row = desk.portfolio.market, OPENED + 4
    splits, prices = np.ones(market.shape), market.prices.copy()
    splits[row, 0] = 2.0
    prices[row:, 0] /= 2.0
    split = replace(desk.portfolio, market=replace(market, splits=splits, prices=prices))
    before = with_fills(
        desk.book,
        lambda f: replace(f, units=f.units * 2) if f.asset == "A" and f.day >= market.dates[row].date() else f,
    )
    (name,) = (event.name for event in events_since(before, split))
    plain = desk.parting(desk.book).live.nav
    for book in (before, with_event(before, split, name)):
        assert desk.parting(book, split).live.nav == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("use", ["cash", "reinvest"])
def test_a_dividend_that_is_booked_is_that_of_the_backtest_but_for_its_use(desk: Desk, use: Any) -> None:
    market, row, paid = desk.portfolio.market, OPENED + LISTS + 1, 0.5
    assert market.dates[row].date() > last_day(desk.book)
    dividends, returns = np.zeros(market.shape), market.returns.copy()
    dividends[row, 0] = paid
    returns[row, 0] += paid / market.prices[row - 1, 0]
    paying = replace(desk.portfolio, market=replace(market, dividends=dividends, returns=returns), dividends=use)
    (event,) = events_since(desk.book, paying)
    found = desk.parting(with_event(desk.book, paying, event.name), paying)
    income = float(desk.book.holders[0].units["A"]) * paid
    assert found.live.income.sum() == pytest.approx(income)
    moved = market.prices[-1, 0] / market.prices[row, 0] - 1.0 if use == "reinvest" else 0.0
    assert total(found, "dividends") == pytest.approx(-income * moved, abs=0.05)
    assert others(found, "dividends") < 1e-9


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(*[st.integers(-20, 20)] * 3, st.integers(0, 2)), min_size=8, max_size=8))
def test_whatever_is_done_otherwise_nothing_is_left_unexplained(desk: Desk, changes: list[tuple[int, ...]]) -> None:
    """Fills of other units, prices, fees and days."""
    dates = desk.portfolio.market.dates

    def other(fill: BookedFill) -> BookedFill:
        units, price, fee, days = changes[desk.book.blotter.fills.index(fill) % len(changes)]
        amount = fill.units * (100 + units) / 100
        worth = fill.worth / fill.units * amount * (1000 + price) / 1000
        day = dates[dates.get_loc(pd.Timestamp(fill.day)) + days].date()
        return replace(fill, units=amount, worth=worth, cash=-worth - 1_000 * (25 + fee), day=day)

    found = desk.parting(with_fills(desk.book, other))
    assert abs(total(found, "unexplained")) < 1e-9 * found.test.nav[0]
    assert others(found, "trades of one alone", "size of trades", "whole lots", "price of fills", "fees") < 1e-9


def test_a_stated_nav_that_fills_do_not_explain_is_unexplained(desk: Desk) -> None:
    nav = desk.parting(desk.book).live.nav
    history = NavHistory(OPENED, np.where(np.arange(len(nav)) < 5, nav, nav - 2_000_000.0)[:-1], np.zeros(len(nav)))
    found = desk.parting(desk.book, replace(desk.portfolio, nav_history=history))
    assert total(found, "unexplained") == pytest.approx(-2_000_000.0, abs=0.05)
    assert found.first_apart() == (5, "unexplained")


def test_a_history_of_other_holdings_is_left_out_and_told(desk: Desk) -> None:
    size = ROWS - OPENED
    doubled = replace(desk.portfolio, nav_history=NavHistory(OPENED, np.full(size - 1, 3e9), np.zeros(size)))
    band = desk.portfolio.policies["band"]
    found, fault = live_report(doubled, band, "band", desk.book), "ends at 3,000,000,000.00 one close before the last"
    assert found.parting.live.nav.tolist() == desk.parting(desk.book).live.nav.tolist()
    assert fault in found.warnings[-1]
    with pytest.raises(DataError, match=f"the live record of .* is not known: `nav_history` {fault}"):
        live_report(doubled, band, "band", None)


def test_costs_by_name_are_those_of_the_days_compared(desk: Desk) -> None:
    last = max(fill.day for fill in desk.book.blotter.fills)
    row = desk.portfolio.market.row(pd.Timestamp(last)) - 1
    of = desk.parting(desk.book, replace(desk.portfolio, market=desk.portfolio.market.until(desk.day(row)))).live
    assert of.costs is not None
    assert 0.0 < sum(of.costs.values()) == pytest.approx(of.fees[1:].sum())


def test_what_has_no_record_is_refused(desk: Desk) -> None:
    with pytest.raises(
        ConfigError, match=r"neither a book nor a `nav_history`\. Open a book: rebalance desk book open"
    ):
        desk.parting(None)
    fresh = replace(desk.book, opened=desk.day(-1).date())
    with pytest.raises(DataError, match=r"a record needs one before and two after it\. Update the prices\."):
        desk.parting(fresh)
    coin = replace(desk.book, entries=(CashEntry("1", "fee", desk.day(-2).date(), "", "BNB", Decimal(-1)),))
    with pytest.raises(DataError, match="amounts of BNB, of which the market has no quotes"):
        desk.parting(coin)


def test_the_command_prints_both_columns_and_writes_a_page(desk: Desk, tmp_path: Path) -> None:
    done = rebalance("desk", "history", desk.file, "--view", "live", "--out", tmp_path / "page.html")
    assert done.status == 0, done.err
    assert "They have not parted by more than 10 bp of NAV." in done.out
    assert re.search(r"^costs of trading +(\d[\d,]+)\.\d\d +\1\.\d\d +[+−]?0\.0\d$", done.out, re.MULTILINE)
    assert re.search(r"^orders +4\.00 +4\.00 +0\.00$", done.out, re.MULTILINE)
    assert re.search(r"^growth a year, % +– +– +–$", done.out, re.MULTILINE)  # of eleven days
    assert "Implementation, live less the backtest: not known yet, after 11 days" in done.out
    assert "How long until we know" not in done.out
    page = (tmp_path / "page.html").read_text()
    assert page.count("<section") >= 5
    assert "http" not in page.replace("http://www.w3.org", "")
    assert rebalance("desk", "history", desk.file, "--view", "live", "--out", "page.pdf").status == 2
    none = rebalance("desk", "history", FILE, "--view", "live")
    assert (none.status, "has no live record" in " ".join(none.err.split())) == (2, True)


def test_a_record_of_years_that_falls_behind_contradicts_the_backtest_first_and_then_the_test() -> None:
    """The NAV of the backtest less half a percent a year, with noise; the file has no book."""
    portfolio = load_portfolio(FILE)
    market, band = portfolio.market, portfolio.policies["threshold"]
    row = market.row("2018-12-31")
    blank = NavHistory(row, np.ones(len(market.dates) - 1 - row), np.zeros(len(market.dates) - row))
    test = beside_backtest(replace(portfolio, nav_history=blank), band, "threshold", None).test.nav
    noise = 1e-5 * np.random.default_rng(0).standard_normal(len(test))
    nav = test * np.cumprod(1.0 - 0.005 / 252.0 + noise)
    stated = replace(portfolio, nav_history=replace(blank, nav=nav[:-1] * portfolio.nav / nav[-1]))
    found = live_report(stated, band, "threshold", None)
    implementation, excess = found.headlines[-2:]
    ends = r"−0\.\d\d \[−0\.\d\d, −0\.\d\d\] % a year"
    assert re.search(
        rf"{ends}: live contradicts the backtest, as the interval of 2020-\d\d-\d\d lies apart\.", implementation
    )
    assert "beyond the file's materiality of 1.00 bp a year" in implementation
    assert re.search(
        r"Excess over quarterly: in the test .* live contradicts the test, as the interval of 2022-\d\d-\d\d", excess
    )
    assert (found.parting.first_apart() or (0, ""))[1] == "unexplained"
    assert "fills are not known" in found.text
    assert re.search(r"^growth a year, % +[−\d]", found.text, re.MULTILINE)
    check_page(found.page(), drawn=1)


@pytest.mark.usefixtures("home")
def test_a_list_that_is_executed_on_paper_parts_by_its_fees_alone(tmp_path: Path) -> None:
    """Paper charges the costs that the ticket expects, of the closes at which its orders were sized."""
    file, ticket = opened(tmp_path), tmp_path / "list.json"
    assert rebalance("trades", file, "--as-of", "2021-03-31", "--out", ticket).status == 0
    sent = ("--confirm", json.loads(ticket.read_text())["hash"][:8])
    assert rebalance("desk", "execute", ticket, "--exchange", "paper", "--portfolio", file, *sent).status == 0
    whole = load_portfolio(file)
    short = replace(whole, market=whole.market.until(whole.market.dates[OPENED + 4]))
    found = Desk(file, short, read_book("live")).parting(read_book("live"))
    assert not found.alone.any()
    assert 0.0 < abs(total(found, "fees")) < 1e-2 * found.test.fees.sum()
    assert others(found, "fees") < 1e-9
