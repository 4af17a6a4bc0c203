"""One policy through the days of a market: the engine, its two loops, and the record of what was booked."""

from backtests.engine.counted import backtest
from backtests.engine.ledger import Ledger
from backtests.engine.result import Backtest

__all__ = ["Backtest", "Ledger", "backtest"]
