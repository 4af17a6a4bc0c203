"""One desk's file: holdings, cash, strategic target, ranges, costs, limits and candidate policies."""

from research.portfolio.allocations import ALLOCATIONS
from research.portfolio.load import load_portfolio
from research.portfolio.orders import NO_LIMITS, OrderLimits
from research.portfolio.policies import RULES, policy_settings
from research.portfolio.portfolio import Limits, Portfolio
from research.portfolio.tax_lots import TaxLot, TaxLots, TaxRules
from research.portfolio.ticket import TicketTerms
from research.portfolio.weight_limits import WeightLimit

__all__ = [
    "ALLOCATIONS",
    "NO_LIMITS",
    "RULES",
    "Limits",
    "OrderLimits",
    "Portfolio",
    "TaxLot",
    "TaxLots",
    "TaxRules",
    "TicketTerms",
    "WeightLimit",
    "load_portfolio",
    "policy_settings",
]
