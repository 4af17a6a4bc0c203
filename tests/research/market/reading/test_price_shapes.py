"""The tables of usual sources, as they write their headers (first assets of their downloads)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cases import cases

from foundation.errors import DataError
from research.market.reading.price_import import understand

NASDAQ = ("Date,Close/Last,Volume,Open,High,Low", '01/13/2020,$79.24,"1,234",$78.10,$80.00,$77.00')
INVESTING = (
    '"Date","Price","Open","High","Low","Vol.","Change %"',
    '"Jan 13, 2020","1,079.24","1,078.10","1,080","1,077","1.2M","0.5%"',
)
ALPHA_VANTAGE = (
    "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient",
    "2020-01-13,78.1,80,77,79.24,79.24,1234,0.0,1.0",
)
TIINGO = (
    "date,close,high,low,open,volume,adjClose,divCash,splitFactor",
    "2020-01-13T00:00:00+00:00,79.24,80,77,78.1,1234,79.24,0.0,1.0",
)
STOOQ = ("Date,Open,High,Low,Close,Volume", "2020-01-13,78.1,80,77,79.24,1234")
YAHOO = ("Date,Open,High,Low,Close,Adj Close,Volume", "2020-01-13,78.1,80,77,79.24,79.24,1234")
HISTORY = (
    "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
    "2020-01-13 00:00:00-05:00,78.1,80,77,79.24,1234,0.0,0.0",
)


@pytest.mark.parametrize("lines", [NASDAQ, ALPHA_VANTAGE, TIINGO, STOOQ, YAHOO, HISTORY])
def test_bars_of_one_asset_are_named_after_their_file(write: Callable[..., Path], lines: Sequence[str]) -> None:
    bars = understand(write(*lines, name="AAPL.csv")).bars
    assert (bars.assets, str(bars.days[0])) == (("AAPL",), "2020-01-13")
    names = ("open", "high", "low", "close", "volume")
    assert [bars.numbers[name].tolist() for name in names] == [[78.1], [80.0], [77.0], [79.24], [1234.0]]


def test_a_column_that_is_none_of_a_bar_is_left_out_and_named(write: Callable[..., Path]) -> None:
    understood = understand(write(*INVESTING, name="DAX.csv"))
    assert "bars of one asset, named DAX after the file; left out: Change %" in understood.findings
    assert understood.bars.numbers["volume"].tolist() == [1_200_000.0]


def test_a_series_of_fred_is_one_asset_and_its_point_is_no_value(write: Callable[..., Path]) -> None:
    bars = understand(write("observation_date,DTB3", "2020-01-01,.", "2020-01-02,1.51")).bars
    assert (bars.assets, bars.numbers["close"].tolist()) == (("DTB3",), [1.51])


def test_a_long_table_may_state_a_currency_in_each_row_and_count_its_rows(write: Callable[..., Path]) -> None:
    lines = (",Ticker,Date,Currency,Close", "0,VOD.L,2020-01-02,GBX,123.4", "1,SPY,2020-01-02,USD,320.5")
    understood = understand(write(*lines))
    assert (understood.bars.assets, understood.bars.currency.tolist()) == (("SPY", "VOD.L"), ["USD", "GBX"])


def test_one_asset_in_two_currencies_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"row 3: another currency than in the session before of SPY on 2020-01-03"):
        understand(write("Ticker,Date,Currency,Close", "SPY,2020-01-02,USD,1", "SPY,2020-01-03,EUR,1"))


def test_symbols_that_are_words_of_bars_or_dates_or_numbers_are_assets(write: Callable[..., Path]) -> None:
    assert understand(write(",LOW,OPEN,DAY,7203", "2020-01-02,1,2,3,4")).bars.assets == ("7203", "DAY", "LOW", "OPEN")


def test_columns_beside_a_close_that_are_not_known_are_told_and_the_close_is_not(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"beside 'NAV', as of one asset: found 'AUM'\. Remove them; or name the close"):
        understand(write("Date,NAV,AUM", "2020-01-02,10,900", "2020-01-03,11,901"))


@pytest.mark.parametrize("header", ["Date,ORRA,Date,TESK", "Date,ORRA,Day,TESK"])
def test_a_second_column_of_other_dates_is_refused(write: Callable[..., Path], header: str) -> None:
    rows = "2020-01-02,10,2020-01-02,20", "2020-01-03,11,2020-01-06,21"
    with pytest.raises(DataError, match=r"a second column of other dates: found 'Da(te|y)'\. Give one date for all"):
        understand(write(header, *rows))
    assert understand(write(header, *(row.replace("06", "03") for row in rows))).bars.assets == ("ORRA", "TESK")


def test_a_volume_without_a_close_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"columns of an asset without a close: found 'TESK'"):
        understand(write("Date,ORRA.Close,ORRA.Volume,TESK.Volume", "2020-01-02,10,900,800", "2020-01-03,11,901,800"))


@pytest.mark.parametrize("name", ["Volume", "Dividends"])
def test_a_column_of_bars_or_dates_beside_assets_is_refused(write: Callable[..., Path], name: str) -> None:
    with pytest.raises(DataError, match=f"beside columns that name assets: found '{name}'"):
        understand(write(f"Date,SPY,QQQ,{name}", "2020-01-02,1,2,3"))


def test_two_columns_that_may_be_the_close_are_refused_and_the_usual_name_is_taken(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="two columns of one name or meaning: found 'Close'"):
        understand(write("Date,Symbol,Close,Close", "2020-01-02,SPY,1,2"))
    bars = understand(write("Date,Symbol,Price,Close", "2020-01-02,SPY,1,2")).bars
    assert bars.numbers["close"].tolist() == [2.0]


@cases(
    "names",
    ("SPY", "High Yield", "Gold"),
    ("Small Value", "Small High", "Big Value", "Big High"),
    ("MSCI World", "MSCI World Low", "World ex US"),
    ("Value", "Growth", "Momentum"),
    ("rate", "beta", "gold"),
    ("Strategy 60%", "Strategy 40%"),
    ("Market",),
)
def test_names_that_are_words_are_assets(write: Callable[..., Path], names: Sequence[str]) -> None:
    rows = (
        f"2020-01-{day:02}," + ",".join(str(40 + k + day * day % 7) for k in range(len(names))) for day in (2, 3, 6)
    )
    assert set(understand(write("," + ",".join(names), *rows)).bars.assets) == {*names}
