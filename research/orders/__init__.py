"""Trade lists from decisions: whole lots, cash that stays above zero, and files that can be sent."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.orders.make_trade_list import trade_list
    from research.orders.request import Request
    from research.orders.trade_lists import TradeList
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
