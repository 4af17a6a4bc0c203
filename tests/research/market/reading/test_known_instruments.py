"""The table of instruments: facts held to the embedded markets, spellings, symbols at sources, a user's own rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cases import cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.errors import DataError
from foundation.files import DATA
from research.market.calendars import sessions
from research.market.reading.embedded import EXIT_SECTORS, MULTI_ASSET_CLASSES, SP500_SECTORS, US_ETF_CLASSES
from research.market.reading.known_instruments import INSTRUMENT_KINDS, Instrument, Instruments, isin, known_instruments
from research.portfolio.holdings.brokers.tables import CURRENCIES

KNOWN = known_instruments()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a user's own table."""
    monkeypatch.setenv("REBALANCE_DATA", str(tmp_path))
    return tmp_path / "instruments.csv"


# -- the table that ships --------------------------------------------------------------------------------------------


def test_classes_are_those_of_the_embedded_markets() -> None:
    embedded = {**US_ETF_CLASSES, **MULTI_ASSET_CLASSES}
    expected = {a: word for a, word in embedded.items() if a != "COM"}
    assert {a: KNOWN.by_id[a].asset_class for a in embedded if a != "COM"} == expected


def test_sectors_are_those_of_the_embedded_markets() -> None:
    embedded = {**EXIT_SECTORS, **SP500_SECTORS}
    gone = {"BABA", "SHLD", "UAA"}  # which the table does not have
    expected = {a: sector for a, sector in embedded.items() if a not in gone}
    assert {a: KNOWN.by_id[a].sector for a in embedded if a not in gone} == expected


def test_funds_were_listed_on_the_day_of_their_first_embedded_bar() -> None:
    bars = pd.read_parquet(DATA / "us_etf_ohlcv" / "daily.parquet", columns=["ticker", "date"])
    first = bars.groupby("ticker")["date"].min()
    stated = {a: KNOWN.by_id[a].listed for a in first.index if KNOWN.by_id[a].listed is not None}
    assert len(stated) >= 4
    assert stated == {a: pd.Timestamp(first[a]).date() for a in stated}


def test_each_kind_has_a_currency_and_a_calendar_that_exists() -> None:
    for one in KNOWN.by_id.values():
        assert one.kind in INSTRUMENT_KINDS
        assert one.currency in CURRENCIES or one.kind in ("series", "index"), one
    for calendar in {one.calendar for one in KNOWN.by_id.values()} - {""}:
        assert len(sessions(np.datetime64("2022-11-01"), np.datetime64("2022-11-30"), calendar)) > 20


def test_no_two_instruments_have_one_spelling() -> None:
    assert all(KNOWN.find(asset) is one for asset, one in KNOWN.by_id.items())
    for one in KNOWN.by_id.values():
        for former in one.former:
            assert KNOWN.find(former) is one
        for source in one.symbols if one.is_elsewhere else ("yahoo", "stooq", "alpha_vantage"):
            assert KNOWN.find(KNOWN.symbol_at(one, source)) is one


@cases(
    "symbol, isin, asset_class, currency, calendar",
    ("VWCE", "IE00BK5BQT80", "global_equity", "EUR", "XETR"),
    ("IUSQ", "IE00B6R52259", "global_equity", "EUR", "XETR"),
    ("EMIM", "IE00BKM4GZ66", "emerging_equity", "EUR", "XAMS"),
    ("IBTM", "IE00B1FZS798", "bonds", "EUR", "XMIL"),
    ("XGLD", "GB00B5840F36", "gold", "USD", "XLON"),
    ("VWCE.DE", "IE00BK5BQT80", "global_equity", "EUR", "XETR"),
    ("IE00B6R52259", "IE00B6R52259", "global_equity", "EUR", "XETR"),
)
def test_european_funds_have_the_isin_the_currency_and_the_calendar_of_their_listing(
    symbol: str, isin: str, asset_class: str, currency: str, calendar: str
) -> None:
    one = KNOWN.find(symbol)
    assert (one.isin, one.asset_class, one.currency, one.calendar) == (isin, asset_class, currency, calendar)


def test_each_listing_outside_the_united_states_has_an_isin_and_a_symbol_at_yahoo() -> None:
    """Check digits are tested where the table is read (`isin`)."""
    elsewhere = [one for one in KNOWN.by_id.values() if one.is_elsewhere]
    assert len(elsewhere) > 30
    assert all(isin(one.isin) == one.isin and "." in KNOWN.symbol_at(one, "yahoo") for one in elsewhere)


# -- symbols ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "asset"),
    [
        ("EUR/USD", "EURUSD"),
        ("btc/usdt", "BTC"),
        ("ETH/USDC", "ETH"),
        ("BTC/USD", "BTC"),
        ("SP/Y", None),
        ("XYZ/USDT", None),
    ],
)
def test_a_pair_with_a_slash_is_a_rate_or_a_coin_in_its_currency(written: str, asset: str | None) -> None:
    found = KNOWN.find(written)
    assert (found and found.asset_id) == asset


@pytest.mark.parametrize("written", ["BRK-B", "BRK.B", "BRK/B", "brk.b", "BRK B", " brk/b ", "BRKB", "brk-b.us"])
def test_a_class_of_shares_is_found_however_it_is_written(written: str) -> None:
    assert KNOWN.find(written).asset_id == "BRK-B"


@cases(
    "written, asset",
    ("FB", "META"),
    ("QQQQ", "QQQ"),
    ("BTC-USD", "BTC"),
    ("btcusd", "BTC"),
    ("BTC/USD", "BTC"),
    ("EURUSD=X", "EURUSD"),
    ("^GSPC", "SPX"),
)
def test_former_symbols_and_those_of_sources_are_found(written: str, asset: str) -> None:
    assert KNOWN.find(written) is KNOWN.by_id[asset]


@cases(
    "asset, source, symbol",
    ("SPY", "yahoo", "SPY"),
    ("SPY", "stooq", "spy.us"),
    ("BRK-B", "stooq", "brk-b.us"),
    ("BTC", "yahoo", "BTC-USD"),
    ("UNI", "yahoo", "UNI7083-USD"),
    ("EURUSD", "yahoo", "EURUSD=X"),
    ("EURUSD", "stooq", "eurusd"),
    ("BTC", "alpha_vantage", "BTC-USD"),
    ("EURUSD", "alpha_vantage", "EURUSD"),
    ("SPX", "yahoo", "^GSPC"),
    ("DTB3", "fred", "DTB3"),
    ("BTC", "coinbase", "BTC/USD"),
    ("ETH", "kraken", "ETH/USD"),
)
def test_a_source_has_its_own_symbol(asset: str, source: str, symbol: str) -> None:
    assert KNOWN.symbol_at(KNOWN.by_id[asset], source) == symbol


@pytest.mark.parametrize("source", ["tiingo", "nasdaq_data_link", "binance"])
@pytest.mark.parametrize(("asset", "words"), [("BTC", "a coin"), ("EURUSD", "a pair of currencies")])
def test_a_source_is_not_asked_for_an_asset_whose_ticker_is_another_there(source: str, asset: str, words: str) -> None:
    with pytest.raises(DataError, match=f"{asset} is {words}, which {source} is not asked for. Take one of yahoo, "):
        KNOWN.symbol_at(KNOWN.by_id[asset], source)


def test_an_exchange_of_coins_is_asked_for_coins_alone() -> None:
    with pytest.raises(DataError, match=r"SPY is no coin, and kraken has coins alone\. Take another source"):
        KNOWN.symbol_at(KNOWN.by_id["SPY"], "kraken")


@pytest.mark.parametrize("written", ["US78462F1030", "SPDR S&P 500 ETF Trust", "spdr s&p 500 etf trust"])
def test_an_isin_and_a_name_are_found(written: str) -> None:
    assert KNOWN.find(written) is KNOWN.by_id["SPY"]


def test_a_source_is_not_asked_for_a_listing_whose_symbol_there_is_not_known() -> None:
    with pytest.raises(DataError, match=r"EMIM is listed at XAMS: its symbol at tiingo is not known\. Take yahoo\."):
        KNOWN.symbol_at(KNOWN.by_id["EMIM"], "tiingo")


def test_an_unknown_fund_is_not_taken_for_one_whose_name_is_of_another_length() -> None:
    """VWELX is no slip for VWCE, nor MU for MEUD."""
    assert Instruments({"VWELX": Instrument("VWELX"), "MU": Instrument("MU")}).nearest("VWCE") == ""
    assert KNOWN.nearest("MEUD") == ""


def test_an_unknown_symbol_is_not_found_and_has_near_ones() -> None:
    assert KNOWN.find("SPZ") is None
    assert "SPY (SPDR S&P 500 ETF Trust)" in KNOWN.nearest("SPZ")
    assert KNOWN.nearest("0123456789") == ""


# -- a user's own rows -----------------------------------------------------------------------------------------------


def test_a_users_rows_are_added_and_replace_those_of_the_same_id(own: Path) -> None:
    own.write_text("asset_id,asset_class,currency,symbols\nVWCE,global_equity,EUR,yahoo=VWCE.DE\nSLV,gold,,\n")
    known = known_instruments()
    assert known.find("vwce.de") == Instrument("VWCE", "", "", "global_equity", "", "EUR", symbols={"yahoo": "VWCE.DE"})
    assert known.by_id["SLV"] == Instrument("SLV", asset_class="gold")
    assert known.by_id["SPY"] == KNOWN.by_id["SPY"]


def test_a_fund_has_a_minimum_purchase_and_a_cut_off(own: Path) -> None:
    own.write_text("asset_id,kind,minimum_purchase,cut_off\nFUND,fund,2500,12:00 Europe/Paris\n")
    found = known_instruments().by_id["FUND"]
    assert (found.minimum_purchase, found.cut_off) == (2500.0, "12:00 Europe/Paris")
    for wrong in ("25:00 Europe/Paris", "12:00 Europe/Pariss", "12:00", "noon"):
        own.write_text(f"asset_id,kind,cut_off\nFUND,fund,{wrong}\n")
        with pytest.raises(DataError, match=r"column 'cut_off': .*such as 16:00 America/New_York"):
            known_instruments()


@cases(
    "row, column, said",
    ("SPY,etf,USD,1,US78462F1031,,,", "isin", "check digit"),
    ("SPY,fonds,USD,1,,,,", "kind", "Use one of etf, stock, fund"),
    ("SPY,etf,dollar,1,,,,", "currency", "Write its code"),
    ("SPY,etf,USD,0,,,,", "lot", "above zero"),
    ("SPY,etf,USD,one,,,,", "lot", "above zero"),
    ("SPY,etf,USD,1,,29.01.1993,,", "listed", "YYYY-MM-DD"),
    ("SPY,etf,USD,1,,,2022-10-28,", "delisting_return", "Give delisted and delisting_return, or neither"),
    ("SPY,etf,USD,1,,,2022-10-28,-30", "delisting_return", "-30 % is -0.3"),
    ("../SPY,etf,USD,1,,,,", "asset_id", "has a slash"),
    (",etf,USD,1,,,,", "asset_id", "is empty"),
)
def test_a_mistake_is_told_with_row_column_value_and_fix(own: Path, row: str, column: str, said: str) -> None:
    own.write_text(f"asset_id,kind,currency,lot,isin,listed,delisted,delisting_return\n{row}\n")
    with pytest.raises(DataError, match=rf"^instruments.csv, row 2, column '{column}': .*{said}"):
        known_instruments()


def test_all_mistakes_are_told_at_once(own: Path) -> None:
    own.write_text("asset_id,currency,symbols\nA,euro,\nB,EUR,VWCE.DE\nB,EUR,\nC,EUR,,\nC,EUR,\n")
    with pytest.raises(DataError, match="has 3 mistakes:") as told:
        known_instruments()
    for part in ("row 2, column 'currency'", "row 3, column 'symbols'", "row 5: more cells than the header has"):
        assert part in str(told.value)


def test_a_second_row_of_an_id_is_refused(own: Path) -> None:
    own.write_text("asset_id\nA\nA\n")
    with pytest.raises(DataError, match=r"row 3, column 'asset_id': a second row .* found 'A'\. Merge the two\."):
        known_instruments()


@cases(
    "header, said",
    ("asset_id,clas", "no such column: found 'clas'"),
    ("kind,kind,asset_id", "none twice"),
    ("kind", "asset_id"),
)
def test_a_header_that_is_wrong_is_refused(own: Path, header: str, said: str) -> None:
    own.write_text(f"{header}\nA,B\n")
    with pytest.raises(DataError, match=said):
        known_instruments()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_mangled_table_is_read_or_refused_in_a_sentence(own: Path, data: st.DataObject) -> None:
    rows = (DATA / "instruments.csv").read_bytes().splitlines(keepends=True)
    text = bytearray(rows[0] + b"".join(data.draw(st.lists(st.sampled_from(rows[1:]), max_size=4))))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    own.write_bytes(text)
    found, refusal = None, ""
    try:
        found = known_instruments()
    except DataError as error:
        refusal = str(error)
    assert "instruments.csv" in refusal if found is None else all(map(found.find, found.by_id))


# -- ISIN ------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(one.isin for one in KNOWN.by_id.values() if one.isin)), st.data())
def test_one_wrong_digit_of_an_isin_is_noticed(right: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, 11).filter(lambda k: right[k].isdigit()))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != right[at]]))
    assert isin(right) == right
    with pytest.raises(ValueError, match=right[:2]):
        isin(right[:at] + other + right[at + 1 :])
