"""One policy through the days of a market: the engine, its two loops, and the record of what was booked."""

from backtests.engine.ledger import Ledger
from backtests.engine.result import Backtest
from backtests.engine.run import backtest

__all__ = ["Backtest", "Ledger", "backtest"]
