"""From a decision to a trade list: whole lots, cash that stays above zero, and files that can be sent."""

from research.trading.request import Request
from research.trading.today import trade_list
from research.trading.trade_list import TradeList

__all__ = ["Request", "TradeList", "trade_list"]
