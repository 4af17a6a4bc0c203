"""One desk's file: holdings, cash, strategic target, ranges, costs, limits and candidate policies."""

from research.portfolio.load import load_portfolio
from research.portfolio.orders import NO_LIMITS, OrderLimits
from research.portfolio.policies import ALLOCATIONS, RULES, policy_settings
from research.portfolio.portfolio import Limits, Portfolio
from research.portfolio.tax_lots import TaxLot, TaxLots, TaxRules
from research.portfolio.ticket import TicketTerms

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
    "load_portfolio",
    "policy_settings",
]
