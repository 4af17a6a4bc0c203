"""One desk's file: holdings, cash, strategic target, ranges, costs, limits and candidate policies."""

from typing import TYPE_CHECKING

from foundation.quick_imports import lazy_names

if TYPE_CHECKING:
    from research.accounting.lots.lot import TaxLot, TaxLots, TaxRules
    from research.portfolio.keys.allocations import ALLOCATIONS
    from research.portfolio.keys.orders import NO_LIMITS, OrderLimits
    from research.portfolio.keys.policies import RULES, policy_settings
    from research.portfolio.keys.ticket import TicketTerms
    from research.portfolio.keys.weight_limits import WeightLimit
    from research.portfolio.load import load_portfolio
    from research.portfolio.portfolio import Limits, Portfolio
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
