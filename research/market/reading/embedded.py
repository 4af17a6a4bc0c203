"""The markets that come with the workbench, by name. `data/README.md` has their origins, licences and defects."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foundation.errors import ConfigError, DataError
from foundation.files import DATA
from foundation.sets import missing
from research.market.instruments import instruments_table
from research.market.market import Market
from research.market.notes import Note
from research.market.reading.grids import A_TABLE, TABLES
from research.market.reading.sources import Missing, assemble, market_from_file
from research.market.reading.tables import WideTable, read_table, table_of

TOTAL_RETURNS = "returns: splits and dividends"
QUOTED_CLOSES = "quotes: splits, not dividends"
SATOSHI = 1e-8  # the smallest part of a bitcoin

SURVIVORS = Note("The assets were chosen with hindsight: all of them still exist.")
ADJUSTED_NOTE = Note(
    "Returns come from dividend-adjusted closes. Quotes are adjusted for splits, not for dividends: whole lots before "
    "a split are not those that were traded."
)


def load_market(source: str | Path, **of_file: Any) -> Market:
    """A market by name, or from a table of prices by path.

    source : "multi_asset_daily", "us_etf_ohlcv", "etf_dividends", "sp500_20", "stocks_with_exit", or a path of a table,
             such as a .csv, .xlsx or .parquet file.
    of_file : arguments of `market_from_file`, for a path only: quotes, volumes, cash, calendar, missing and so on.
    Raises : ConfigError for an unknown name or option; DataError as `market_from_file` does.

    >>> load_market("multi_asset_daily").shape
    (3886, 10)
    """
    if source in EMBEDDED:
        if of_file:
            raise ConfigError(f"market {source!r} is embedded and takes no options: found {', '.join(of_file)}.")
        sys.audit("rebalance.load_market", str(source))  # from memory or from files: whoever watches reads hears of it
        kept = read_once(str(source))
        return replace(kept, dates=kept.dates.copy())  # a market of its own; its arrays, read-only, are those of all
    if not str(source).lower().endswith(TABLES):
        raise ConfigError(f"unknown market {str(source)!r}. Use {', '.join(EMBEDDED)}, or {A_TABLE}.")
    return market_from_file(source, **of_file)


@cache
def read_once(name: str) -> Market:
    """An embedded market out of its files, which are read once by a process. Raises DataError where one is missing."""
    return EMBEDDED[name]()


# -- ten assets of several classes -----------------------------------------------------------------------------------

MULTI_ASSET_CLASSES = {
    **dict.fromkeys(("SPY", "QQQ"), "us_equity"),
    **dict.fromkeys(("AGG", "TLT"), "bonds"),
    "VEA": "developed_equity",
    "VWO": "emerging_equity",
    "VNQ": "real_estate",
    "GLD": "gold",
    "COM": "commodities",
    "BTC": "crypto",
}
MULTI_ASSET_ADJUSTMENT = {
    "TLT": f"{TOTAL_RETURNS}; {QUOTED_CLOSES}, to 2020-07-16",
    "COM": f"{TOTAL_RETURNS}; no quotes",
    "BTC": "returns and quotes: one series, which has neither splits nor dividends",
}
MULTI_ASSET_NOTES = (
    ADJUSTED_NOTE,
    Note("BTC is a close of 24:00 UTC, three to four hours after New York's: leads and lags mean nothing.", ["BTC"]),
    Note("COM is GSG to 2014-10-15 and COMT after, spliced by its author; it has no quotes.", ["COM"]),
    Note("TLT joins two sources at 2020-07-16; after it there are no quotes.", ["TLT"], first="2020-07-17"),
    SURVIVORS,
)


def multi_asset_daily() -> Market:
    """Ten assets in US dollars on the sessions of New York, 2007-07-26 to 2022-12-29; BTC from 2013-04-29."""
    folder = DATA / "multi_asset_daily"
    prices = _embedded(folder / "prices_total_return.csv")
    quotes = _embedded(folder / "close_unadjusted.csv")
    bitcoin = prices.cells[:, prices.names.index("BTC")]  # it pays nothing, so its price is its quote
    names = (*quotes.names, "BTC")
    return assemble(
        prices,
        quotes=WideTable(quotes.days, names, np.column_stack([quotes.cells, bitcoin]), quotes.source, quotes.lines),
        volumes=_embedded(folder / "volume_shares.csv"),
        cash="bill",
        instruments=instruments_table(
            prices.names,
            asset_class=[MULTI_ASSET_CLASSES[name] for name in prices.names],
            adjustment=[MULTI_ASSET_ADJUSTMENT.get(name, f"{TOTAL_RETURNS}; {QUOTED_CLOSES}") for name in prices.names],
            lot=[SATOSHI if name == "BTC" else 1.0 for name in prices.names],
        ),
        name="multi_asset_daily",
        notes=MULTI_ASSET_NOTES,
        scheduled=True,
    )


# -- US funds with bars ----------------------------------------------------------------------------------------------

US_ETF_CLASSES = {
    **dict.fromkeys(("AGG", "BND", "BSV"), "bonds"),
    **dict.fromkeys(("VWO", "IEMG"), "emerging_equity"),
    "VEA": "developed_equity",
    "VNQ": "real_estate",
    "GLD": "gold",
}
US_ETF_SECTORS = {
    "IYT": "industrials",
    "OIH": "energy",
    "SOXX": "information technology",
    "VOX": "communication services",
    "XLF": "financials",
    "XLP": "consumer staples",
    "XLV": "health care",
    "XLY": "consumer discretionary",
}


def us_etf_ohlcv() -> Market:
    """21 US funds with bars and volumes, each from its listing: 1993-01-29 to 2023-02-27, the last day of all.

    Raises : DataError where its file is missing.
    """
    path = DATA / "us_etf_ohlcv" / "daily.parquet"
    _require(path)
    long = pd.read_parquet(path)
    end = long.groupby("ticker")["date"].max().min()
    later = sorted(long.loc[long["date"] > end, "ticker"].unique())
    long = long[long["date"] <= end]
    tables = _tables(path, long, "date", ("adj_close", "close", "volume", "open", "high", "low"))
    names = tables["adj_close"].names
    idle = long[long["volume"] == 0]
    idlers = sorted(idle["ticker"].unique())
    return assemble(
        tables["adj_close"],
        quotes=tables["close"],
        volumes=tables["volume"],
        bars={bar: tables[bar] for bar in ("open", "high", "low")},
        cash="bill",
        instruments=instruments_table(
            names,
            asset_class=[US_ETF_CLASSES.get(name, "us_equity") for name in names],
            sector=[US_ETF_SECTORS.get(name, "") for name in names],
            adjustment=f"{TOTAL_RETURNS}; {QUOTED_CLOSES}",
        ),
        name="us_etf_ohlcv",
        notes=(
            ADJUSTED_NOTE,
            Note(
                f"The data is cut on {end:%Y-%m-%d}, the last day on which all funds are quoted; the source goes on "
                f"for {', '.join(later)}.",
                first=end,
            ),
            Note(
                f"{', '.join(idlers)} have a quote but no volume on {len(idle)} days: kept as published, tradable, "
                "with volume zero.",
                idlers,
                first=idle["date"].min(),
                last=idle["date"].max(),
            ),
            SURVIVORS,
        ),
        scheduled=True,
    )


# -- US funds with their dividends -----------------------------------------------------------------------------------

DIVIDEND_CLASSES = {"GLD": "gold", "HDV": "us_equity", "SPY": "us_equity", "TLT": "bonds"}
DIVIDEND_NOTES = (
    Note(
        "Returns are (close + dividend) / previous close - 1, of closes as quoted; the vendor's adjusted closes agree "
        "with them to 6e-5 a day. No fund was split in these years."
    ),
    Note(
        "The range of HDV on 2015-08-24, high over low of 1.79, is kept as published: New York opened in disorder.",
        ["HDV"],
        first="2015-08-24",
        last="2015-08-24",
    ),
    SURVIVORS,
)


def etf_dividends() -> Market:
    """SPY, TLT, GLD and HDV with quotes, bars, volumes and each dividend, 2000-07-14 to 2020-07-16.

    Raises : DataError where its file is missing.
    """
    path = DATA / "etf_dividends" / "daily.parquet"
    _require(path)
    long = pd.read_parquet(path)
    before = long.groupby("ticker")["close"].shift()
    growth = long["split_coefficient"] * (long["close"] + long["dividend_amount"]) / before
    long["total_return"] = growth.fillna(1.0).groupby(long["ticker"]).cumprod()
    fields = ("total_return", "open", "high", "low", "close", "volume", "dividend_amount", "split_coefficient")
    tables = _tables(path, long, "timestamp", fields)
    names = tables["close"].names
    return assemble(
        tables["total_return"],
        quotes=tables["close"],
        volumes=tables["volume"],
        bars={bar: tables[bar] for bar in ("open", "high", "low")},
        dividends=tables["dividend_amount"],
        splits=tables["split_coefficient"],
        cash="bill",
        instruments=instruments_table(
            names,
            asset_class=[DIVIDEND_CLASSES[name] for name in names],
            adjustment=f"{TOTAL_RETURNS}; quotes: as traded, neither splits nor dividends",
        ),
        missing="halt",
        name="etf_dividends",
        notes=DIVIDEND_NOTES,
        scheduled=True,
    )


# -- twenty US stocks ------------------------------------------------------------------------------------------------

SP500_SECTORS = {
    **dict.fromkeys(("AAPL", "AMD", "MSFT"), "information technology"),
    **dict.fromkeys(("BAC", "JPM"), "financials"),
    **dict.fromkeys(("BBY", "HD"), "consumer discretionary"),
    **dict.fromkeys(("CVX", "RRC", "XOM"), "energy"),
    **dict.fromkeys(("JNJ", "LLY", "MRK", "PFE", "UNH"), "health care"),
    **dict.fromkeys(("KO", "PEP", "PG", "WMT"), "consumer staples"),
    "GE": "industrials",
}
SP500_NOTES = (
    Note("Returns come from closes adjusted for splits and dividends; there are no quotes, and so no whole units."),
    Note("Prices are rounded to three decimals: to 2004 a cheap stock moves in steps of up to 1 %.", last="2004-12-31"),
    Note("The twenty stocks were chosen with hindsight, which overstates growth."),
)


def sp500_20() -> Market:
    """Twenty US stocks, 1990-01-02 to 2022-12-28, out of the skfolio package; without quotes.

    Raises : MissingSetError where that package is missing.
    """
    package = find_spec("skfolio")  # found and not imported, which would take seconds
    if package is None or package.origin is None:
        raise missing("skfolio")
    prices = _embedded(Path(package.origin).parent / "datasets" / "data" / "sp500_dataset.csv.gz")
    return _stocks(prices, SP500_SECTORS, "sp500_20", SP500_NOTES)


# -- twenty US stocks, one of which left -----------------------------------------------------------------------------

EXIT_SECTORS = {
    **dict.fromkeys(("AAPL", "AMD"), "information technology"),
    **dict.fromkeys(("AMZN", "BABA", "BBY", "GM", "SBUX", "SHLD", "UAA"), "consumer discretionary"),
    **dict.fromkeys(("BAC", "JPM", "MA"), "financials"),
    **dict.fromkeys(("GOOG", "META", "T"), "communication services"),
    **dict.fromkeys(("RRC", "XOM"), "energy"),
    "GE": "industrials",
    "PFE": "health care",
    "WMT": "consumer staples",
}
EXIT_NOTES = (
    Note("Returns come from closes adjusted for splits and dividends; there are no quotes, and so no whole units."),
    Note(
        "SHLD (Sears Holdings) left the market: its prices end here on 2018-04-11, and it was delisted in October "
        "2018. What was lost between the two is not in the data, so SHLD stays halted at its last price until that is "
        "stated: delist(market, 'SHLD', date, delisting_return), the return being that on the price of 2018-04-11.",
        ["SHLD"],
        first="2018-04-12",
        warning=True,
    ),
    Note("The twenty stocks were chosen with hindsight: all but SHLD still exist, which overstates growth."),
)


def stocks_with_exit() -> Market:
    """Twenty US stocks, 1990-01-02 to 2024-11-29, with nine late listings and SHLD, which left; without quotes."""
    prices = _embedded(DATA / "stocks_with_exit" / "prices.csv")
    return _stocks(prices, EXIT_SECTORS, "stocks_with_exit", EXIT_NOTES, missing="halt")


EMBEDDED: dict[str, Callable[[], Market]] = {
    "multi_asset_daily": multi_asset_daily,
    "us_etf_ohlcv": us_etf_ohlcv,
    "etf_dividends": etf_dividends,
    "sp500_20": sp500_20,
    "stocks_with_exit": stocks_with_exit,
}


def _stocks(
    prices: WideTable, sectors: dict[str, str], name: str, notes: tuple[Note, ...], missing: Missing = "error"
) -> Market:
    """US stocks of which there are adjusted closes alone."""
    return assemble(
        prices,
        cash="bill",
        instruments=instruments_table(
            prices.names,
            asset_class="us_equity",
            sector=[sectors[asset] for asset in prices.names],
            adjustment=f"{TOTAL_RETURNS}; no quotes",
        ),
        missing=missing,
        name=name,
        notes=notes,
        scheduled=True,
    )


def _tables(path: Path, rows: pd.DataFrame, day: str, fields: Sequence[str]) -> dict[str, WideTable]:
    """The wide table of each field. rows : a row a day and ticker. day : name of the column of days."""
    wide = {name: rows.pivot(index=day, columns="ticker", values=name) for name in fields}  # noqa: PD010
    return {name: table_of(table, f"{path.name} ({name})") for name, table in wide.items()}


def _embedded(path: Path) -> WideTable:
    _require(path)
    return read_table(path)


def _require(path: Path) -> None:
    if not path.exists():
        raise DataError(f"no file {path}. It is part of the checkout or of the lock: restore it, or install anew.")
