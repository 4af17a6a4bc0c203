"""A broker's positions as it exports them: the layouts of four brokers, their oddities, and every mistake told at once.

The layouts are those that the brokers' help pages and public importers of them describe; the numbers are made.
"""

import csv
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cases import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from injections import INJECTIONS

from foundation.errors import DataError
from research.portfolio.holdings.brokers.positions import held_symbols, odd_lots, read_positions
from research.portfolio.holdings.held_rows import Positions

ASSETS = ("SPY", "AGG", "BRK.B")
EXPORTS = Path(__file__).parent / "exports"
SCHWAB = (EXPORTS / "schwab.csv").read_text(encoding="utf-8")
SCHWAB_ALL = (EXPORTS / "schwab_all_accounts.csv").read_text(encoding="utf-8")
FIDELITY = (EXPORTS / "fidelity.csv").read_text(encoding="utf-8")
VANGUARD = (EXPORTS / "vanguard.csv").read_text(encoding="utf-8")
INTERACTIVE = (EXPORTS / "interactive_brokers.csv").read_text(encoding="utf-8")
FLEX = (EXPORTS / "interactive_brokers_flex.csv").read_text(encoding="utf-8")


def reading(folder: Path, text: str | bytes, **given: Any) -> Positions:
    path = folder / "positions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_positions(path, given.pop("assets", ASSETS), **given)


def refused(folder: Path, text: str | bytes, **given: Any) -> str:
    with pytest.raises(DataError) as error:
        reading(folder, text, **given)
    return str(error.value)


# -- four brokers ----------------------------------------------------------------------------------------------------


@cases(
    "text, symbols",
    (SCHWAB, ("SPY", "AGG")),
    (SCHWAB_ALL, ("SPY",)),
    (FIDELITY, ("SPY",)),
    (VANGUARD, ("AGG",)),
    (INTERACTIVE, ("BRK B", "SPY")),
    (FLEX, ("SPY", "AGG")),
)
def test_the_symbols_that_are_held_are_known_before_the_lines_are(
    tmp_path: Path, text: str, symbols: tuple[str, ...]
) -> None:
    (tmp_path / "positions.csv").write_text(text)
    assert tuple(held_symbols(tmp_path / "positions.csv")) == symbols


def test_schwab(tmp_path: Path) -> None:
    got = reading(tmp_path, SCHWAB)
    assert got.units == {"SPY": 3_260.0, "AGG": 7_460.25}
    assert got.balances == {"USD": 21_350.40}
    assert got.accounts == ()
    assert got.values == {"SPY": 1_250_014.40, "AGG": 727_001.36}
    assert got.notes == (
        "positions.csv, row 6: Futures Cash has neither units nor value.",
        "positions.csv, row 7: Cash & Cash Investments of 21,350.40 is taken for cash.",
        "positions.csv, row 8 is no position: a total, 'Account Total'.",
    )


def test_schwab_of_all_accounts_is_added_by_account(tmp_path: Path) -> None:
    got = reading(tmp_path, SCHWAB_ALL)
    assert (got.units, got.balances) == ({"SPY": 15.0}, {"USD": 150.0})
    assert got.accounts == ("Individual ...123", "Roth IRA ...456")
    assert "SPY is held in 2 accounts, Individual ...123, Roth IRA ...456: its units are added." in got.notes


def test_fidelity(tmp_path: Path) -> None:
    """Margin and Cash under "Type" say how a holding is held, not that it is cash."""
    got = reading(tmp_path, "\ufeff" + FIDELITY)
    assert (got.units, got.balances) == ({"SPY": 12.5, "AGG": 0.0}, {"USD": 1_000.5})
    assert got.accounts == ("Z12345678", "X98765432")
    assert [note.partition(": ")[2] for note in got.notes[:3]] == [
        "SPAXX** of 1,250.75 is taken for cash.",
        "Pending Activity of -250.25, which settles later, is taken for cash.",
        "AGG has neither units nor value.",
    ]
    assert sum("is no position: text, 'The data" in note for note in got.notes) == 1


def test_vanguard_with_its_transactions_below(tmp_path: Path) -> None:
    got = reading(tmp_path, VANGUARD)
    assert got.units == {"AGG": 100.5}
    assert got.balances == {"USD": 5_000.25}
    assert got.accounts == ("12345678",)
    assert got.notes[0] == "positions.csv, row 6: a table of transactions begins here and is ignored."


def test_vanguard_with_funds_in_a_table_without_symbols(tmp_path: Path) -> None:
    """Its rows go by their descriptions: one that `symbols` does not name is refused like any other unknown row."""
    funds = (
        "Fund Account Number,Fund Name,Price,Shares,Total Value,\n"
        "0099-88012345678,Vanguard 500 Index Fund Admiral Shares,354.25,10.5,3719.63,\n\n"
    )
    trades = (
        "Fund Account Number,Trade Date,Fund Name,Transaction Type,Share Price,Transaction Shares,\n0099,x,y,z,1,2,\n"
    )
    said = refused(tmp_path, funds + VANGUARD)
    assert said.startswith(
        "positions.csv, row 2: not an asset of the portfolio: found 'Vanguard 500 Index Fund Admiral Shares'. Add it"
    )
    symbols = {"Vanguard 500 Index Fund Admiral Shares": "SPY"}
    got = reading(tmp_path, funds + VANGUARD + trades, symbols=symbols)
    assert got.units == {"SPY": 10.5, "AGG": 100.5}
    assert got.accounts == ("0099-88012345678", "12345678")


def test_interactive_brokers_statement(tmp_path: Path) -> None:
    got = reading(tmp_path, INTERACTIVE, symbols={"BRK B": "BRK.B"})
    assert (got.units, got.balances) == ({"BRK.B": 12.0, "SPY": 100.0}, {"USD": 43_419.25})
    assert "positions.csv: sections other than positions and cash are ignored: Trades." in got.notes
    assert "positions.csv, row 11 is no position: a part of the row above." in got.notes


def test_interactive_brokers_flex_query(tmp_path: Path) -> None:
    got = reading(tmp_path, FLEX)
    assert got.units == {"SPY": 100.0, "AGG": 50.5}
    assert got.balances is None
    assert got.accounts == ("U1234567",)


# -- encodings, delimiters, headers, numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_gives_the_same(tmp_path: Path, encoding: str) -> None:
    assert reading(tmp_path, SCHWAB.encode(encoding)) == reading(tmp_path, SCHWAB)


def test_windows_1252_is_read_and_said(tmp_path: Path) -> None:
    got = reading(tmp_path, "Ticker,Name,Shares\nSPY,Société Générale,3\n".encode("cp1252"))
    assert got.units == {"SPY": 3.0}
    assert got.notes == ("positions.csv is not in UTF-8: it is read as Windows-1252.",)


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    got = reading(tmp_path, "Symbol;Quantity;Market Value\nSPY;1.234;47.316,50 $\nUSD;;1'000,5\n")
    assert got.units == {"SPY": 1_234.0}
    assert got.values == {"SPY": 47_316.5}
    assert got.balances == {"USD": 1_000.5}


def test_header_over_two_rows(tmp_path: Path) -> None:
    got = reading(tmp_path, "Depot;;;\nSymbol;Quantity;Market;Last\n;;Value;Price\nSPY;3;1,5;0,5\n")
    assert (got.units, got.values) == ({"SPY": 3.0}, {"SPY": 1.5})


def test_group_header_above_the_header(tmp_path: Path) -> None:
    got = reading(tmp_path, "Security,,Holding,\nSymbol,Name,Quantity,Value\nSPY,x,3,$5\n")
    assert (got.units, got.values) == ({"SPY": 3.0}, {"SPY": 5.0})


def test_columns_are_declared(tmp_path: Path) -> None:
    text = 'Kürzel,Stück,Betrag,Depot\nSPX,3,"1,150.32",A\nGELD,7,7.00,A\nKO,(2,a lot,A\n'
    symbols = {"SPX": "SPY", "GELD": "cash", "KO": "ignore"}
    columns = {"asset": "Kürzel", "units": "stück", "value": "Betrag", "account": "Depot"}
    got = reading(tmp_path, text, columns=columns, symbols=symbols)
    expected = ({"SPY": 3.0}, {"SPY": 1_150.32}, {"USD": 7.0}, ("A",))
    assert (got.units, got.values, got.balances, got.accounts) == expected
    assert got.notes[-1] == "positions.csv, row 4 is no position: KO is left aside, as `symbols` says, worth a lot."


def test_a_row_without_a_symbol_goes_by_its_description(tmp_path: Path) -> None:
    text = "Description,Symbol,Shares,Total Value\nSettlement fund,,9.5,9.5\nS&P 500,null,2,7\n"
    got = reading(tmp_path, text, symbols={"S&P 500": "SPY"})
    assert (got.units, got.balances) == ({"SPY": 2.0}, {"USD": 9.5})


def test_a_value_far_from_units_times_price_is_noted(tmp_path: Path) -> None:
    (note,) = reading(tmp_path, "Symbol,Shares,Price,Value\nSPY,100,3,30\n").notes
    assert "row 2: the value of SPY is 30.00, and units times price are 300.00" in note


def test_numbers_with_either_sign_are_said_or_refused(tmp_path: Path) -> None:
    quoted, bare = 'Symbol,Shares\nSPY,"1,234"\n', "Symbol;Shares\nSPY;1,234\n"
    got = reading(tmp_path, quoted)
    assert got.units == {"SPY": 1_234.0}
    assert "'1,234' are read with a decimal point" in got.notes[0]
    assert "may have a decimal point or a decimal comma: found '1,234'. Declare `decimal" in refused(tmp_path, bare)
    assert reading(tmp_path, bare, decimal=",").units == {"SPY": 1.234}
    assert reading(tmp_path, bare, decimal=".").units == {"SPY": 1_234.0}


# -- what is wrong ---------------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        "Title\nSymbol,Quantity,Market Value,Currency\nSPX,3,$4,USD\nAGG,-5,1,USD\nSPY,many,1,USD\nBRK.B,1,1,EUR\n"
        "SPY,1,€5,\nEUR,,12,\nAGG,--,--,USD\nSPY,1,000,5,USD\n",
    ).splitlines()
    assert said[0] == "positions.csv has 7 mistakes:"
    starts = [
        "- positions.csv, row 3, column 'Symbol': not an asset of the portfolio: found 'SPX'. Add it to `lines`, or",
        "- positions.csv, row 4, column 'Quantity': negative units of AGG: found -5.0. A portfolio holds no short",
        "- positions.csv, row 5, column 'Quantity': not a number for SPY: found 'many'. Write a plain number",
        "- positions.csv, row 6, column 'Currency': BRK.B is not in the currency of the portfolio: found 'EUR'.",
        "- positions.csv, row 7, column 'Market Value': SPY is not in the currency of the portfolio: found '€'.",
        "- positions.csv, row 9, column 'Symbol': a second row for one holding, after row 4: found 'AGG'.",
        "- positions.csv, row 10: the row has another number of cells than the header of row 2: found 5. Put numbers",
    ]
    assert [line.startswith(start) for line, start in zip(said[1:], starts, strict=True)] == [True] * 7, said


def test_a_security_with_the_ticker_of_cash_is_not_taken_for_cash(tmp_path: Path) -> None:
    text = "Symbol,Quantity,Price,Value\nCASH,100,40.00,4000\nSPY,10,383.44,3834.40\n"
    assert refused(tmp_path, text) == (
        "positions.csv, row 2, column 'Price': CASH is a name of cash, and cash has a price of 1: it may be a "
        "security: found 40.0. Say what it is: symbols: {CASH: cash}, the name of an asset, or ignore."
    )
    assert reading(tmp_path, text, symbols={"CASH": "cash"}).balances == {"USD": 4_000.0}
    assert reading(tmp_path, text.replace("100,40.00", "4000,1.00")).balances == {"USD": 4_000.0}


@pytest.mark.parametrize("rows", ["", "SPY,0,0\nAGG,0,0\n"])
def test_an_export_without_anything_is_refused(tmp_path: Path, rows: str) -> None:
    said = "positions.csv holds neither units of SPY, AGG, BRK.B nor cash: the export may have been cut short"
    assert said in refused(tmp_path, f"Symbol,Quantity,Value\n{rows}")
    assert reading(tmp_path, f"Symbol,Quantity,Value\n{rows}Cash,,0\n").balances == {"USD": 0.0}


def test_two_rows_of_one_account_are_refused_and_of_two_added(tmp_path: Path) -> None:
    header = "Account,Symbol,Quantity\n"
    said = refused(tmp_path, header + "A,SPY,1\nA,SPY,2\n")
    assert "row 3, column 'Symbol': a second row for one holding of account A, after row 2: found 'SPY'." in said
    assert reading(tmp_path, header + "A,SPY,1\nB,SPY,2\n").units == {"SPY": 3.0}


@cases(
    "text, said",
    ("Nr,Titel,Stück\n1,SPY,3\n", "no row names a column of asset and one of units: found 'Nr', 'Titel', 'Stück'"),
    (
        '"Date","Action","Symbol","Description","Quantity","Price"\n"12/27/2022","Buy","SPY","x","3","4"\n',
        "row 1: a list of transactions, not of positions: found 'Date', 'Action'",
    ),
    ("Symbol,Quantity,Shares\nSPY,1,2\n", "row 1: two columns may hold the units: found 'Quantity' and 'Shares'."),
    ("Symbol,Quantity,Quantity\nSPY,1,2\n", "two columns may hold the units: found 'Quantity' and 'Quantity'"),
    ("", "positions.csv is empty"),
    (b"PK\x03\x04 a workbook", "is a workbook or a PDF. Export it as CSV."),
    (b"Symbol,Quantity\n\x81\x8d", "is no text in UTF-8, UTF-16 or Windows-1252"),
    ('Symbol,Quantity\n"SPY,3\n', "is no CSV file with ',' between its cells: unexpected end of data, in the row "),
    ('Symbol,Quantity\nSPY,"3\n', "in the row that begins at line 2. Correct its quotes"),
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_declared_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    said = refused(tmp_path, "Symbol,Quantity\nSPY,1\n", columns={"units": "Stück"})
    assert "no row has the declared column 'Stück': found 'Symbol', 'Quantity' in row 1. Name" in said
    said = refused(tmp_path, "Kürzel,Stück\nSPY,1\n", columns={"units": "Stück"})
    assert "no row names a column of asset: found 'Kürzel', 'Stück' in row 1" in said


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.csv cannot be read \(no such file"):
        read_positions(tmp_path / "nowhere.csv", ASSETS)
    with pytest.raises(DataError, match="cannot be read"):
        read_positions(tmp_path, ASSETS)


def test_a_holding_that_lots_do_not_divide_is_said() -> None:
    (note,) = odd_lots({"SPY": 103.0, "AGG": 40.0, "BTC": 0.123456}, {"SPY": 10.0, "AGG": 10.0, "BTC": 1e-8})
    assert note.startswith("SPY: 103 units are no whole number of lots of 10: the odd 3 are only sold where")


@given(st.sampled_from([SCHWAB, SCHWAB_ALL, FIDELITY, VANGUARD, INTERACTIVE, FLEX]), st.data())
@settings(max_examples=200)
def test_a_damaged_file_is_read_or_refused_in_sentences(
    tmp_path_factory: pytest.TempPathFactory, sample: str, data: st.DataObject
) -> None:
    """With pieces cut out, doubled and overwritten, it never fails in another way."""
    raw = bytearray(sample.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, len(raw)))
        piece = data.draw(
            st.sampled_from([b"", b'"', b",", b"\n", b"\0", b"\xff", b"-", b"9", bytes(raw[first:][:40])])
        )
        raw[first : first + data.draw(st.sampled_from([0, 1, 30]))] = piece
    path = tmp_path_factory.mktemp("damaged") / "positions.csv"
    path.write_bytes(raw)
    with suppress(DataError):
        got = read_positions(path, ASSETS)
        assert all(row.units >= 0.0 for row in got.held)
        assert len({(row.asset, row.account) for row in got.held}) == len(got.held)


# -- any table in any dialect ------------------------------------------------------------------------------------------

HEADERS = [
    {"asset": "Symbol", "units": "Qty (Quantity)", "price": "Price", "value": "Mkt Val (Market Value)"},
    {"account": "Account Number", "asset": "Symbol", "units": "Quantity", "price": "Last Price",
     "value": "Current Value"},
    {"account": "Account Number", "asset": "Symbol", "units": "Shares", "price": "Share Price", "value": "Total Value"},
    {"account": "ClientAccountID", "asset": "Symbol", "units": "Quantity", "price": "MarkPrice",
     "value": "PositionValue"},
    {"asset": "Ticker", "units": "Units", "value": "Market Value"},
]  # fmt: skip
NUMBERS = st.decimals(min_value="0.0001", max_value="9999999", places=4)


@st.composite
def dialects(draw: st.DrawFn) -> dict[str, Any]:
    decimal = draw(st.sampled_from(".,"))
    return {
        "header": draw(st.sampled_from(HEADERS)),
        "decimal": decimal,
        "group": draw(st.sampled_from(["", "'", " ", "\u202f", ",.".replace(decimal, "")])),
        "sign": draw(st.sampled_from(["{}", "${}", "{} $", "US${}", "USD {}"])),
        "minus": draw(st.sampled_from(["-{}", "({})", "{}-", "−{}"])),
        "delimiter": draw(st.sampled_from([",", ";", "\t", "|"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
        "above": draw(st.lists(st.sampled_from(["", "Positions of the desk", "as of 12/29/2022"]), max_size=3)),
        "below": draw(st.lists(st.sampled_from(["", "Account Total", "Past results are no promise."]), max_size=3)),
        "extra": draw(st.booleans()),
    }


def shown(number: Any, d: dict[str, Any], sign: str = "{}") -> str:
    text = f"{abs(number):,.4f}".replace(",", "G").replace(".", d["decimal"]).replace("G", d["group"])
    return (d["minus"] if number < 0 else "{}").format(sign.format(text))


@given(
    dialects(),
    st.lists(st.tuples(st.sampled_from(["A 1", "B-2"]), st.sampled_from(ASSETS), NUMBERS, NUMBERS),
             unique_by=lambda row: row[:2], max_size=6),
    st.decimals(min_value="-9999", max_value="9999999", places=4),
)  # fmt: skip
@settings(max_examples=150)
def test_any_table_reads_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, d: dict[str, Any], rows: list[Any], cash: Any
) -> None:
    names = d["header"]
    if "account" not in names:
        rows = list({row[1]: ("", *row[1:]) for row in rows}.values())
    columns = [*names, *(["note"] if d["extra"] else [])]
    table = [[names.get(name, "Ratings") for name in columns]]
    for account, asset, units, value in rows:
        cells = {"account": account, "asset": asset, "units": shown(units, d), "value": shown(value, d, d["sign"])}
        table.append([cells.get(name, "--") for name in columns])
    paid = {"asset": "Cash", "units": "n/a", "value": shown(cash, d, d["sign"]), "account": rows[0][0] if rows else ""}
    table.append([paid.get(name, "") for name in columns])
    text = io.StringIO()
    written = csv.writer(text, delimiter=d["delimiter"], quoting=d["quoting"], lineterminator=d["end"])
    written.writerows([[line] for line in d["above"]])
    written.writerows(table)
    written.writerows([[line] for line in d["below"]])
    got = reading(tmp_path_factory.mktemp("any"), text.getvalue().encode(d["encoding"]), decimal=d["decimal"])
    expected = [(account, asset, float(units), float(value)) for account, asset, units, value in rows]
    assert [(row.account, row.asset, row.units, row.value) for row in got.held] == expected
    assert sum((got.balances or {}).values()) == float(cash)
    assert len([note for note in got.notes if "is no position" in note]) == sum(map(bool, d["below"]))


# -- numbers that nothing reads --------------------------------------------------------------------------------------


@cases("cash, found", ("Cash,,,421350", "421350"), ("Margin debt,,,(90000.00)", "(90000.00)"), ("USD,0,0,5", "5"))
def test_money_in_a_column_that_is_not_read_is_refused(cash: str, found: str, tmp_path: Path) -> None:
    said = refused(tmp_path, f"Symbol,Quantity,Value,Worth today\nSPY,10,3834.40,3834.40\n{cash}\n")
    assert f"has a number in a column that is not read, 'Worth today': found '{found}'" in said
    assert "columns: {value: 'Worth today'}" in said


# -- hostile texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_hostile_text_in_a_broker_s_file_is_no_position(tmp_path: Path, name: str) -> None:
    """As a symbol it is refused; as a description it changes nothing, or the file is refused."""

    def table(symbol: str, description: str) -> str:
        rows = [("Symbol", "Description", "Quantity"), ("SPY", "S&P 500", "100"), (symbol, description, "200")]
        csv.writer(written := io.StringIO()).writerows(rows)
        return written.getvalue()

    assert "positions.csv" in refused(tmp_path, table(INJECTIONS[name], "bonds"))
    with suppress(DataError):
        assert reading(tmp_path, table("AGG", INJECTIONS[name])).units == {"SPY": 100.0, "AGG": 200.0}


def test_reading_ends_at_a_thousand_mistakes_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "positions.csv"
    path.write_text("symbol,quantity\n" + "SPY,1\n" * 3_000)
    with pytest.raises(DataError, match=r"^positions.csv has more than 1,000 mistakes:\n") as told:
        read_positions(path, ["SPY"])
    assert str(told.value).endswith("\n- and more.")
    assert len(told.value.findings) == 1_001
