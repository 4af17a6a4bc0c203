"""Markets: returns, quotes, volumes, cash and instruments on one calendar, and views of their past."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.market.currency import in_currency
    from research.market.delisting import delist
    from research.market.instruments import SHUMWAY, instruments_table
    from research.market.market import Market, Past
    from research.market.notes import Note
    from research.market.reading.days import last_sessions
    from research.market.reading.embedded import EMBEDDED, load_market
    from research.market.reading.fact_tables import with_facts
    from research.market.reading.sources import market_from_file, market_from_frame, market_from_yfinance
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
