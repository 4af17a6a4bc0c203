"""A row is one equation: generated rows of brokers, at each door, against the cash that their numbers mean."""

import json
import random
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cases import cases

from foundation.errors import DataError
from research.orders.booking import open_book
from research.orders.bookkeeping.activity import Activity, read_activity
from research.orders.bookkeeping.equation import RowTerms, rate_error, solved
from research.orders.bookkeeping.importing import with_activity, with_clear_items, with_item
from research.orders.bookkeeping.preview import previewed
from research.orders.bookkeeping.transaction import FileStatements
from research.portfolio import Portfolio, load_portfolio
from research.portfolio.holdings.blotter import Blotter, SentOrder

CASH = "cash: {USD: 100_000, EUR: 90_000, GBP: 80_000}\nfx: {EURUSD: 1.1, GBPUSD: 1.28}"
CENTS, ROWS = Decimal("0.01"), 500


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """A portfolio with cash in three currencies, whose list, to sell SPY and to buy AGG, was sent."""
    file, text = tmp_path_factory.mktemp("desk") / "desk.yaml", Path("data/portfolios/sixty_forty.yaml").read_text()
    file.write_text(re.sub("(?m)^cash: .*", CASH, text))
    portfolio = load_portfolio(file)
    orders = [(side, "", asset, side, Decimal(1_000)) for side, asset in (("sell", "SPY"), ("buy", "AGG"))]
    return replace(portfolio, blotter=Blotter(portfolio.date.date(), "", tuple(SentOrder(*of) for of in orders)))  # type: ignore[arg-type]


def read(tmp_path: Path, row: dict[str, str], portfolio: Portfolio, door: str = "csv") -> Activity:
    """The row as a file: a CSV, or JSON as interfaces answer."""
    path = tmp_path / f"row.{door}"
    table = ",".join(row) + "\n" + ",".join(f'"{cell}"' for cell in row.values()) + "\n"
    path.write_text(json.dumps([row]) if door == "json" else table)
    return read_activity(path, portfolio, FileStatements())


class Row:
    """A row of a broker whose numbers are known: its cells, and the cash by currency that it moves."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        pick = self.draw.choice
        self.buys, self.units = pick([True, False]), Decimal(pick([7, 33, 100, 130]))
        price = Decimal(pick(["97.4", "97.45", "98"]) if self.buys else pick(["383.5", "383.44", "384"]))
        fee, tax = Decimal(pick(["0", "1.25", "4.95", "0.35"])), Decimal(pick(["0", "0", "2.10", "10"]))
        currency = pick(["USD", "USD", "USD", "EUR", "GBP"])
        rate = {
            "USD": Decimal(1),
            "EUR": Decimal(pick(["1.0964", "1.1021"])),
            "GBP": Decimal(pick(["1.2811", "1.2749"])),
        }
        by = Decimal(100) if currency == "GBP" and pick([True, False]) else Decimal(1)
        worth, sign = (self.units * price / rate[currency]).quantize(CENTS), 1 if self.buys else -1
        is_net = pick([True, False])
        amount = (worth + sign * (fee + tax) * is_net) * by
        self.cash = {currency: -sign * worth - fee - tax}
        name = pick(["Amount", "Total", "Net Amount" if is_net else "Gross Amount"])
        if currency != "USD" and name in ("Amount", "Total"):  # within the digits of a rate both may fit
            name = "Net Amount" if is_net else "Gross Amount"
        self.notation = pick(["plain", "thousands", "power", "sign"])
        self.cells = {
            "Trade Date": "2022-12-30",
            "Action": "Buy" if self.buys else "Sell", "Symbol": "AGG" if self.buys else "SPY",
            "Quantity": self.text(self.units * (1 if self.buys else pick([1, -1])), money=False),
            "Price": self.text(price), name: self.text(amount * pick([-sign, 1]), money=currency == "USD"),
            "Commission": self.text(fee * pick([1, -1]) * by, money=False) if fee else "",
            "Tax": self.text(tax * pick([1, -1]) * by, money=False) if tax else "", "Currency": "USD",
        }  # fmt: skip
        if currency != "USD":
            shown = pick([rate[currency], (1 / rate[currency]).quantize(Decimal("1e-6"))])
            del self.cells["Currency"]
            of_amount = currency if by == 1 else pick(["GBX", "GBp"])
            self.cells |= {"Price Currency": "USD", "Exchange Rate": str(shown), "Currency (Total)": of_amount}

    def text(self, number: Decimal, *, money: bool = True) -> str:
        """A number in the notation of the row, and any way to write a minus."""
        size = abs(number)
        text = {"thousands": f"{size:,f}", "power": f"{size:E}", "sign": f"${size:,f}" if money else f"{size:,f}"}
        said = text.get(self.notation, f"{size:f}")
        return self.draw.choice(("-{}", "({})", "{}-", "−{}")).format(said) if number < 0 else said


@pytest.mark.parametrize("door", ["csv", "json"])
def test_generated_rows_book_the_cash_that_their_numbers_mean(sent: Portfolio, tmp_path: Path, door: str) -> None:
    """Sign, net or gross, fee, tax, settlement, notation and hundredths: no silent error, and none refused."""
    book = open_book(sent, "desk")
    before = book.holders[0].cash
    for seed in range(ROWS):
        row = Row(seed)
        activity = read(tmp_path, row.cells, sent, door)
        after = with_activity(book, sent, activity, {}).book
        assert after.open_items == (), (seed, row.cells)
        moved = {code: cash - before[code] for code, cash in after.holders[0].cash.items() if cash != before[code]}
        assert moved == {code: cash for code, cash in row.cash.items() if cash}, (seed, row.cells)
        shown = previewed(activity, book, after)
        assert {each.booking for each in shown} == {"booked"}
        for code, cash in row.cash.items():
            assert sum(each.cash for each in shown if each.currency == code) == cash


PLAIN = {"Trade Date": "2022-12-30", "Action": "Buy", "Symbol": "AGG", "Quantity": "100", "Price": "97.4"}


@cases(
    "cells, cash",
    ({"NetCash": "-9741.25", "Commission": "-1.25"}, "-9741.25"),  # costs signed, as Interactive Brokers does
    ({"Proceeds": "-9740", "Commission": "-1.25"}, "-9741.25"),
    ({"Amount": "9740", "Fee": "1.5"}, "-9741.50"),
    ({"Net Amount": "-9739.65", "Fee": "-0.35"}, "-9739.65"),  # a rebate
    ({"Amount": "-9740.30"}, "-9740.30"),  # a price that is rounded to the cent
    ({"Quantity": "33.3333", "Price": "97.4", "Amount": "-3246.66"}, "-3246.66"),
    ({"Price": "", "Amount": "-9740"}, "-9740.00"),
    ({"Price": "", "Net Amount": "-9741.25", "Fee": "1.25"}, "-9741.25"),
)
def test_signs_and_net_or_gross_follow_from_the_numbers(
    sent: Portfolio, tmp_path: Path, cells: dict[str, str], cash: str
) -> None:
    book = open_book(sent, "desk")
    after = with_activity(book, sent, read(tmp_path, PLAIN | cells, sent), {}).book
    assert after.open_items == ()
    assert after.holders[0].cash["USD"] - book.holders[0].cash["USD"] == Decimal(cash)


@cases(
    "cells, why",
    ({"Amount": "-974"}, "times price are 9,740.00 USD, fees are none, and the amount is -974 USD: they fit in no"),
    ({"Amount": "-9744.95", "Handling": "4.95"}, "where 'Handling' is a fee, say so: --form fees='Handling'"),
    ({"Quantity": "-100"}, "it is bought, and its units are -100: say whether it was cancelled, or sold"),
    ({"Amount": "-7600", "Currency (Total)": "CHF"}, "they fit in no one way"),
    ({"Amount": "-9027.03", "Exchange Rate": "0.9268", "Currency (Total)": "CHF"}, "it is paid in CHF: state cash in"),
)
def test_a_row_that_does_not_fit_is_listed_and_books_nothing(
    sent: Portfolio, tmp_path: Path, cells: dict[str, str], why: str
) -> None:
    book = open_book(sent, "desk")
    after = with_activity(book, sent, read(tmp_path, PLAIN | cells, sent), {}).book
    (item,) = after.open_items
    assert why in item.why
    assert after.holders == book.holders
    again = with_activity(after, sent, Activity(()), {}).book  # nor is it booked by a later file, or settled
    assert (again.holders, [each.why for each in again.open_items]) == (book.holders, [item.why])
    assert with_clear_items(again, sent)[1] == ()
    assert with_item(again, sent, item.name).open_items == ()


BUY_AGG = "2022-12-30,AGG,Buy,100,97.40"
PP = "Datum;Typ;Wertpapier;ISIN;Symbol;Stück;Kurs;Betrag;Gebühren;Steuern;Gesamtpreis\n"
FILES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "status": (
        f"""\
Date,Symbol,Side,Qty,Price,Commission,Amount,Status
{BUY_AGG},4.95,-9744.95,Filled
{BUY_AGG},4.95,-9744.95,
2022-12-30,AGG,Buy,100,40,4.95,-4004.95,Cancelled
2022-12-30,SPY,Sell,100,383.5,4.95,38345.05,Rejected
2022-12-30,SPY,Sell,100,,,,EXPIRED
2022-12-30,SPY,Sell,100,383.5,4.95,38345.05,halb
""",
        "-19489.90",
        ("its status is 'Cancelled'", "its status is 'Rejected'", "its status is 'EXPIRED'", "its status is 'halb'"),
    ),
    "order status": (
        f"Date,Symbol,Side,Qty,Price,Order Status\n{BUY_AGG},FILLED\n{BUY_AGG},OPEN\n{BUY_AGG},pending_new\n",
        "-9740.00",
        ("its status is 'OPEN'", "its status is 'pending_new'"),
    ),
    "status in German": (
        "Datum;Symbol;Seite;Stück;Kurs;Status\n30.12.2022;AGG;Kauf;100;97,40;ausgeführt\n"
        "30.12.2022;AGG;Kauf;100;97,40;storniert\n",
        "-9740.00",
        ("its status is 'storniert'",),
    ),
    "brokerage": (f"Date,Symbol,Side,Quantity,Price,Brokerage\n{BUY_AGG},4.95\n", "-9744.95", ()),
    "several costs": (
        f"Date;Symbol;Side;Quantity;Price;Brokerage;Stamp duty\n{BUY_AGG.replace(',', ';')};4.95;0.50\n",
        "-9745.45",
        (),
    ),
    "costs of three names": (
        f"Date,Symbol,Side,Quantity,Price,Commission,GST,Clearing fee\n{BUY_AGG},4.95,0.5,0.1\n",
        "-9745.55",
        (),
    ),
    "a cost of an unknown name": (
        f"Date,Symbol,Side,Quantity,Price,Handling,Order No,Limit Price\n{BUY_AGG},4.95,77,98\n{BUY_AGG},,78,98\n"
        f"{BUY_AGG},0.00,79,98\n",
        "-19480.00",
        ("'Handling' is 4.95, and may be a cost: where it is one, say so: --form fees='Handling'",),
    ),
    "gross and net of Portfolio Performance": (
        f"{PP}2022-12-30T10:00;Kauf;iShares;;AGG;100;97,40;9.740,00;4,95;0,00;9.744,95\n"
        "2022-12-30T10:01;Kauf;iShares;;AGG;100;97,40;9.740,00;4,95;7,00;9.751,95\n",
        "-19496.90",
        (),
    ),
    "an amount that no solution explains": (
        f"{PP}2022-12-30T10:00;Kauf;iShares;;AGG;100;97,40;9.700,00;4,95;0,00;9.744,95\n",
        "0",
        ("the amount is 9,744.95 and 9,700 USD: they fit in no one way",),
    ),
    "gross and net in English": (
        "Date,Type,Security,ISIN,Symbol,Shares,Quote,Amount,Fees,Taxes,Net Transaction Value\n"
        '2022-12-30T10:00,Buy,iShares,,AGG,100,97.40,"9,740.00",4.95,7.00,"9,751.95"\n',
        "-9751.95",
        (),
    ),
    "negative interest among unsigned outflows": (
        "id,moment,kind,amount,currency\n1,2022-12-30,deposit,5000,USD\n2,2022-12-30,interest,-20,USD\n"
        "3,2022-12-30,fee,12.50,USD\n4,2022-12-30,withdrawal,300,USD\n",
        "4667.50",
        (),
    ),
    "a negative fee among signed outflows": (
        "id,moment,kind,amount,currency\n1,2022-12-30,fee,-2,USD\n2,2022-12-30,fee,12.50,USD\n",
        "10.50",
        (),
    ),
    "a dividend with units and a price": (
        "Action,Time,Ticker,No. of shares,Price / share,Total,ID\n"
        "Market buy,2022-12-30 15:00:00,AGG,100,97.40,9740,E1\n"
        "Dividend (Ordinary),2022-12-30 16:00:00,SPY,100,0.5,42.50,\n",
        "-9740.00",
        ("the broker states no id of it",),
    ),
    "a row without a side": (
        f"Date,Symbol,Side,Quantity,Price\n{BUY_AGG}\n2022-12-30,AGG,Perhaps,100,97.40\n",
        "-9740.00",
        ("nothing says whether AGG is bought or sold. Name a column side",),
    ),
    "an unknown column of the side": (
        "Date,Symbol,Vorfall,Quantity,Amount\n2022-12-30,AGG,Kauf,100,9740\n",
        "0",
        ("nothing says whether AGG is bought or sold. Name a column side",),
    ),
    "the side in German": ("Date,Symbol,Kauf/Verkauf,Quantity,Price\n2022-12-30,AGG,Kauf,100,97.4\n", "-9740.00", ()),
    "options beside shares": (
        "Date,Action,Symbol,Description,Quantity,Price,Fees,Asset Class\n2022-12-30,Buy,AGG,iShares,100,97.40,,ETF\n"
        "2022-12-30,Buy to Open,AGG,AGG 03/20/2023 30.00 C,1,119.00,0.66,\n"
        "2022-12-30,BTO,AGG,iShares,1,119.00,0.66,\n"
        "2022-12-30,Buy,AGG,iShares,1,119.00,0.66,OPT\n"
        "2022-12-30,Buy,AGG,CALL (AGG) ISHARES MAR 20 23 $30 (100 SHS),1,119.00,0.66,\n",
        "-9740.00",
        4 * ("an option, a future or a warrant, and no unit of AGG",),
    ),
}  # a file, the cash that it moves, and why its other rows are listed


@pytest.mark.parametrize("name", FILES)
def test_rows_that_may_be_no_fill_are_listed_beside_those_that_are_booked(
    sent: Portfolio, tmp_path: Path, name: str
) -> None:
    text, cash, whys = FILES[name]
    path, book = tmp_path / "file.csv", open_book(sent, "desk")
    path.write_text(text)
    after = with_activity(book, sent, read_activity(path, sent, FileStatements(zone="Europe/Berlin")), {})
    listed = [*(item.why for item in after.book.open_items), *after.notes]
    assert after.book.holders[0].cash["USD"] - book.holders[0].cash["USD"] == Decimal(cash), listed
    assert [why for why in whys if not any(why in each for each in listed)] == [], listed
    assert len(after.book.open_items) + len([each for each in after.notes if "row" in each]) == len(whys), listed
    assert with_clear_items(after.book, sent)[0].holders == after.book.holders


def test_a_trade_in_words_without_units_is_no_amount_of_cash(sent: Portfolio, tmp_path: Path) -> None:
    for column in ("Event", "Vorfall"):
        row = {"Date": "2022-12-30", "Symbol": "AGG", column: "Buy 100 @ 97.40 USD", "Amount": "-9740"}
        with pytest.raises(DataError, match="a trade without units and price"):
            read(tmp_path, row, sent)


def test_an_amount_within_the_rounding_of_its_price_is_not_taken_for_net_or_gross_by_chance() -> None:
    """Ten thousand units at 1.49 may be 50 apart: a fee of 4.95 does not show whether it is in an amount 20 apart."""

    def found(**more: Any) -> Any:
        terms = {"buys": True, "units": Decimal(10_000), "price": Decimal("1.49"), "amount": Decimal(14_920)}
        return solved([RowTerms(**terms | more)])  # type: ignore[arg-type]

    assert found(fees=(Decimal("4.95"),)) is None
    assert found(fees=(Decimal("4.95"),), is_net=True).worth == Decimal("14915.05")
    assert found(fees=(Decimal("4.95"),), is_net=False).worth == Decimal(14_920)
    assert found(fees=(Decimal("4.95"),), amount=Decimal("14904.95")).is_net
    rate = Decimal("1.1021")
    assert found(fees=(), amount=Decimal("16421"), rate=rate, rate_error=rate_error(rate)).price == Decimal("1.49")
