"""Trade lists from decisions: whole lots, cash that stays above zero, and files that can be sent."""

from research.orders.make_trade_list import trade_list
from research.orders.request import Request
from research.orders.trade_list import TradeList

__all__ = ["Request", "TradeList", "trade_list"]
