"""From the frame that `yfinance.download` gives to a `Market`; nothing is downloaded here."""

import numpy as np
import pandas as pd

from foundation.errors import DataError
from research.market.instruments import instruments_table
from research.market.market import Market
from research.market.notes import Note
from research.market.reading.sources import CashSource, Missing, assemble
from research.market.reading.tables import Table, table_of

BARS = {"open": "Open", "high": "High", "low": "Low"}
ADJUSTED = (
    "Prices are adjusted for dividends and splits (auto_adjust=True): they give returns and no quotes, so there are no "
    "whole lots, no commission a unit and no volumes in currency. Download with auto_adjust=False for those."
)


def market_from_yfinance(
    frame: pd.DataFrame,
    *,
    cash: CashSource = None,
    instruments: pd.DataFrame | None = None,
    calendar: str = "XNYS",
    missing: Missing = "error",
    name: str = "yfinance",
) -> Market:
    """A market from the frame that `yfinance.download` gives: dates down, columns (field, ticker) or (ticker, field).

    frame       : a row a session. With auto_adjust=False, returns come from "Adj Close", quotes from "Close", bars from
                  "Open", "High" and "Low", units a day from "Volume" and, with actions=True, income from "Dividends"
                  and "Capital Gains". Yahoo adjusts quotes, volumes and dividends for splits, so "Stock Splits" is not
                  used. With auto_adjust=True, yfinance's default, "Close" is adjusted for dividends: it gives returns,
                  and there are no quotes, which a warning among the notes says.
    cash        : as in `market_from_frame`.
    instruments : (n, ·) table by ticker, as in `market_from_frame`.
    calendar    : as in `market_from_frame`.
    missing     : as in `market_from_frame`.
    name        : what a report calls the market.
    Raises      : DataError for columns of another shape, a field that is missing, and as `market_from_frame` does.
    """
    fields = _by_field(frame, name)
    adjusted = "Adj Close" not in fields
    prices = fields["Close" if adjusted else "Adj Close"]
    dividends, income = None, [fields[field] for field in ("Dividends", "Capital Gains") if field in fields]
    if income and not adjusted:
        cells = np.sum([np.nan_to_num(table.wide(prices.names)) for table in income], axis=0)
        dividends = Table(prices.days, prices.names, cells, f"{name} (Dividends)")
    bars = {bar: fields[field] for bar, field in BARS.items() if field in fields} if not adjusted else {}
    quoted = "no quotes" if adjusted else "quotes: adjusted for splits"
    lines = instruments_table(prices.names) if instruments is None else instruments
    if instruments is None or "adjustment" not in instruments:
        lines = lines.assign(adjustment=f"returns: adjusted for dividends and splits; {quoted}")
    return assemble(
        prices,
        quotes=None if adjusted else fields["Close"],
        volumes=fields.get("Volume"),
        dividends=dividends,
        bars=bars or None,
        cash=cash,
        instruments=lines,
        calendar=calendar,
        missing=missing,
        name=name,
        notes=(Note(ADJUSTED, warning=True),) if adjusted else (),
    )


def _by_field(frame: pd.DataFrame, name: str) -> dict[str, Table]:
    """A checked table of each field, tickers across. Raises DataError where the columns are no pairs of the two."""
    if frame.columns.nlevels != 2:
        raise DataError(
            f"columns of {name} are {', '.join(map(repr, frame.columns[:6]))}: expected pairs of field and ticker, as "
            "yfinance.download gives them. Download with multi_level_index=True, or name the one ticker: "
            "pd.concat({'SPY': frame}, axis=1)."
        )
    level = next((i for i in (0, 1) if "Close" in frame.columns.get_level_values(i)), None)
    if level is None:
        raise DataError(
            f"no field 'Close' in {name}: found {', '.join(map(repr, frame.columns[:4]))}. Give the frame of "
            "yfinance.download as it comes."
        )
    return {
        str(field): table_of(pd.DataFrame(frame.xs(field, axis=1, level=level)), f"{name} ({field})")
        for field in dict.fromkeys(frame.columns.get_level_values(level))
        if field in ("Adj Close", "Close", "Volume", "Dividends", "Capital Gains", *BARS.values())
    }
