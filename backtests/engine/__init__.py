"""One policy through the days of a market: the engine, its two loops, and the record of what was booked."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from backtests.engine.counted import backtest
    from backtests.engine.ledger import Ledger
    from backtests.engine.result import Backtest
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
