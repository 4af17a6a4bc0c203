"""The layouts of further brokers, as they export them: what is held and the cash, to the cent.

Headers, number styles and rows of cash are those that public importers of these files describe; the numbers are made.
"""

from pathlib import Path
from typing import Any

import pytest

from foundation.errors import DataError
from research.portfolio.holdings.brokers.columns import COLUMN_NAMES, NEXT
from research.portfolio.holdings.brokers.positions import read_positions
from research.portfolio.holdings.held_rows import Positions

EXPORTS = Path(__file__).parent / "exports"
E_TRADE = (EXPORTS / "e_trade.csv").read_text(encoding="utf-8")
J_P_MORGAN = (EXPORTS / "j_p_morgan.csv").read_text(encoding="utf-8")
TRADER_WORKSTATION = (EXPORTS / "trader_workstation.csv").read_text(encoding="utf-8")
QUESTRADE = (EXPORTS / "questrade.csv").read_text(encoding="utf-8")
HARGREAVES_LANSDOWN = (EXPORTS / "hargreaves_lansdown.csv").read_text(encoding="utf-8")
DEGIRO = (EXPORTS / "degiro.csv").read_text(encoding="utf-8")
DEGIRO_GERMAN = (EXPORTS / "degiro_german.csv").read_text(encoding="utf-8")
COMDIRECT = (EXPORTS / "comdirect.csv").read_text(encoding="utf-8")
COMDIRECT_SHORT = (EXPORTS / "comdirect_short.csv").read_text(encoding="utf-8")


def read(folder: Path, text: str, currencies: dict[str, str], basis: str, **given: Any) -> Positions:
    path = folder / "positions.csv"
    path.write_bytes(text.encode(given.pop("encoding", "utf-8")))
    return read_positions(path, tuple(currencies), basis, currencies=currencies, **given)


@pytest.mark.parametrize("units", ["Quantity", "Qty #"])
def test_e_trade(tmp_path: Path, units: str) -> None:
    got = read(tmp_path, E_TRADE.format(units=units), {"SPY": "USD", "AGG": "USD"}, "USD")
    assert (got.units, got.balances) == ({"SPY": 10.0, "AGG": 102.364}, {"USD": 1_116.32})
    assert got.values == {"SPY": 3_834.40, "AGG": 9_975.3718}
    assert "positions.csv, row 11 is no position: a part of the row above." in got.notes
    assert "positions.csv, row 14: CASH of 1,116.32 is taken for cash." in got.notes


def test_j_p_morgan(tmp_path: Path) -> None:
    """Its values are in the base: an asset in another currency is refused, or read by the local columns alone."""
    got = read(tmp_path, J_P_MORGAN, {"SPY": "USD"}, "USD", symbols={"SAP": "ignore"})
    assert (got.units, got.balances) == ({"SPY": 1_273.0}, {"USD": 16_339.32 + 1_879.55})
    assert got.values == {"SPY": 488_119.12}
    said = "row 4, column 'Base CCY': SAP is not in the currency of its asset: found 'USD'"
    with pytest.raises(DataError, match=said):
        read(tmp_path, J_P_MORGAN, {"SPY": "USD", "SAP": "EUR"}, "USD")
    columns = {"value": "Local Value", "price": "Local Price", "currency": "Local CCY"}
    symbols = {"US DOLLAR": "ignore", "QACDS": "ignore"}
    local = read(tmp_path, J_P_MORGAN, {"SPY": "USD", "SAP": "EUR"}, "USD", columns=columns, symbols=symbols)
    assert (local.units, local.values) == ({"SPY": 1_273.0, "SAP": 50.0}, {"SAP": 4_820.0})


def test_trader_workstation(tmp_path: Path) -> None:
    """A number below zero has an apostrophe, and a price of a close a letter."""
    got = read(tmp_path, TRADER_WORKSTATION, {"SPY": "USD", "AGG": "USD"}, "USD", symbols={"USD CASH": "cash"})
    assert (got.units, got.balances) == ({"SPY": 1_200.0, "AGG": 400.0}, {"USD": 12_345.67})
    assert [row.price for row in got.held] == [383.44, 97.45]
    short = TRADER_WORKSTATION.replace(',400,"\'-220"', ",'-400,\"'-220\"")
    with pytest.raises(DataError, match=r"column 'Position': negative units of AGG: found -400\.0"):
        read(tmp_path, short, {"SPY": "USD", "AGG": "USD"}, "USD", symbols={"USD CASH": "cash"})


def test_questrade(tmp_path: Path) -> None:
    got = read(tmp_path, QUESTRADE, {"XIC.TO": "CAD", "SPY": "USD"}, "CAD")
    assert (got.units, got.balances) == ({"XIC.TO": 215.0, "SPY": 3.0}, None)
    assert (got.values, got.accounts) == ({"XIC.TO": 6_568.25, "SPY": 1_150.32}, ("51234567", "52345678"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_hargreaves_lansdown(tmp_path: Path, encoding: str) -> None:
    """Its prices are in pence, and its cash stands above the table."""
    lines = {"OCDO": "GBP", "WORLD": "GBP"}
    got = read(tmp_path, HARGREAVES_LANSDOWN, lines, "GBP", symbols={"B59G4Q7": "WORLD"}, encoding=encoding)
    assert (got.units, got.balances) == ({"WORLD": 10.5, "OCDO": 1_000.0}, {"GBP": 250.05})
    assert got.values == {"WORLD": 9_709.98, "OCDO": 2_536.91}
    assert [round(row.price or 0.0, 5) for row in got.held] == [924.76, 2.53691]
    assert not any("units times price" in note for note in got.notes)
    abroad = read(tmp_path, HARGREAVES_LANSDOWN, lines, "USD", symbols={"B59G4Q7": "WORLD"})
    assert abroad.balances == {"GBP": 250.05}


DUTCH = {"isin": "Symbool/ISIN", "units": "Aantal", "price": "Slotkoers", "local": "Lokale waarde", "value": "Waarde"}
ENGLISH = {"isin": "Symbol/ISIN", "units": "Amount", "price": "Closing", "local": "Local value", "value": "Value"}


@pytest.mark.parametrize(
    "text", [DEGIRO.format(**DUTCH), DEGIRO.format(**ENGLISH), DEGIRO_GERMAN], ids=["dutch", "english", "german"]
)
def test_degiro(tmp_path: Path, text: str) -> None:
    """The currency of a local value stands in a column, and the value in the next one, which has no name."""
    lines, symbols = {"ALFEN": "EUR", "SPY": "USD"}, {"NL0012817175": "ALFEN", "US78462F1030": "SPY"}
    got = read(tmp_path, text, lines, "EUR", symbols=symbols)
    assert (got.units, got.balances) == ({"ALFEN": 100.0, "SPY": 20.0}, {"EUR": 9_587.44, "USD": 2.24})
    assert got.values == {"ALFEN": 8_425.0, "SPY": 7_668.80}


def test_an_amount_is_units_at_degiro_alone(tmp_path: Path) -> None:
    text = "Symbol,Amount\nSPY,3834.40\n"
    with pytest.raises(DataError, match="no row names a column of asset and one of units: found 'Symbol', 'Amount'"):
        read(tmp_path, text, {"SPY": "USD"}, "USD")
    assert read(tmp_path, text, {"SPY": "USD"}, "USD", columns={"units": "Amount"}).units == {"SPY": 3_834.40}


def test_comdirect(tmp_path: Path) -> None:
    """Its values are in euros whatever the currency of the price: one that is not of the asset is not compared."""
    lines, symbols = {"WELT": "EUR", "USA": "USD"}, {"A1JX52": "WELT", "A0AET0": "USA"}
    got = read(tmp_path, COMDIRECT, lines, "EUR", symbols=symbols, encoding="cp1252")
    assert (got.units, got.balances) == ({"WELT": 1_250.0, "USA": 12.5}, None)
    assert got.values == {"WELT": 126_650.0}
    assert "positions.csv, row 5 is no position: a total, 'Depotwert'." in got.notes
    short = read(tmp_path, COMDIRECT_SHORT, {"WELT": "EUR"}, "EUR", symbols={"IE00B0M62Q58": "WELT"})
    assert (short.units, short.values) == ({"WELT": 1_250.0}, {"WELT": 126_650.0})


@pytest.mark.parametrize("name", ["Marktwert", "Market value (base)", "Value (USD)", "Kurswert in USD"])
def test_cash_below_a_further_name_of_a_value_is_read(tmp_path: Path, name: str) -> None:
    text = f"Symbol;Stück;{name}\nSPY;10;3.834,40\nCash;;421.350,00\n"
    assert read(tmp_path, text, {"SPY": "USD"}, "USD").balances == {"USD": 421_350.0}


def test_a_value_in_another_currency_is_not_taken_for_cash_of_the_basis(tmp_path: Path) -> None:
    text = "Symbol,Quantity,Value in EUR\nSPY,10,3600.00\nUSD,,500.00\n"
    with pytest.raises(DataError, match=r"row 3, column 'Value in EUR': USD is not in the currency of the portfolio"):
        read(tmp_path, text, {"SPY": "USD"}, "USD")


@pytest.mark.parametrize(("cash", "decimal"), [("1.000", "."), ("1,000", ",")])
def test_cash_with_the_sign_of_decimals_between_thousands_is_refused(tmp_path: Path, cash: str, decimal: str) -> None:
    text = f"Symbol;Quantity;Value\nSPY;10;3834{decimal}40\nCash;;{cash}\n"
    with pytest.raises(DataError, match="row 3, column 'Value': Cash has three decimals, or the sign of decimals"):
        read(tmp_path, text, {"SPY": "USD"}, "USD")
    assert read(tmp_path, text, {"SPY": "USD"}, "USD", decimal=decimal).balances == {"USD": 1.0}


def test_the_guide_has_every_name_of_a_column() -> None:
    guide = (Path(__file__).parents[3] / "docs/holdings.md").read_text(encoding="utf-8").casefold()
    names = [name for known in (COLUMN_NAMES, NEXT) for of_field in known.values() for name in of_field]
    assert [name for name in names if name not in guide and name not in ("datadiscriminator", "levelofdetail")] == []
