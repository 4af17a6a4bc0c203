"""From the frame that `yfinance.download` gives to a `Market`; nothing is downloaded here."""

import pandas as pd

from foundation.errors import DataError
from research.market.market import Market
from research.market.reading.sources import CashSource, Missing, market_from_frame


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
                  and "Capital Gains"; quotes are as traded where "Stock Splits" are given. With auto_adjust=True,
                  yfinance's default, "Close" is adjusted for dividends: it gives returns, and there are no quotes.
    cash, instruments, calendar, missing, name : as in `market_from_frame`.
    Raises      : DataError for columns of another shape, and as `market_from_frame` does.
    """
    if frame.columns.nlevels != 2:
        raise DataError(
            f"columns of {name} are {', '.join(map(repr, frame.columns[:6]))}: expected pairs of field and ticker, as "
            "yfinance.download gives them. Download with multi_level_index=True, or name the one ticker: "
            "pd.concat({'SPY': frame}, axis=1)."
        )
    if not any("Close" in frame.columns.get_level_values(level) for level in (0, 1)):
        raise DataError(
            f"no field 'Close' in {name}: found {', '.join(map(repr, frame.columns[:4]))}. Give the frame of "
            "yfinance.download as it comes."
        )
    return market_from_frame(frame, cash=cash, instruments=instruments, calendar=calendar, missing=missing, name=name)
