"""Prices from a file in place of the last closes: where each comes from, its day, and every mistake told at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import DataError
from research.market import Market, load_market
from research.portfolio.holdings.prices import Prices, bases, last_closes, read_prices, with_prices


@pytest.fixture(scope="module")
def market() -> Market:
    return load_market("multi_asset_daily").select(["SPY", "AGG", "COM"])


def reading(folder: Path, text: str, market: Market, right: Sequence[str] = ()) -> Prices:
    path = folder / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return read_prices(path, market, right)


def test_last_closes_have_their_day_and_how_they_are_adjusted(market: Market) -> None:
    got = last_closes(market)
    np.testing.assert_array_equal(got.per_unit, market.prices[-1])
    assert got.sources == ("market close", "market close", "")  # COM has no quotes
    assert {str(day) for day in got.days} == {"2022-12-29"}
    assert bases(market, got) == (*["market close (adjusted for splits, not dividends)"] * 2, "")


def test_a_file_replaces_the_closes_that_it_has(tmp_path: Path, market: Market) -> None:
    text = "asset,price,date,currency\nSPY,385.25,2022-12-30,USD\nCOM,$31.5,,\nQQQ,3,2022-12-30,USD\n"
    got = reading(tmp_path, text, market)
    assert got.per_unit.tolist() == [385.25, market.prices[-1, 1], 31.5]
    assert got.sources == ("price file", "market close", "price file")
    assert [str(day) for day in got.days] == ["2022-12-30", "2022-12-29", "NaT"]
    assert got.notes == (
        "prices.csv: 1 row of other assets is ignored.",
        "prices.csv has no price of AGG: the last close is taken.",
        "prices.csv has no date for the price of COM: its age is not known.",
    )


@pytest.mark.parametrize("day", ["30.12.2022", "12/30/2022", "30 Dec 2022", "20221230"])
def test_dates_may_have_the_forms_that_imported_tables_have(day: str, tmp_path: Path, market: Market) -> None:
    got = reading(tmp_path, f"asset;price;date\nSPY;385,25;{day}\nAGG;97,5;\n", market)
    assert [str(day) for day in got.days] == ["2022-12-30", "NaT", "2022-12-29"]
    said = r"column 'date': no date of the price of SPY: found '03/04/2022'\. Write it as"
    with pytest.raises(DataError, match=said):
        reading(tmp_path, "asset,price,date\nSPY,385.25,03/04/2022\n", market)


def test_history_stays_and_the_last_quotes_are_replaced(tmp_path: Path, market: Market) -> None:
    priced = with_prices(market, reading(tmp_path, "asset,price\nSPY,300\nAGG,90\nCOM,30\n", market))
    assert priced.prices[-1].tolist() == [300.0, 90.0, 30.0]
    np.testing.assert_array_equal(priced.prices[:-1], market.prices[:-1])
    np.testing.assert_array_equal(priced.returns, market.returns)


def test_prices_far_from_the_last_close_are_refused_all_at_once(tmp_path: Path, market: Market) -> None:
    text = "asset,price,date\nSPY,38.344,2022-12-30\nAGG,974.5,2022-12-30\nCOM,1,2022-12-30\n"
    with pytest.raises(DataError) as error:
        reading(tmp_path, text, market)
    assert str(error.value).splitlines() == [
        "prices.csv has 2 mistakes:",
        "- prices.csv, row 2, column 'price': the price of SPY is −90 % from the last close, 383.44: found '38.344'. "
        "Look for a split or a wrong price.",
        "- prices.csv, row 3, column 'price': the price of AGG is +900 % from the last close, 97.45: found '974.5'. "
        "Look for a split or a wrong price.",
        "Where they are right all the same, say so: `--accept SPY,AGG`, or `prices_ok: [SPY, AGG]` in the portfolio "
        "file.",
    ]
    with pytest.raises(DataError, match="the price of AGG is") as error:
        reading(tmp_path, text, market, right=["SPY"])
    assert "the price of SPY is" not in str(error.value)
    got = reading(tmp_path, text, market, right=["SPY", "AGG"])
    assert got.per_unit.tolist() == [38.344, 974.5, 1.0]
    assert got.notes == (
        "prices.csv: the price of SPY, 38.344, is −90 % from the last close, 383.44; it is taken, as `prices_ok` says.",
        "prices.csv: the price of AGG, 974.5, is +900 % from the last close, 97.45; it is taken, as `prices_ok` says.",
    )


def test_prices_that_are_apart_from_the_last_close_are_noted_until_they_are_said_to_be_right(
    tmp_path: Path, market: Market
) -> None:
    text = "asset,price,date\nSPY,260,2022-12-30\nAGG,110,2022-12-30\nCOM,1,2022-12-30\n"
    spy = "prices.csv: the price of SPY, 260, is −32 % from the last close, 383.44: check its price."
    agg = "prices.csv: the price of AGG, 110, is +13 % from the last close, 97.45: check its price."
    assert reading(tmp_path, text, market).notes == (spy, agg)
    assert reading(tmp_path, text, market, right=["SPY"]).notes == (agg,)
    near = text.replace("SPY,260", "SPY,345.2").replace("AGG,110", "AGG,107.1")  # −9.97 % and +9.90 %
    assert reading(tmp_path, near, market).notes == ()


def test_all_mistakes_are_told_at_once(tmp_path: Path, market: Market) -> None:
    text = (
        "Symbol,Last Price,Price Date,Currency\nSPY,0,2022-12-30,USD\nSPY,383,2022-12-30,USD\nAGG,nan,12/30/2022,EUR\n"
        "COM,-3,2022-12-30,USD\nCOM,1,000,2022-12-30,USD\n"
    )
    with pytest.raises(DataError) as error:
        reading(tmp_path, text, market)
    said = str(error.value).splitlines()
    starts = [
        "prices.csv has 7 mistakes:",
        "- prices.csv, row 2, column 'Last Price': no price of SPY: found '0'. Give a number above zero",
        "- prices.csv, row 3, column 'Symbol': a second price of one asset, after row 2: found 'SPY'. Keep one",
        "- prices.csv, row 4, column 'Last Price': no price of AGG: found 'nan'.",
        "- prices.csv, row 4, column 'Currency': the price of AGG is in another currency: found 'EUR'.",
        "- prices.csv, row 4, column 'Price Date': no date of the price of AGG: found '12/30/2022'. Write it as",
        "- prices.csv, row 5, column 'Last Price': no price of COM: found '-3'.",
        "- prices.csv, row 6, column 'Last Price': the row has another number of cells than the header of row 1",
    ]
    assert [line[: len(start)] for line, start in zip(said, starts, strict=False)] == starts


def test_a_file_without_any_line_is_refused(tmp_path: Path, market: Market) -> None:
    said = r"has none of the assets among its 1 row\. Name them as the portfolio does: SPY"
    with pytest.raises(DataError, match=said):
        reading(tmp_path, "asset,price\nQQQ,1\n", market)
    with pytest.raises(DataError, match="no row names a column of asset and one of price"):
        reading(tmp_path, "a,b\nQQQ,1\n", market)
