"""Rows of brokers' files that name an asset their own way, and what stands around them: subtotals, pence, the day."""

from datetime import date
from pathlib import Path

import pytest
from cases import cases

from foundation.errors import ConfigError, DataError
from research.portfolio import load_portfolio
from research.portfolio.holdings.brokers.positions import Positions, read_positions
from research.portfolio.holdings.brokers.statement_day import age_note, days_in
from research.portfolio.holdings.brokers.symbols import AssetNames

NAMES = AssetNames(["SPY", "BRK-B", "META", "KOR-B", "VOD"], {"X1": "SPY", "GONE": "ignore"})


@cases(
    "asset, written",
    ("BRK-B", ("BRK-B", "BRK.B", "BRK/B", "BRK B", "BRKB", "brk.b", "US0846707026")),
    ("META", ("META", "FB")),  # its former name
    ("KOR-B", ("KOR-B", "KOR.B", "KOR/B", "KOR B", "KORB")),  # which no table knows
    ("SPY", ("SPY", "X1", "US78462F1030", "SPDR S&P 500 ETF Trust")),
    ("GLD", ("GLD",)),  # of no portfolio
    ("ignore", ("GONE",)),
)
def test_each_way_to_write_an_asset_is_the_asset(asset: str, written: tuple[str, ...]) -> None:
    assert [NAMES.of(text) for text in written] == [asset] * len(written)


def test_two_assets_in_one_row_are_refused() -> None:
    assert NAMES.first("BRK/B", "US0846707026") == "BRK-B"
    with pytest.raises(DataError, match=r"the row names two assets: 'BRK/B' is BRK-B and 'US78462F1030' is SPY"):
        NAMES.first("BRK/B", "US78462F1030")


def reading(tmp_path: Path, text: str, *assets: str) -> Positions:
    path = tmp_path / "positions.csv"
    path.write_text(text, encoding="utf-8")
    return read_positions(path, assets or ("SPY", "BRK-B"), currencies={"VOD": "GBP"} if "VOD" in assets else None)


@cases(
    "text",
    "Symbol,Quantity\nSPY,3\nBRK B,4\nCash,5\n",
    "Product;ISIN;Quantity\nFund A;US78462F1030;3\nShare D;US0846707026;4\nCash;;5\n",
    "Symbol,ISIN,Quantity\n2B7K,US78462F1030,3\nBRKB,US0846707026,4\nCash,,5\n",  # a broker's own ticker
)
def test_positions_are_of_the_asset_that_a_row_names(tmp_path: Path, text: str) -> None:
    got = reading(tmp_path, text)
    assert (got.units, got.balances) == ({"SPY": 3.0, "BRK-B": 4.0}, {"USD": 5.0})


def test_a_row_of_two_assets_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^positions\.csv, row 3, .*the row names two assets"):
        reading(tmp_path, "Symbol,ISIN,Quantity\nSPY,US78462F1030,3\nBRKB,US78462F1030,4\nCash,,5\n")


@cases(
    "column, cell",
    ("Side", "Short"), ("Long/Short", "Short"), ("L/S", "S"), ("Direction", "SELL"), ("Account Type", "Short"),
)  # fmt: skip
def test_a_short_position_in_words_is_refused_and_the_term_of_a_lot_is_none(
    tmp_path: Path, column: str, cell: str
) -> None:
    with pytest.raises(DataError, match=r"^positions\.csv, row 3, column 'Quantity': a short position of BRK B"):
        reading(tmp_path, f"Symbol,{column},Quantity\nSPY,Long,3\nBRK B,{cell},4\nCash,,5\n")
    assert reading(tmp_path, "Symbol,Term,Quantity\nSPY,Short,3\nCash,,5\n").units == {"SPY": 3.0}


def test_totals_of_accounts_and_tables_of_orders_and_closed_positions_are_not_held(tmp_path: Path) -> None:
    got = reading(tmp_path, "Account,Symbol,Quantity\nU1,SPY,1\nU2,SPY,2\nAll accounts,SPY,3\nU1,Cash,5\n")
    assert (got.units, got.balances) == ({"SPY": 3.0}, {"USD": 5.0})
    held = "Symbol,Quantity\nSPY,3\nCash,5\n\n"
    for more in ("Open orders\nSymbol,Quantity,Side\nSPY,300,Buy\n", "Symbol,Quantity,Limit Price\nSPY,300,150\n",
                 "Closed positions\nSymbol,Quantity\nSPY,300\n"):  # fmt: skip
        got = reading(tmp_path, held + more)
        assert (got.units, got.balances) == ({"SPY": 3.0}, {"USD": 5.0})
        assert any("a table of what is not held begins here and is ignored" in note for note in got.notes)


def test_subtotals_of_classes_are_left_out_and_said_and_other_rows_without_a_symbol_are_not(tmp_path: Path) -> None:
    head, rows = "Name,Symbol,Shares,Market Value\n", ("Fund A,SPY,3,900.00\n", "Share D,BRK-B,4,600.50\n")
    above, below = "Equity,,,1500.50\n", "All shares,,,1500.50\n"
    for text in (above + "".join(rows), "".join(rows) + below, f"Bonds,,,900.00\n{rows[0]}Stocks,,,600.50\n{rows[1]}"):
        got = reading(tmp_path, f"{head}{text}Cash,,,10\n")
        assert (got.units, got.balances) == ({"SPY": 3.0, "BRK-B": 4.0}, {"USD": 10.0})
        assert any("a subtotal" in note and "left out" in note for note in got.notes)
    with pytest.raises(DataError, match="not an asset of the portfolio: found 'Equity'"):
        reading(tmp_path, f"{head}Equity,,,1500.40\n{''.join(rows)}Cash,,,10\n")


@cases(
    "price, value, currency",
    ("85.5", "8550", "GBX"), ("85.5", "8550", "GBp"), ("85.5", "85.50", "GBX"), ("0.855", "85.50", "GBP"),
    ("85.5p", "£85.50", ""), ("£0.855", "85.5", "GBP"),
)  # fmt: skip
def test_pence_are_hundredths_of_a_pound(tmp_path: Path, price: str, value: str, currency: str) -> None:
    rows = f"Symbol,Quantity,Price,Market Value,Currency\nVOD,100,{price},{value},{currency}\nCash,,,5,GBP\n"
    assert [(row.price, row.value) for row in reading(tmp_path, rows, "VOD").held] == [(0.855, 85.5)]
    assert reading(tmp_path, rows.replace("5,GBP", "2500,GBX"), "VOD").balances == {"GBP": 25.0}


@cases(
    "title, day",
    ("Positions as of 04:48 PM ET, 2019/11/29", date(2019, 11, 29)),
    ("Stand 29.11.2019", date(2019, 11, 29)),
    ("Generated at Nov 29 2019 05:12 PM", date(2019, 11, 29)),
    ("November 1, 2019 - November 29, 2019", date(2019, 11, 29)),
    ("29-Nov-2019", date(2019, 11, 29)),
    ("as of 10/11/2019", date(2019, 11, 10)),  # or October 11: the later one counts
)
def test_the_age_of_a_statement_is_told_by_its_own_words(tmp_path: Path, title: str, day: date) -> None:
    got = reading(tmp_path, f'"{title}"\n\nSymbol,Quantity\nSPY,1\nBRK-B,2\nCash,3\n')
    last = date(2020, 2, 28)
    assert f"is of {day} by its own words, {(last - day).days} days before" in age_note(got.file, got.days, last)
    assert age_note(got.file, got.days, day) == ""
    assert age_note("x", days_in(["as of 2020-02-27", "since 2001-01-01"]), last) == ""


def test_cash_below_zero_by_less_than_a_cent_a_row_is_rounding_and_more_is_a_debt(tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    given = {"positions": {"file": str(path)}}
    path.write_text("Symbol,Quantity\nSPY,3000\nAGG,4000\nCash,-0.03\n")
    got = load_portfolio("data/portfolios/sixty_forty.yaml", given)
    assert (got.cash, any("taken for rounding" in note for note in got.notes)) == (-0.03, True)
    path.write_text("Symbol,Quantity\nSPY,3000\nAGG,4000\nCash,-0.04\n")
    with pytest.raises(ConfigError, match=r"negative cash.*Pay the debt"):
        load_portfolio("data/portfolios/sixty_forty.yaml", given)


def test_a_list_of_transactions_is_no_list_of_positions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1: a list of transactions, not of positions: found 'Sell'"):
        reading(tmp_path, "Date,Ticker,Way,Shares,Price\n2022-12-30,SPY,Sell,3,383.5\n")
