"""Tables of the usual shapes give the same rows; what is left open is said, and contradictions are refused.

yfinance's frames are built as `yfinance.download` of the locked version joins those of its tickers, and written by
their own `to_csv`.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import mutated_tables as m
import numpy as np
import pandas as pd
import pytest
from cases import cases
from mutated_tables import Sheet

from foundation.errors import ConfigError, DataError
from research.market import load_market
from research.market.reading.price_import import Understood, understand
from research.market.rows import bar_growth
from research.market.store import PriceStore

DAYS = pd.DatetimeIndex(["2019-12-30", "2020-01-02", "2020-01-13", "2020-02-03"], name="Date")
CLOSES = pd.DataFrame(
    {
        "SPY": [321.08, 324.87, 327.95, 324.12],
        "AGG": [112.5, 112.65, 112.9, 114.07],
        "BRK.B": [np.nan, 1228.39, 1227.0, 0.7],
    },
    index=DAYS,
)
NOW = np.datetime64("2022-12-30T21:30:00", "us")
PRICES = ["asset_id", "session", "close", "split", "dividend", "currency"]


def downloaded(closes: pd.DataFrame, **more: pd.DataFrame) -> pd.DataFrame:
    """The frame that `yfinance.download` of version 1.7.0 gives (multi.py): fields and tickers as two levels."""
    of_ticker = {}
    for ticker in closes:
        fields = {"Close": closes[ticker], "High": closes[ticker] * 1.01, "Low": closes[ticker] * 0.99,
                  "Open": closes[ticker], "Volume": closes[ticker].notna() * 1_000}  # fmt: skip
        of_ticker[ticker] = pd.DataFrame(
            fields | {name.replace("_", " "): panel[ticker] for name, panel in more.items()}
        )
    frame = pd.concat(of_ticker.values(), axis=1, sort=True, keys=of_ticker.keys(), names=["Ticker", "Price"])
    frame.columns = frame.columns.swaplevel(0, 1)
    return frame.sort_index(level=0, axis=1)


def german(value: float) -> str:
    return "" if np.isnan(value) else f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def iso_wide(path: Path) -> None:
    CLOSES.to_csv(path)


def yfinance_csv(path: Path) -> None:
    downloaded(CLOSES).to_csv(path)


def excel_with_semicolons(path: Path) -> None:
    lines = [f"{day:%d.%m.%Y};" + ";".join(map(german, row)) for day, row in zip(DAYS, CLOSES.to_numpy(), strict=True)]
    path.write_text("\n".join(["Datum;" + ";".join(CLOSES), *lines, ""]), encoding="utf-16")


def american_dates(path: Path) -> None:
    CLOSES.set_axis(DAYS.strftime("%m/%d/%Y")).to_csv(path)


def long_table() -> pd.DataFrame:
    return CLOSES.stack().rename("close").rename_axis(["date", "symbol"]).reset_index()  # noqa: PD013


def long_csv(path: Path) -> None:
    long_table().to_csv(path, index=False)


FIVE = (iso_wide, yfinance_csv, excel_with_semicolons, american_dates, long_csv)
OTHERS: dict[str, Callable[[Path], None]] = {
    "yfinance.parquet": lambda path: downloaded(CLOSES).to_parquet(path),
    "yfinance.feather": lambda path: downloaded(CLOSES).to_feather(path),
    "yfinance.xlsx": lambda path: downloaded(CLOSES).to_excel(path),
    "by_ticker.csv": lambda path: downloaded(CLOSES).swaplevel(axis=1).sort_index(axis=1).to_csv(path),
    "two_lines.csv": lambda path: downloaded(CLOSES).rename_axis(index=None, columns=[None, None]).to_csv(path),
    "wide.xlsx": lambda path: CLOSES.to_excel(path),
    "wide.parquet": lambda path: CLOSES.to_parquet(path),
    "long.parquet": lambda path: long_table().set_index(["date", "symbol"]).to_parquet(path),
    "long.feather": lambda path: long_table().to_feather(path),
    "tabs.tsv": lambda path: CLOSES.set_axis(DAYS.strftime("%Y%m%d")).to_csv(path, sep="\t"),
    "bars.csv": lambda path: CLOSES.set_axis(DAYS.strftime("%d-%b-%Y 00:00:00")).to_csv(path, sep="|"),
    "serial.xlsx": lambda path: CLOSES.set_axis((DAYS - pd.Timestamp("1899-12-30")).days).to_excel(path),
}


def prices(understood: Understood) -> pd.DataFrame:
    return understood.rows(NOW, "test")[PRICES]


@pytest.fixture
def expected() -> pd.DataFrame:
    """The rows of `CLOSES`, by asset and session."""
    long = long_table().dropna().sort_values(["symbol", "date"], ignore_index=True)
    days = long["date"].astype("datetime64[s]")
    none = pd.Series([""] * len(long), dtype=object)
    columns = (long["symbol"].astype(object), days, long["close"], 1.0, 0.0, none)
    return pd.DataFrame(dict(zip(PRICES, columns, strict=True)))


@pytest.mark.parametrize("write", FIVE)
def test_the_five_usual_shapes_give_the_same_rows_without_an_option(
    tmp_path: Path, expected: pd.DataFrame, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "prices.csv")
    understood = understand(tmp_path / "prices.csv")
    pd.testing.assert_frame_equal(prices(understood), expected, check_exact=True, check_dtype=False)
    assert understood.adjustment is None
    assert "Note: What the prices of prices.csv are adjusted for is not stated" in understood.text()


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_and_dates_give_them_too(tmp_path: Path, expected: pd.DataFrame, name: str) -> None:
    OTHERS[name](tmp_path / name)
    got = prices(understand(tmp_path / name))
    pd.testing.assert_frame_equal(got, expected, check_exact=True, check_dtype=False)


def test_bars_and_volumes_of_yfinance_are_kept(tmp_path: Path) -> None:
    yfinance_csv(tmp_path / "yf.csv")
    row = (
        understand(tmp_path / "yf.csv").rows(NOW, "test").set_index(["asset_id", "session"]).loc[("SPY", "2020-02-03")]
    )
    assert row[["open", "high", "low", "volume"]].tolist() == pytest.approx([324.12, 327.3612, 320.8788, 1_000])


def test_rows_are_kept_in_a_store_and_kept_once(tmp_path: Path) -> None:
    iso_wide(tmp_path / "iso.csv")
    american_dates(tmp_path / "us.csv")
    store = PriceStore(tmp_path / "store", "mine")
    assert len(store.add(understand(tmp_path / "iso.csv").rows(NOW, "test"))) == 11
    assert store.add(understand(tmp_path / "us.csv").rows(NOW, "test")).empty


@pytest.mark.parametrize("adjustment", ["raw", "split", "total"])
def test_a_stated_adjustment_needs_no_note(tmp_path: Path, adjustment: str) -> None:
    iso_wide(tmp_path / "prices.csv")
    understood = understand(tmp_path / "prices.csv", adjustment=adjustment)
    assert (understood.adjustment, understood.notes) == (adjustment, ())


def test_the_text_says_what_was_inferred_with_the_first_and_the_last_rows(tmp_path: Path) -> None:
    excel_with_semicolons(tmp_path / "prices.csv")
    assert understand(tmp_path / "prices.csv", adjustment="total", currency="EUR").text().splitlines() == [
        "prices.csv: 4 days of 3 assets, 2019-12-30 to 2020-02-03",
        "- a wide table, an asset a column",
        "- semicolons between cells",
        "- dates: day.month.year",
        "- decimals: after a comma",
        "- currency: EUR",
        "- closes: total-return closes, which serve as quotes too",
        "",
        "First and last rows as understood:",
        "asset_id  session      close  currency",
        "AGG       2019-12-30   112.5  EUR",
        "AGG       2020-01-02  112.65  EUR",
        "AGG       2020-01-13   112.9  EUR",
        "SPY       2020-01-02  324.87  EUR",
        "SPY       2020-01-13  327.95  EUR",
        "SPY       2020-02-03  324.12  EUR",
    ]


@cases(
    "header, cell, options, currency, close",
    ("VOD.L (GBp)", "123.45", {}, "GBP", 1.2345),
    ("VOD.L", "123.45p", {}, "GBP", 1.2345),
    ("VOD.L", "123.45", {"currency": "GBX"}, "GBP", 1.2345),
    ("VOD.L", "£1.25", {}, "GBP", 1.25),
    ("VOD.L [EUR]", "1 234.50 €", {}, "EUR", 1234.5),
    ("VOD.L", "$1,234.50", {}, "", 1234.5),
    ("VOD.L", "$1,234.50", {"currency": "CAD"}, "CAD", 1234.5),
    ("VOD.L", "US$12.5", {}, "USD", 12.5),
)
def test_units_beside_names_and_numbers_are_understood(
    write: Callable[..., Path], header: str, cell: str, options: dict[str, str], currency: str, close: float
) -> None:
    path = write(f"Date;{header}", f"2020-01-02;{cell}", f"2020-01-03;{cell}")
    row = understand(path, **options).rows(NOW, "test").iloc[0]
    assert (row["asset_id"], row["currency"], row["close"]) == ("VOD.L", currency, pytest.approx(close, rel=1e-15))


BARS = ("Date,Open,High,Low,Close,Adj Close,Volume", "2020-01-02,1,3,1,2,2,7", "2020-01-03,2,4,2,3,3,8")


@cases(
    "lines, options, refusal",
    (["d,A", "03/04/2020,1", "04/05/2020,2"], {}, "row 2, .*all dates read two ways.*State dmy or mdy as `dates` "),
    (["d,A", "13/04/2020,1", "04/13/2020,2"], {}, "row 3, .*day and month stand in another order.*'04/13/2020'"),
    (["d,A", "13/04/2020,1"], {"dates": "mdy"}, "row 2, column 'd': no date as month/day/year: found '13/04/2020'"),
    (["d,A", "2020-01-02,1", "03.01.2020,2"], {}, "row 3, column 'd': a date of another form than the first"),
    (["d,A", *[f"2020-01-02 {hour}:00,1" for hour in (10, 11, 12)]], {}, "row 3, .*a date carries a time"),
    (["d,A", "2020-02-30,1"], {}, "row 2, column 'd': no date as year-month-day: found '2020-02-30'"),
    (["d;A", "2020-01-02;1,234", "2020-01-03;1,235"], {}, "a decimal comma: found '1,23.'. State .* as `dec"),
    (["d;A", "2020-01-02;1.25", "2020-01-03;1,234"], {}, "row 3, .*a number with ',' beside others with '.'"),
    (["d;A", "2020-01-02;1.25", "2020-01-03;1,25"], {}, "row 3, column 'A': not a number: found '1,25'"),
    (["d,A", "2020-01-02,1", "2020-01-02,2"], {}, "row 3: a second row, .* of A on 2020-01-02: found 2.0"),
    (["d,A", "2020-01-02,"], {}, "has no prices"),
    (["d,A,A", "2020-01-02,1,2"], {}, "two columns of one name or meaning: found 'A'"),
    (["d,../b", "2020-01-02,1"], {}, "the name of an asset has a slash: found '../b'"),
    (["d,A,", "2020-01-02,1,2"], {}, "row 2: another number of cells than the header: found 3. Give 2"),
    (["2020-01-02,1", "2020-01-03,2"], {}, "row 1: no header above the first date"),
    (["d,A", "2020-01-02,1%", "2020-01-03,2"], {}, "row 3, column 'A': another unit than in rows above"),
    (["d,A (EUR)", "2020-01-02,£1"], {}, "column 'A \\(EUR\\)': in GBP, and EUR is stated"),
    (["d,A (EUR)", "2020-01-02,1"], {"currency": "USD"}, "in EUR, and USD is stated"),
    (BARS, {"adjustment": "total"}, "adjustment is 'total', and prices.csv has Close beside Adj Close"),
    (["d,A", "2020-01-02,1"], {"adjustment": "none"}, "adjustment is 'none': use one of raw, split, total"),
    (["d,A", "2020-01-02,1"], {"currency": "dollars"}, "currency is 'dollars': write a code"),
    (["d,A", "2020-01-02,1"], {"dates": "ymd"}, "dates is 'ymd': use one of dmy, mdy"),
    (["one"], {}, "row 1: no table with dates and prices: found 'one'"),
)
def test_contradictions_and_what_is_no_table_are_refused_in_a_sentence(
    write: Callable[..., Path], lines: Sequence[str], options: dict[str, str], refusal: str
) -> None:
    with pytest.raises((DataError, ConfigError), match=refusal):
        understand(write(*lines), **options)


@pytest.mark.parametrize(("order", "day"), [("dmy", "2020-04-03"), ("mdy", "2020-03-04")])
def test_dates_that_read_two_ways_are_read_as_stated(write: Callable[..., Path], order: str, day: str) -> None:
    assert str(understand(write("d,A", "03/04/2020,1"), dates=order).bars.days[0]) == day


@pytest.mark.parametrize(("decimal", "close"), [(",", 1.234), (".", 1234.0)])
def test_numbers_that_read_two_ways_are_read_as_stated(write: Callable[..., Path], decimal: str, close: float) -> None:
    assert understand(write("d;A", "2020-01-02;1,234"), decimal=decimal).bars.numbers["close"].tolist() == [close]


def test_two_like_rows_of_one_session_count_once(write: Callable[..., Path]) -> None:
    assert len(understand(write("d,A", "2020-01-03,2", "2020-01-02,1", "2020-01-02,1")).bars.days) == 2


# -- the embedded dividends, and yfinance's columns of events ---------------------------------------------------------


def test_adjusted_closes_give_quotes_and_dividends_that_return_what_they_do(tmp_path: Path) -> None:
    payers, span = load_market("etf_dividends"), slice(-1_010, -10)  # without halts
    days = pd.DatetimeIndex(payers.dates[span], name="Date")
    quotes = pd.DataFrame(payers.prices[span], days, payers.assets)
    total = pd.DataFrame(100.0 * (1.0 + payers.returns[span]).cumprod(axis=0), days, payers.assets)
    downloaded(quotes, Adj_Close=total).to_csv(tmp_path / "yf.csv")
    understood = understand(tmp_path / "yf.csv")
    rows = understood.rows(NOW, "test").set_index("asset_id")
    for i, asset in enumerate(payers.assets):
        close, split, dividend = (rows.loc[asset, name].to_numpy() for name in ("close", "split", "dividend"))
        np.testing.assert_allclose(
            bar_growth(close, split, dividend)[1:] - 1.0, payers.returns[span][1:, i], rtol=0, atol=2e-6
        )
        np.testing.assert_allclose(dividend[1:], payers.dividends[span][1:, i], rtol=1e-6, atol=1e-9)
    assert "Dividends of yf.csv are those that Close and Adj Close imply" in understood.notes[0]


@pytest.mark.parametrize("shape", ["wide", "single"])
def test_yahoo_s_splits_and_dividends_give_quotes_as_traded(tmp_path: Path, shape: str) -> None:
    """Apple, 2020-08-27 to 2020-09-01: four for one on 2020-08-31, as traded 499.23 on 2020-08-28."""
    days = pd.DatetimeIndex(["2020-08-27", "2020-08-28", "2020-08-31", "2020-09-01"], name="Date")
    closes = pd.DataFrame({"AAPL": [125.01, 124.8075, 129.04, 134.18]}, index=days)
    splits, none = closes * 0.0, closes * 0.0
    splits.loc["2020-08-31"] = 4.0
    frame = downloaded(closes, Adj_Close=closes * 0.97, Stock_Splits=splits, Dividends=none)
    if shape == "single":
        frame = frame.droplevel(1, axis=1)
    frame.to_csv(tmp_path / "AAPL.csv")
    understood = understand(tmp_path / "AAPL.csv")
    rows = understood.rows(NOW, "test")
    assert rows["close"].tolist() == [500.04, 499.23, 129.04, 134.18]
    assert rows["split"].tolist() == [1.0, 1.0, 4.0, 1.0]
    assert rows["volume"].tolist() == [250.0, 250.0, 1_000.0, 1_000.0]
    assert (understood.adjustment, understood.notes) == ("raw", ())


# -- one reader at every door ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", FIVE)
def test_a_market_of_a_file_is_that_of_the_import(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "prices.csv")
    market = load_market(tmp_path / "prices.csv", calendar="XNYS", missing="halt")
    assert market.shape == (4, 3)
    last = {name: market.index[-1, k] / market.index[0, k] for k, name in enumerate(market.assets)}
    assert last["SPY"] == pytest.approx(324.12 / 321.08, rel=1e-14)
    assert last["AGG"] == pytest.approx(114.07 / 112.5, rel=1e-14)


def test_a_workbook_is_a_market_and_what_is_no_table_is_refused(tmp_path: Path) -> None:
    CLOSES.to_excel(tmp_path / "prices.xlsx")
    assert load_market(tmp_path / "prices.xlsx", missing="halt").shape == (4, 3)
    with pytest.raises(ConfigError, match=r"unknown market 'nowhere\.doc'.*parquet file\.$"):
        load_market("nowhere.doc")


# -- mutated files ---------------------------------------------------------------------------------------------------

FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d/%m/%Y", "%d-%b-%Y")
LONGEST = 600  # characters of a refusal
NOTED = ("does not end with a line break", "are read with a decimal point", "not in UTF-8")


def spoil_value(rng: random.Random, sheet: Sheet) -> None:
    """A date or a number is none."""
    cells = rng.choice(sheet.rows)
    cells[rng.randrange(int(sheet.header[0] == "Symbol"), len(cells))] = rng.choice(
        [c for c in m.SPOILED if c != "1,00"]
    )


SIGNS = ".,;:/|\\'#$€£% _()[]=*&!?<~xXpnKMz\u0663\u00a0"


def insert_sign(rng: random.Random, sheet: Sheet) -> None:
    """A sign that stands in no number, or not there, is in a date or a number."""
    cells = rng.choice(sheet.rows)
    k = rng.randrange(int(sheet.header[0] == "Symbol"), len(cells))
    at = rng.randrange(len(cells[k]) + 1)
    cells[k] = cells[k][:at] + rng.choice(SIGNS) + cells[k][at:]


ANY = (insert_sign, m.shift_row, m.double_row, m.blank_row, spoil_value, m.restyle_cell, m.dress, m.other_delimiter)
COLUMNS = (m.drop_column, m.double_column, m.swap_columns, m.repeat_header)
SPOILS = (m.encoded, m.unseen, m.truncated, m.broken_quote, m.flipped)


def drawn(rng: random.Random) -> tuple[Sheet, dict[tuple[str, str], float], list[m.Change]]:
    """A table in one of the shapes and styles, its closes, and changes that leave no other table that is whole."""
    assets, days = (
        rng.sample(["SPY", "AGG", "BRK.B", "VOD.L"], rng.choice([1, 2, 3])),
        [*DAYS, pd.Timestamp("2020-02-13")],
    )
    shape, is_german, grouped = rng.choice(["wide", "long", "levels", "bars"]), rng.random() < 0.4, rng.random() < 0.4
    assets = assets[:1] if shape == "bars" else assets
    size = [0.5, 30.0, 900.0, 40_000.0]
    truth = {
        (a, f"{d:%Y-%m-%d}"): round(rng.choice(size) * (1.0 + rng.random()), rng.choice([2, 4]))
        for a in assets
        for d in days
    }
    form = rng.choice(FORMS)

    def cell(asset: str, day: pd.Timestamp) -> str:
        text = format(truth[asset, f"{day:%Y-%m-%d}"], ",.4f" if grouped else ".4f").removesuffix("00")
        return m.other_style(text) if is_german else text

    wide = [[day.strftime(form), *(cell(asset, day) for asset in assets)] for day in days]
    make = partial(Sheet, delimiter=";" if is_german else rng.choice(",;\t|"))
    changes = [*ANY, *(() if is_german else (m.bare,))]
    if shape == "long":
        rows = [[asset, day.strftime(form), cell(asset, day)] for asset in assets for day in days]
        return make(["Symbol", "Date", "Close"], rows, fixed=("Date",)), truth, [*changes, *COLUMNS, m.rename_column]
    if shape == "levels":
        above, blank = [["Price", *["Close"] * len(assets)]], [["Date", *[""] * len(assets)]]
        return make(["Ticker", *assets], [*blank, *wide], above=above, fixed=("Ticker", *assets)), truth, changes
    if shape == "bars":
        rows = [[date, *[close] * 4, "1000"] for date, close in wide]
        return (
            make(["Date", "Open", "High", "Low", "Close", "Volume"], rows),
            truth,
            [*changes, *COLUMNS[1:], m.add_total],
        )
    return make(["Date", *assets], wide), truth, [*changes, *COLUMNS]


def outcome(path: Path, truth: dict[tuple[str, str], float]) -> str:
    try:
        understood = understand(path)
    except (DataError, ConfigError) as error:
        return "refused" if len(str(error)) < LONGEST else "wrong"
    bars = understood.bars
    keys = zip((bars.assets[i] for i in bars.asset), map(str, bars.days), strict=True)
    if all(truth.get(key) == close for key, close in zip(keys, bars.numbers["close"].tolist(), strict=True)):
        return "right"
    return "noted" if any(odd in note for note in understood.notes for odd in NOTED) else "wrong"


def test_mutated_files_give_the_right_closes_or_a_sentence(tmp_path: Path) -> None:
    rng, outcomes = random.Random(41), Counter[str]()
    for k in range(600):
        sheet, truth, changes = drawn(rng)
        path = tmp_path / f"{next(iter(truth))[0]}.csv"
        called, content = m.changed(rng, sheet, changes, SPOILS) if k % 10 else ("nothing", sheet.written().encode())
        path.write_bytes(content)
        result = outcome(path, truth)
        outcomes[result] += 1
        assert result == "right" or (result != "wrong" and k % 10), f"{called}\n{content[:2_000]!r}\n{truth}"
    assert outcomes["right"] > 210
    assert outcomes["refused"] > 210


def test_returns_are_no_prices(tmp_path: Path) -> None:
    (tmp_path / "returns.csv").write_text("Date,SPY,AGG\n2022-12-28,1.0,0.5\n2022-12-29,0.2,-0.3\n")
    said = r"returns\.csv, row 3: no price of AGG on 2022-12-29: found '?-0\.3'?\. .*returns are none"
    with pytest.raises(DataError, match=said):
        understand(tmp_path / "returns.csv")
